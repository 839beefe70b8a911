using System.Text.Json;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>What an operation does to one message; null leaves none.</summary>
internal sealed record MessageChange(ExpectedMessage Message, MessageVersion? After);

/// <summary>One request of a writer, with what it promises once it is answered, and the bytes to send it again.</summary>
internal sealed record Operation(long Number, string Kind, string Tenant, HttpMethod Method, string Path)
    : Request(Number, Kind, Tenant, Method, Path)
{
    public IReadOnlyList<MessageChange> Changes { get; init; } = [];

    public ExpectedKey? ApiKey { get; init; }

    public string Title => $"{Kind} {Number}";

    /// <summary>PUT-like: to send it twice is the same as to send it once, with or without a key.</summary>
    public bool IsRepeatable => Key is not null || Method != HttpMethod.Post;

    public byte[]? AnsweredBody { get; private set; }

    public int AnsweredStatus { get; private set; }

    /// <summary>The server acknowledged: from now on the change must be there.</summary>
    public void Settle(int status, byte[] body)
    {
        AnsweredStatus = status;
        AnsweredBody = body;
        if (ApiKey is { } key)
        {
            SettleKey(key, body);
        }

        if (Method == HttpMethod.Post && Changes.Count > 0)
        {
            TakeIds(body);
        }

        foreach (var (message, after) in Changes)
        {
            message.Settle(after);
        }
    }

    /// <summary>The server never answered: both states are allowed until one is seen.</summary>
    public void Doubt()
    {
        foreach (var (message, after) in Changes)
        {
            message.Doubt(after);
        }

        ApiKey?.InDoubt = true;
    }

    /// <summary>Whether the change was found after the restart; null when only a part of it was.</summary>
    public bool? WasFound()
    {
        var found = Changes.Count(change => change.Message.Observed == change.After);
        return found == Changes.Count ? true : found == 0 ? false : null;
    }

    private void SettleKey(ExpectedKey key, byte[] body)
    {
        key.Active = Method == HttpMethod.Post;
        key.InDoubt = false;
        if (key.Active)
        {
            var answer = JsonElement.Parse(body);
            key.Id = MessageVersion.Text(answer, "id") ?? key.Id;
            key.Secret = MessageVersion.Text(answer, "key") ?? key.Secret;
        }
    }

    private void TakeIds(byte[] body)
    {
        var answer = JsonElement.Parse(body);
        if (!answer.TryGetProperty("items", out var items))
        {
            Changes[0].Message.Id = MessageVersion.Text(answer, "id");
            return;
        }

        // Refused items have no change, so the answers with an id line up with the changes.
        var ids = items.EnumerateArray().Select(item => MessageVersion.Text(item, "id")).Where(id => id is not null);
        foreach (var (change, id) in Changes.Zip(ids))
        {
            change.Message.Id = id;
        }
    }
}
