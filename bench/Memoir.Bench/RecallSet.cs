using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Memoir.Server.Memories;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;

namespace Memoir.Bench;

/// <summary>A question set of memeval.py: one index per group, filled as eval/memoir_eval.py fills a server.</summary>
internal sealed partial class RecallSet
{
    private RecallSet(List<Group> groups) => Groups = groups;

    public List<Group> Groups { get; }

    public static RecallSet Load(string path, int? half)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var groups = json.RootElement.GetProperty("groups").EnumerateArray()
            .Where((_, i) => half is null || i % 2 == half)
            .Select(Read)
            .ToList();
        return new RecallSet(groups);
    }

    private static Group Read(JsonElement group)
    {
        var index = new TenantIndex();
        var ids = new List<string>();
        var texts = new List<string>();
        var at = new Dictionary<int, DateTimeOffset>();
        DateTimeOffset? last = null;
        var docs = group.GetProperty("docs").EnumerateArray().ToList();
        foreach (var doc in docs.OrderBy(doc => doc.GetProperty("o").GetInt32()))
        {
            var said = Instant(doc.GetProperty("when").GetString() ?? "");
            last = last is null || said > last ? said : last.Value.AddMilliseconds(1);
            at[doc.GetProperty("o").GetInt32()] = last.Value;
        }

        var places = new Dictionary<string, int>();
        foreach (var doc in docs.Where(doc => !string.IsNullOrWhiteSpace(doc.GetProperty("text").GetString())))
        {
            var who = doc.GetProperty("who").GetString();
            var text = doc.GetProperty("text").GetString()!;

            // Some sets repeat ids. The same external id again replaces the message, here as through the API.
            var externalId = $"{doc.GetProperty("id").GetString()}#{doc.GetProperty("o").GetInt32()}";
            var isNew = places.TryAdd(externalId, ids.Count);
            index.Put(Analyzer.Analyse(new IndexedMemory(places[externalId], doc.GetProperty("sid").ToString(), text, at[doc.GetProperty("o").GetInt32()])
            {
                Role = who == "assistant" ? MemoryRole.Assistant : MemoryRole.User,
                Name = who is null or "" or "user" or "assistant" ? null : who,
                Importance = (float)Importance.Base(who == "assistant" ? "assistant" : "user", text),
            }));
            if (isNew)
            {
                ids.Add(doc.GetProperty("id").GetString()!);
                texts.Add(text);
            }
            else
            {
                texts[places[externalId]] = text;
            }
        }

        var questions = group.GetProperty("queries").EnumerateArray().Select(query => new Question(
            query.GetProperty("text").GetString()!,
            query.GetProperty("cat").GetString()!,
            query.TryGetProperty("before", out var before) && before.ValueKind == JsonValueKind.Number
                && at.TryGetValue(before.GetInt32(), out var until) ? until : null,
            [.. query.GetProperty("turns").EnumerateArray().Select(turn => turn.GetString()!)]));
        return new Group(index, ids, texts, [.. questions]);
    }

    private static DateTimeOffset Instant(string text)
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

        return new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }

    private static int Number(Match match, int group) =>
        match.Groups[group].Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?")]
    private static partial Regex Iso();

    [GeneratedRegex(@"(\d{1,2}):(\d\d) ([ap]m) on (\d{1,2}) (\w+),? (\d{4})", RegexOptions.IgnoreCase)]
    private static partial Regex Spoken();

    /// <summary>One tenant with its questions.</summary>
    internal sealed record Group(TenantIndex Index, List<string> Ids, List<string> Texts, List<Question> Questions);

    /// <summary>One question and the ids that answer it.</summary>
    internal sealed record Question(string Text, string Category, DateTimeOffset? Until, HashSet<string> Gold);
}
