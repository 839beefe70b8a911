using System.Text.Json;

namespace Memoir.Faults.Cycles;

/// <summary>Everything about a message that a caller can read back.</summary>
internal sealed record MessageVersion(
    string Token, string Role, string? Name, string Content, string Metadata, double? Importance)
{
    public bool Matches(JsonElement item)
    {
        return Text(item, "content") == Content
            && Text(item, "role") == Role
            && Text(item, "name") == Name
            && item.TryGetProperty("metadata", out var metadata)
            && JsonElement.DeepEquals(metadata, JsonElement.Parse(Metadata))
            && (Importance is not { } importance
                || (item.TryGetProperty("importance_score", out var score)
                    && Math.Abs(score.GetDouble() - importance) < 0.0001));
    }

    public bool IsContentOf(JsonElement item) => Text(item, "content") == Content;

    public static string? Text(JsonElement item, string member) =>
        item.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>A message as the ledger knows it: what was acknowledged last, and what an unanswered operation may have made of it.</summary>
internal sealed class ExpectedMessage(string entity, string tenant, string conversation, string? externalId)
{
    private readonly List<MessageVersion> _past = [];
    private int _texts;

    /// <summary>The part of its token that names the message; every version of its text starts with it.</summary>
    public string Entity => entity;

    public string Tenant => tenant;

    public string Conversation => conversation;

    public string? ExternalId => externalId;

    public string? Id { get; set; }

    /// <summary>The acknowledged state; null when it must not be there.</summary>
    public MessageVersion? Acknowledged { get; private set; }

    public bool InDoubt { get; private set; }

    /// <summary>It was deleted once, so repetitions of its stores may be refused.</summary>
    public bool WasDeleted { get; private set; }

    /// <summary>Only while in doubt: the state that the unanswered operation would have left.</summary>
    public MessageVersion? Possible { get; private set; }

    /// <summary>What the last look at the server found.</summary>
    public MessageVersion? Observed { get; set; }

    /// <summary>What it was before, oldest first.</summary>
    public IReadOnlyList<MessageVersion> Past => _past;

    /// <summary>Numbers the texts it is given, so that each has a token of its own.</summary>
    public int NextText() => ++_texts;

    public void Settle(MessageVersion? version)
    {
        if (Acknowledged is not null)
        {
            _past.Add(Acknowledged);
        }

        Acknowledged = version;
        WasDeleted |= version is null;
        InDoubt = false;
        Possible = null;
    }

    public void Doubt(MessageVersion? possible)
    {
        InDoubt = true;
        Possible = possible;
    }

    /// <summary>The unanswered operation turned out not to have happened.</summary>
    public void Dismiss()
    {
        InDoubt = false;
        Possible = null;
    }
}

/// <summary>An API key as the ledger knows it.</summary>
internal sealed class ExpectedKey(string name, string tenant)
{
    public string Name => name;

    public string Tenant => tenant;

    public string? Id { get; set; }

    public string? Secret { get; set; }

    public bool Active { get; set; }

    public bool InDoubt { get; set; }
}
