using System.Diagnostics;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Memories;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall;

/// <summary>The one search of the product: REST, tools, chat and context all enter here.</summary>
internal sealed class RecallService(Database database, RecallIndexes indexes, MemoryReader memories, QuestionVectors vectors, Meters meters, TimeProvider time)
{
    public async Task<RecallAnswer> SearchAsync(Tenant tenant, RecallQuestion question, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var index = await indexes.GetAsync(tenant, ct);
        var (vector, reason) = question.Mode is RecallMode.Lexical ? (null, null) : await vectors.EmbedAsync(question.Query, ct);
        var now = time.Now();
        var hits = Rank(index, question, vector, now);
        var items = hits.Count == 0 ? [] : await database.ReadAsync(tenant, session => FetchAsync(session, index, question, hits, now), ct);
        meters.Searched(Name(question.Mode), reason is not null, Stopwatch.GetElapsedTime(started));
        return new RecallAnswer(items, reason);
    }

    private IReadOnlyList<RecallHit> Rank(LoadedIndex index, RecallQuestion question, QueryVector? vector, DateTimeOffset now)
    {
        // Without a vector even a semantic search answers by words: a degraded answer is better than none.
        var mode = vector is null ? RecallMode.Lexical : question.Mode;
        var request = new RecallRequest(ScopeOf(question, now), question.TopK)
        {
            Mode = mode,
            Role = question.Role is null ? null : MemoryReader.RoleOf(question.Role),
            Type = question.Type,
            ImportanceMin = (float?)question.ImportanceMin,
            SimilarityWeight = (float)question.SimilarityWeight,
            ImportanceWeight = (float)question.ImportanceWeight,
            ImportanceOf = (parts, at) => (float)memories.ImportanceAt(
                parts.Importance, parts.ImportanceOverride, Instants.FromMicroseconds(parts.OccurredAtMicros), Instants.FromMicroseconds(at)),
        };
        var query = RecallQuery.Parse(question.Query);
        if (vector is null)
        {
            return RecallEngine.Search(index.Lexical, query, request);
        }

        // Vectors made of the same letters as the words find nothing that the words missed, unless they missed nearly all.
        if (mode is RecallMode.Hybrid && vectors.SeeOnlyLetters)
        {
            var byWords = RecallEngine.Search(index.Lexical, query, request with { Semantic = vectors.Evidence(index, vector, []) });
            if (byWords.Count >= question.TopK)
            {
                return byWords;
            }
        }

        var allowed = RecallEngine.AllowedOrdinals(index.Lexical, request);
        var best = new VectorHit[Math.Max(100, question.TopK * 4)];
        var count = index.Vectors.Nearest(vector, allowed, best);
        return RecallEngine.Search(index.Lexical, query, request with { Semantic = vectors.Evidence(index, vector, best.AsSpan(0, count)) });
    }

    private static async Task<IReadOnlyList<RecalledMemory>> FetchAsync(
        Session session, LoadedIndex index, RecallQuestion question, IReadOnlyList<RecallHit> hits, DateTimeOffset now)
    {
        var around = question.Neighbours == 0
            ? []
            : hits.Select(hit => index.NeighboursOf(hit.Sequence, question.Neighbours, ScopeOf(question, now))).ToArray();
        var wanted = hits.Select(h => h.Sequence)
            .Concat(around.SelectMany(n => n))
            .Concat(question.Explain ? hits.SelectMany(h => h.LiftedBy) : [])
            .Distinct().ToList();
        var rows = (await MemoryReader.ListBySequenceAsync(session, wanted)).ToDictionary(row => row.Sequence);

        // A hit whose row is gone was deleted between the ranking and this read.
        var items = new List<RecalledMemory>(hits.Count);
        for (var i = 0; i < hits.Count; i++)
        {
            if (rows.TryGetValue(hits[i].Sequence, out var row))
            {
                var neighbours = around.Length == 0 ? [] : around[i].Where(rows.ContainsKey).Select(n => rows[n]).ToList();
                var lifted = hits[i].LiftedBy.Where(rows.ContainsKey).Select(n => rows[n].Id).ToList();
                items.Add(new RecalledMemory(row, hits[i], neighbours, lifted));
            }
        }

        items.Sort(ByScore);
        return items;
    }

    /// <summary>By the score as the wire shows it, ties newer first: later said, else later written. The same order as that of the cut.</summary>
    private static int ByScore(RecalledMemory a, RecalledMemory b)
    {
        var byScore = Math.Round(b.Hit.Score, 4).CompareTo(Math.Round(a.Hit.Score, 4));
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
