using System.Diagnostics;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Telemetry.Tracing;
using Memoir.Server.Memories;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall;

/// <summary>The one search of the product: REST, tools, chat and context all enter here.</summary>
internal sealed class RecallService(RecallIndexes indexes, MemoryReader memories, QuestionVectors vectors, Meters meters, TimeProvider time)
{
    private const string NewModel = "vectors of a new embedding model are still being made; words cover what has none yet";

    public async Task<RecallAnswer> SearchAsync(Tenant tenant, RecallQuestion question, CancellationToken ct)
    {
        using var span = Spans.Start("memory search");
        var started = Stopwatch.GetTimestamp();
        var index = await indexes.GetAsync(tenant, ct);
        var scope = ScopeOf(question, time.Now());
        var (hits, reason) = await RankAsync(tenant, index, question, scope, ct);
        var (items, isCut) = hits.Count == 0 ? ([], false) : await FetchAsync(tenant, index, question, scope, hits, ct);
        meters.Searched(Name(question.Mode), reason is not null, Stopwatch.GetElapsedTime(started));
        span?.SetTag("memoir.search.mode", Name(question.Mode)).SetTag("memoir.search.results", items.Count).SetTag("memoir.search.degraded", reason is not null);
        return new RecallAnswer(items, reason, isCut);
    }

    private async Task<(IReadOnlyList<RecallHit> Hits, string? DegradedReason)> RankAsync(
        Tenant tenant, LoadedIndex index, RecallQuestion question, RecallScope scope, CancellationToken ct)
    {
        var query = RecallQuery.Parse(question.Query);
        var request = RequestOf(question, scope);
        var inUse = vectors.Of(tenant);
        var seeOnlyLetters = vectors.SeeOnlyLetters(inUse);
        if (question.Mode is RecallMode.Lexical || (question.Mode is RecallMode.Hybrid && seeOnlyLetters))
        {
            var byWords = RecallEngine.Search(index.Lexical, query, request with { Mode = RecallMode.Lexical });
            if (question.Mode is RecallMode.Lexical || byWords.Count > 0)
            {
                return (byWords, null);
            }
        }

        var (vector, reason) = await vectors.EmbedAsync(inUse, question.Query, ct);
        var table = vector is null ? null : await indexes.GetVectorsAsync(tenant, index, inUse.Generation, ct);
        if (vector is null || table is null)
        {
            // Even a semantic search then answers by words: a degraded answer is better than none.
            var lexical = RecallEngine.Search(index.Lexical, query, request with { Mode = RecallMode.Lexical });
            return (lexical, vector is null ? reason : NewModel);
        }

        var evidence = QuestionVectors.Evidence(
            table, vector, RecallEngine.AllowedOrdinals(index.Lexical, request), Math.Max(100, question.TopK * 4),
            isFallback: seeOnlyLetters && question.Mode is RecallMode.Hybrid);

        // While a new model's vectors are being made, the words speak for the memories that have none yet.
        var isComplete = inUse.IsComplete || index.Lexical.LiveCount == 0;
        var mode = !isComplete ? RecallMode.Hybrid : seeOnlyLetters ? RecallMode.Semantic : question.Mode;
        var hits = RecallEngine.Search(index.Lexical, query, request with { Mode = mode, Semantic = evidence });
        return (hits, isComplete ? null : NewModel);
    }

    private RecallRequest RequestOf(RecallQuestion question, RecallScope scope) => new(scope, question.TopK)
    {
        Role = question.Role is null ? null : MemoryReader.RoleOf(question.Role),
        Type = question.Type,
        ImportanceMin = (float?)question.ImportanceMin,
        SimilarityWeight = (float)question.SimilarityWeight,
        ImportanceWeight = (float)question.ImportanceWeight,
        ImportanceOf = (parts, at) => (float)memories.ImportanceAt(
            parts.Importance, parts.ImportanceOverride, Instants.FromMicroseconds(parts.OccurredAtMicros), Instants.FromMicroseconds(at)),
    };

    /// <returns>The memories, best first, and whether some had no room in one answer.</returns>
    private async Task<(IReadOnlyList<RecalledMemory> Items, bool IsCut)> FetchAsync(
        Tenant tenant, LoadedIndex index, RecallQuestion question, RecallScope scope, IReadOnlyList<RecallHit> hits, CancellationToken ct)
    {
        var around = question.Neighbours == 0
            ? []
            : hits.Select(hit => index.NeighboursOf(hit.Sequence, question.Neighbours, scope)).ToArray();
        var wanted = hits.SelectMany((hit, i) => (long[])[hit.Sequence, .. around.Length == 0 ? [] : around[i], .. question.Explain ? hit.LiftedBy : []])
            .Distinct().ToList();
        var rows = await memories.FindBySequenceAsync(tenant, wanted, ct);

        var items = new List<RecalledMemory>(hits.Count);
        var characters = 0L;
        for (var i = 0; i < hits.Count && characters < MemoryReader.MostCharacters; i++)
        {
            // A hit whose row is gone was deleted between the ranking and this read, or stands behind the cut.
            if (rows.TryGetValue(hits[i].Sequence, out var row))
            {
                var neighbours = around.Length == 0 ? [] : around[i].Where(rows.ContainsKey).Select(n => rows[n]).ToList();
                var lifted = hits[i].LiftedBy.Where(rows.ContainsKey).Select(n => rows[n].Id).ToList();
                items.Add(new RecalledMemory(row, hits[i], neighbours, lifted));
                characters += MemoryReader.CharactersOf(row) + neighbours.Sum(MemoryReader.CharactersOf);
            }
        }

        items.Sort(ByScore);
        var isFull = Math.Max(characters, rows.Values.Sum(MemoryReader.CharactersOf)) >= MemoryReader.MostCharacters;
        return (items, isFull && items.Count < hits.Count);
    }

    /// <summary>By the score as the wire shows it, ties newer first: later said, else later written. The order of the cut, too.</summary>
    private static int ByScore(RecalledMemory a, RecalledMemory b)
    {
        var byScore = Math.Round((double)b.Hit.Score, 4).CompareTo(Math.Round((double)a.Hit.Score, 4));
        var byTime = byScore != 0 ? byScore : b.Memory.OccurredAt.CompareTo(a.Memory.OccurredAt);
        return byTime != 0 ? byTime : b.Memory.Sequence.CompareTo(a.Memory.Sequence);
    }

    private static RecallScope ScopeOf(RecallQuestion question, DateTimeOffset now) => new(now)
    {
        UserId = question.UserId,
        ConversationId = question.ConversationId,
        Since = question.Since,
        Until = question.Until,
        IncludeArchived = question.IncludeArchived,
        Filter = question.Filter,
    };

    private static string Name(RecallMode mode) => mode switch
    {
        RecallMode.Lexical => "lexical",
        RecallMode.Semantic => "semantic",
        _ => "hybrid",
    };
}
