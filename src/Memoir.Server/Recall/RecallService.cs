using System.Diagnostics;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry.Tracing;
using Memoir.Server.Analytics;
using Memoir.Server.Memories;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall;

/// <summary>The one search of the product: REST, tools, chat and context all enter here.</summary>
internal sealed class RecallService(RecallIndexes indexes, MemoryReader memories, RecallRanking ranking, SearchLog searches, TimeProvider time)
{
    /// <inheritdoc cref="RecallRanking.ForeseeAsync"/>
    public ValueTask<ProblemException?> ForeseeAsync(Tenant tenant, CancellationToken ct) => ranking.ForeseeAsync(tenant, ct);

    public async Task<RecallAnswer> SearchAsync(Tenant tenant, RecallQuestion question, CancellationToken ct)
    {
        using var span = Spans.Start("memory search");
        var started = Stopwatch.GetTimestamp();
        var scope = ScopeOf(question, time.Now());
        var found = await FindAsync(tenant, await indexes.GetAsync(tenant, ct), question, scope, isLast: false, ct);
        if (found.Newer is { } newer)
        {
            // Writes go on meanwhile: what was acknowledged before the question is in by now, and that is enough.
            found = await FindAsync(tenant, await indexes.CatchUpAsync(tenant, newer, ct), question, scope, isLast: true, ct);
        }

        var (items, isCut) = Arrange(found);
        var reason = found.Ranking.DegradedReason;
        var answer = new RecallAnswer(items, reason, isCut);
        searches.Add(tenant, question, Name(question.Mode), answer, Stopwatch.GetElapsedTime(started));
        span?.SetTag("memoir.search.mode", Name(question.Mode)).SetTag("memoir.search.results", items.Count).SetTag("memoir.search.degraded", reason is not null);
        return answer;
    }

    /// <summary>Ranks with what is in memory, then reads the rows, and with them whether another process has written more.</summary>
    private async Task<Found> FindAsync(
        Tenant tenant, LoadedIndex index, RecallQuestion question, RecallScope scope, bool isLast, CancellationToken ct)
    {
        var applied = index.Applied; // Before the ranking, which then sees at least that.
        var ranked = await ranking.RankAsync(tenant, index, question, scope, ct);
        var around = question.Neighbours == 0
            ? []
            : ranked.Hits.Select(hit => index.NeighboursOf(hit.Sequence, question.Neighbours, scope)).ToArray();
        var wanted = ranked.Hits
            .SelectMany((hit, i) => (long[])[hit.Sequence, .. around.Length == 0 ? [] : around[i], .. question.Explain ? hit.LiftedBy : []])
            .Distinct().ToList();
        if (isLast && wanted.Count == 0)
        {
            return new Found(ranked, around, []);
        }

        TenantCounters? newer = null;
        var rows = await memories.FindBySequenceAsync(
            tenant, wanted, async session => isLast || (newer = await NewerAsync(session, applied, ranked.GenerationChange)) is null, ct);
        if (newer?.AreBehind(applied) == true)
        {
            indexes.Forget(tenant, index);
        }

        return new Found(ranked, around, rows, newer);
    }

    /// <returns>The tenant's counters, when they show that the index, or the generation of its vectors, is not what the database has.</returns>
    private async Task<TenantCounters?> NewerAsync(Session session, TenantCounters applied, long generationChange)
    {
        var now = await TenantCounters.FindAsync(session);
        if (generationChange != now.GenerationChange)
        {
            await ranking.LearnAsync(session, now.GenerationChange, generationChange);
            return now;
        }

        return now.AreBehind(applied) || !LoadedIndex.Has(applied, now) ? now : null;
    }

    /// <returns>The memories, best first, and whether some had no room in one answer.</returns>
    private static (IReadOnlyList<RecalledMemory> Items, bool IsCut) Arrange(Found found)
    {
        var (hits, around, rows) = (found.Ranking.Hits, found.Around, found.Rows);
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
        UserId = question.SharedAlone ? IndexedMemory.Everybody : question.UserId,
        IncludeShared = question.IncludeShared,
        ConversationId = question.ConversationId,
        Since = question.Since,
        Until = question.Until,
        IncludeArchived = question.IncludeArchived,
        Moment = question.Moment,
        Filter = question.Filter,
    };

    private static string Name(RecallMode mode) => mode switch
    {
        RecallMode.Lexical => "lexical",
        RecallMode.Semantic => "semantic",
        _ => "hybrid",
    };

    private sealed record Found(
        RankedHits Ranking, IReadOnlyList<long>[] Around, Dictionary<long, Memory> Rows, TenantCounters? Newer = null);
}
