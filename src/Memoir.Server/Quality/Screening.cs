using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Quality.Detection;
using Memoir.Server.Wire;

namespace Memoir.Server.Quality;

/// <summary>One thing that is to be stored, read under a policy: what is masked in it, and why it is refused. Pure.</summary>
internal sealed class Screening(SensitivePolicy policy)
{
    /// <summary>The header by which an answer whose body has no room for it says what was masked.</summary>
    public const string Header = "Memoir-Masked";

    private const int LongestContent = 100_000;

    private static readonly Comparer<MaskedField> InOrder = Comparer<MaskedField>.Create(
        (a, b) => string.CompareOrdinal(a.Field, b.Field) is var fields and not 0 ? fields : string.CompareOrdinal(a.Kind, b.Kind));

    private readonly FieldChecks _refusals = new();
    private readonly Dictionary<(string Field, SensitiveKind Kind), int> _masked = [];
    private readonly HashSet<(string, string)> _told = [];

    /// <summary>Nothing of it was masked, and nothing is refused.</summary>
    public bool IsClean => _masked.Count == 0 && _told.Count == 0;

    /// <summary>What was masked; null when nothing was.</summary>
    public IReadOnlyList<MaskedField>? Masked =>
        _masked.Count == 0 ? null : [.. _masked.Select(one => new MaskedField(one.Key.Field, one.Key.Kind.Name(), one.Value)).Order(InOrder)];

    /// <exception cref="ProblemException">422: what the policy refuses is in it; the kinds are named, the words never.</exception>
    public void ThrowIfRefused() => _refusals.ThrowIfAny();

    /// <summary>The words of a memory, which masked may be no longer than one that is sent.</summary>
    public string Content(string words)
    {
        var content = Text("content", words);
        if (content.Length > LongestContent && content.Length > words.Length)
        {
            Refuse("content", $"would have more than {LongestContent} characters once what is sensitive in it is masked");
        }

        return content;
    }

    public string Text(string field, string text) => Judged(field, text, SensitiveText.Find(text));

    /// <summary>Every text and every number in a JSON value. What there is nothing to mask in stays as it was spelled.</summary>
    /// <param name="field">The member of the request.</param>
    /// <param name="json">The value.</param>
    /// <param name="name">What it is called; null where that tells nothing.</param>
    public string Json(string field, string json, string? name)
    {
        if (json.Length <= 4)
        {
            return json; // {} and [] and null: nothing is said.
        }

        using var document = JsonDocument.Parse(json);
        return new ScreenedJson(this, field).Of(document.RootElement, name) ?? json;
    }

    /// <summary>The texts of a document, except those that it had already.</summary>
    public string Document(string json, string? known)
    {
        using var document = JsonDocument.Parse(json);
        return new ScreenedJson(this, "document") { Known = known is null ? null : KnownTexts.Of(known), KeepsIds = true }.Of(document.RootElement, name: null) ?? json;
    }

    /// <summary>A version as it is kept: its words, not the names by which things are found. Its value is read as a memory's is.</summary>
    public string Snapshot(string json)
    {
        using var document = JsonDocument.Parse(json);
        return new ScreenedJson(this, "snapshot") { Given = ValueOf(document.RootElement), Kept = ["type", "user_id", "conversation_id", "role", "name", "key", "source", "external_id", "scope", "masked"] }.Of(document.RootElement, name: null) ?? json;
    }

    /// <summary>The words of a value that was masked. Those of before are not: it is refused where there would be too many.</summary>
    public string Words(string field, string name, string value)
    {
        using var document = JsonDocument.Parse(value);
        if (StatementText.Of(name, document.RootElement) is { Length: > 0 } words)
        {
            return words;
        }

        Refuse(field, $"would say more than {StatementText.Longest} characters once what is sensitive in it is masked");
        return "";
    }

    /// <summary>The text as the policy has it, given under a name that may tell what it is.</summary>
    public string Text(string field, string? name, string text) => Judged(field, text, name is null ? SensitiveText.Find(text) : SensitiveText.Find(name, text));

