using System.Text.Json;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;

namespace Memoir.Tests.Server.Recall;

/// <summary>Short ways to fill an index and ask it.</summary>
internal static class RecallFixture
{
    public static readonly DateTimeOffset Start = new(2024, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly RecallScope Everything = new(Start.AddYears(1));

    public static IndexedMemory Memory(long sequence, string content, string conversation = "c") =>
        new(sequence, conversation, content, Start.AddMinutes(sequence));

    public static TenantIndex IndexOf(params IEnumerable<IndexedMemory> memories)
    {
        var index = new TenantIndex();
        foreach (var memory in memories)
        {
            index.Put(Analyzer.Analyse(memory));
        }

        return index;
    }

    public static TenantIndex IndexOf(params string[] contents) => IndexOf(contents.Select((content, i) => Memory(i + 1, content, $"c{i}")));

    public static IReadOnlyList<RecallHit> Ask(this TenantIndex index, string query, RecallScope? scope = null, int limit = 10) =>
        RecallEngine.Search(index, RecallQuery.Parse(query), new RecallRequest(scope ?? Everything, limit));

    public static long[] Found(this TenantIndex index, string query, RecallScope? scope = null, int limit = 10) =>
        [.. index.Ask(query, scope, limit).Select(hit => hit.Sequence)];

    public static JsonElement Json(string json) => JsonElement.Parse(json);
}
