using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Eval;

/// <summary>Conversations with questions, and for each question the turns that answer it: the file that docs/eval.md describes.</summary>
internal sealed partial record QuestionSet(IReadOnlyList<QuestionSet.Group> Groups)
{
    private const long LargestFile = 256 * 1024 * 1024;
    private static readonly DateTimeOffset Undated = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <exception cref="CommandException">It cannot be read; the text names where.</exception>
    public static QuestionSet Load(string path)
    {
        using var file = Files.Open(path);
        return file.Length > LargestFile
            ? throw new CommandException(ExitCode.Data, $"{PrintableText.Of(path)} is larger than {LargestFile} bytes")
            : Load(file);
    }

    /// <exception cref="CommandException">It cannot be read; the text names where.</exception>
    public static QuestionSet Load(Stream file)
    {
        try
        {
            var raw = JsonSerializer.Deserialize(file, QuestionSetJson.Default.RawSet);
            return raw?.Groups is { Count: > 0 } groups
                ? new QuestionSet([.. groups.Select((group, i) => Read(group, $"groups[{i}]"))])
                : throw Wrong("groups", "is missing or empty");
        }
        catch (JsonException exception)
        {
            throw Wrong(exception.Path is { Length: > 1 } at ? at[2..] : "the file", $"cannot be read (line {exception.LineNumber + 1})");
        }
    }

    /// <summary>The first or the second half of the groups, to tune on one and report on the other.</summary>
    public QuestionSet Half(int? half) => half is null ? this : new QuestionSet([.. Groups.Where((_, i) => i % 2 == half)]);

    private static Group Read(RawGroup? group, string at)
    {
        var raw = group?.Docs ?? [];
        var turns = new List<Turn>(raw.Count);
        for (var i = 0; i < raw.Count; i++)
        {
            var doc = raw[i];
            var order = doc?.O ?? i;
            var id = Required(doc?.Id, $"{at}.docs[{i}].id");
            turns.Add(new Turn
            {
                Id = id,
                Order = order,
                ExternalId = $"{id}#{order}", // Some sets repeat ids.
                Conversation = doc!.Sid is { ValueKind: JsonValueKind.String or JsonValueKind.Number } sid ? sid.ToString() : "conversation",
                Text = doc.Text ?? throw Wrong($"{at}.docs[{i}].text", "is missing"),
                Who = doc.Who ?? "",
                When = Instant(doc.When ?? ""),
            });
        }

        // Strictly later with the order of the turns, as far as whole sessions share one time.
        var times = new Dictionary<int, DateTimeOffset>();
        DateTimeOffset? last = null;
        foreach (var turn in turns.OrderBy(turn => turn.Order))
        {
            last = last is null || turn.When > last ? turn.When : last.Value.AddMilliseconds(1);
            times[turn.Order] = last.Value;
        }

        turns = [.. turns.Where(turn => !string.IsNullOrWhiteSpace(turn.Text)).Select(turn => turn with { When = times[turn.Order] })];
        var known = raw.Select(doc => doc!.Id).ToHashSet();
        return new Group(turns, [.. (group?.Queries ?? []).Select((query, i) => Read(query, times, known, $"{at}.queries[{i}]"))]);
    }

    private static Question Read(RawQuery? query, Dictionary<int, DateTimeOffset> times, HashSet<string?> known, string at)
    {
        var text = Required(query?.Text, $"{at}.text");
        var turns = query!.Turns ?? throw Wrong($"{at}.turns", "is missing");
        for (var i = 0; i < turns.Count; i++)
        {
            // A set without conversations asks about what is stored already.
            if (known.Count > 0 && !known.Contains(turns[i]))
            {
                throw Wrong($"{at}.turns[{i}]", "names no doc of its group");
            }
        }

        return new Question(
            text,
            string.IsNullOrEmpty(query.Cat) ? "questions" : query.Cat,
            query.Before is { } before && times.TryGetValue(before, out var until) ? until : null,
            turns.ToHashSet(StringComparer.Ordinal));
    }

    private static string Required(string? value, string at) => string.IsNullOrEmpty(value) ? throw Wrong(at, "is missing or empty") : value;

    private static CommandException Wrong(string at, string what) => new(ExitCode.Data, $"{at}: {what} (docs/eval.md shows the format)");

    /// <summary>The spellings of the public sets; without one, turns are only in order.</summary>
    private static DateTimeOffset Instant(string text)
    {
        try
        {
            if (Iso().Match(text) is { Success: true } iso)
            {
                return new DateTimeOffset(Number(iso, 1), Number(iso, 2), Number(iso, 3), Number(iso, 4), Number(iso, 5), Number(iso, 6), TimeSpan.Zero);
            }

            if (Spoken().Match(text) is { Success: true } spoken)
            {
                var hour = (Number(spoken, 1) % 12) + (spoken.Groups[3].Value.Equals("pm", StringComparison.OrdinalIgnoreCase) ? 12 : 0);
                var month = DateTime.ParseExact(spoken.Groups[5].Value[..3], "MMM", CultureInfo.InvariantCulture).Month;
                return new DateTimeOffset(Number(spoken, 6), month, Number(spoken, 4), hour, Number(spoken, 2), 0, TimeSpan.Zero);
            }
        }
        catch (ArgumentOutOfRangeException)
        {
            return Undated; // Looks like a time and is none.
        }
        catch (FormatException)
        {
            return Undated;
        }

        return Undated;
    }

    private static int Number(Match match, int group) =>
        match.Groups[group].Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?")]
    private static partial Regex Iso();

    [GeneratedRegex("([0-9]{1,2}):([0-9]{2}) ([ap]m) on ([0-9]{1,2}) ([A-Za-z]{3,}),? ([0-9]{4})", RegexOptions.IgnoreCase)]
    private static partial Regex Spoken();

    /// <summary>One tenant's conversations with their questions.</summary>
    internal sealed record Group(IReadOnlyList<Turn> Turns, IReadOnlyList<Question> Questions);

    /// <summary>One question, the ids that answer it, and until when was known what it asks about.</summary>
    internal sealed record Question(string Text, string Category, DateTimeOffset? Until, IReadOnlySet<string> Gold);

    /// <summary>One turn of a conversation.</summary>
    internal sealed record Turn
    {
        public required string Id { get; init; }

        public required int Order { get; init; }

        public required string ExternalId { get; init; }

        public required string Conversation { get; init; }

        public required string Text { get; init; }

        public required string Who { get; init; }

        public required DateTimeOffset When { get; init; }

        public string Role => Who == "assistant" ? "assistant" : "user";

        /// <summary>The speaker's display name, where <c>who</c> is more than a role.</summary>
        public string? Name => Who is "" or "user" or "assistant" ? null : Who;
    }
}

/// <summary>The file as it is written.</summary>
internal sealed record RawSet(IReadOnlyList<RawGroup?>? Groups);

/// <summary>A group as it is written.</summary>
internal sealed record RawGroup(IReadOnlyList<RawDoc?>? Docs, IReadOnlyList<RawQuery?>? Queries);

/// <summary>A turn as it is written.</summary>
internal sealed record RawDoc(string? Id, JsonElement? Sid, string? Text, string? Who, string? When, int? O);

/// <summary>A question as it is written.</summary>
internal sealed record RawQuery(string? Text, string? Cat, int? Before, IReadOnlyList<string>? Turns);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RawSet))]
internal sealed partial class QuestionSetJson : JsonSerializerContext;