    /// <summary>Names are not masked: nothing would be found by them any more.</summary>
    public void Name(string field, string name)
    {
        foreach (var finding in SensitiveText.Find(name))
        {
            if (policy.Of(finding.Kind) != SensitiveAction.Keep)
            {
                Refuse(field, $"has a name that contains {What(finding.Kind)}; names are not masked");
            }
        }
    }

    /// <summary>What tells the things in a list apart is not masked either; a secret in it is refused, personal data only where that is.</summary>
    public void Id(string field, string id)
    {
        foreach (var finding in SensitiveText.Find(id))
        {
            var action = policy.Of(finding.Kind);
            if (action == SensitiveAction.Refuse || (action == SensitiveAction.Mask && finding.Kind.Class() is SensitiveClass.Secrets))
            {
                Refuse(field, $"has an id that contains {What(finding.Kind)}; ids are not masked");
            }
        }
    }

    /// <summary>In one order, so that the same is spelled the same.</summary>
    public static string? Serialize(IReadOnlyList<MaskedField>? masked) =>
        masked is null or { Count: 0 } ? null : JsonSerializer.Serialize([.. masked.Order(InOrder)], WireJson.Of<IReadOnlyList<MaskedField>>());

    /// <returns>Null when nothing was masked, or an import says it in a way that nobody reads.</returns>
    public static IReadOnlyList<MaskedField>? Parse(string? masked)
    {
        try
        {
            return masked is null ? null : JsonSerializer.Deserialize(masked, WireJson.Of<IReadOnlyList<MaskedField>>());
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What was masked before, and what was masked now.</summary>
    public static string? Join(string? before, IReadOnlyList<MaskedField>? now) => now is null or { Count: 0 } ? before : Serialize(
        [.. (Parse(before) ?? []).Concat(now).GroupBy(one => (one.Field, one.Kind), (of, all) => new MaskedField(of.Field, of.Kind, all.Sum(one => one.Count)))]);

    /// <summary>As a header says it: <c>secrets.github_token=1, personal_data.email=2</c>.</summary>
    public string? AsHeader() => _masked.Count == 0 ? null : string.Join(", ",
        from one in _masked
        group one.Value by one.Key.Kind into kind
        orderby kind.Key
        select $"{(kind.Key.Class() is SensitiveClass.Secrets ? "secrets" : "personal_data")}.{kind.Key.Name()}={kind.Sum()}");

    /// <summary>The value of a version, masked, and the words that it says then; nothing where it stays as it is.</summary>
    private Dictionary<string, string> ValueOf(JsonElement said)
    {
        if (said.ValueKind is not JsonValueKind.Object || !said.TryGetProperty("value", out var value) || new ScreenedJson(this, "snapshot").Of(value, Said("key")) is not { } masked)
        {
            return [];
        }

        var words = Text("snapshot", Words("snapshot", Said("key") ?? Said("type") ?? "", value.ValueKind is JsonValueKind.Object ? masked : $$"""{"value":{{masked}}}"""));
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["value"] = masked,
            ["content"] = $"\"{JsonEncodedText.Encode(words, WireJson.Options.Encoder)}\"",
        };

        string? Said(string name) => said.TryGetProperty(name, out var text) && text.ValueKind is JsonValueKind.String ? text.GetString() : null;
    }

    private string Judged(string field, string text, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
        {
            return text;
        }

        var masked = new List<Finding>(findings.Count);
        foreach (var finding in findings)
        {
            switch (policy.Of(finding.Kind))
            {
                case SensitiveAction.Mask:
                    masked.Add(finding);
                    _masked[(field, finding.Kind)] = _masked.GetValueOrDefault((field, finding.Kind)) + 1;
                    break;
                case SensitiveAction.Refuse:
                    Refuse(field, $"contains {What(finding.Kind)}; this tenant refuses to store those");
                    break;
                default:
                    break;
            }
        }

        return SensitiveText.Mask(text, masked);
    }

    private void Refuse(string field, string message)
    {
        if (_told.Add((field, message)))
        {
            _refusals.Add(field, message);
        }
    }

    private static string What(SensitiveKind kind) => $"{(kind.Class() is SensitiveClass.Secrets ? "a secret" : "personal data")} ({kind.Name()})";
}
