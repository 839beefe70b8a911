using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Ranking;

namespace Memoir.Server.Recall.Search;

/// <summary>Turns scored candidates into the final list: normalises, fuses, adds importance, and keeps the best.</summary>
internal sealed class HitList(
    IndexView view, RecallQuery query, RecallRequest request, Selection selection, LexicalSearch lexical, SlotTable slots)
{
    private const float Knee = 0.8f;
    private readonly List<Ranked> _best = new(request.Limit + 1);

    public List<RecallHit> Best(TenantIndex index)
    {
        var full = Math.Max(lexical.FullScore, 1e-6f);
        var recency = lexical.Weights.IsLong ? request.Options.RecencyWeight : 0f;
        var newest = recency > 0 ? Newest() : 0;
        foreach (var slot in lexical.Finalists)
        {
            var ordinal = slots.Ordinal[slot];
            var parts = lexical.Score(slot);
            var relevance = parts.Own + parts.Window + parts.Neighbours + parts.Conversation;
            if (recency > 0)
            {
                var days = (newest - view.Columns.OccurredAt[ordinal]) / 86_400_000_000f;
                relevance *= (1f + (recency / (1f + (days / request.Options.RecencyDays)))) / (1f + recency);
            }

            parts = parts with { Similarity = Normalise(relevance / full) };
            Offer(ordinal, slot, parts, request.Semantic is null ? float.NaN : request.Semantic.CosineOf(ordinal));
        }

        var hits = new List<RecallHit>(_best.Count);
        foreach (var ranked in _best)
        {
            // A memory that was replaced while this search ran is found under both versions; the newer one stands.
            if (index.OrdinalOf(view.Columns.Sequence[ranked.Ordinal]) == ranked.Ordinal)
            {
                hits.Add(ToHit(ranked));
            }
        }

        return hits;
    }

    /// <summary>The share of a full match, bent toward 1 near the top, so that two matches beyond "full" still keep their order.</summary>
    public static float Normalise(float share) => share <= Knee ? Math.Max(0f, share) : 1f - ((1f - Knee) * MathF.Exp((Knee - share) / (1f - Knee)));

    /// <summary>The weighted mean of both evidences; a memory without a vector is judged by its words alone.</summary>
    public static float Fuse(float lexical, float cosine, SemanticEvidence? evidence, RecallMode mode)
    {
        if (mode == RecallMode.Lexical || evidence is null || float.IsNaN(cosine))
        {
            return mode == RecallMode.Semantic ? 0f : lexical;
        }

        if (mode == RecallMode.Semantic)
        {
            return Math.Clamp(cosine, 0f, 1f);
        }

        var meaning = Math.Clamp((cosine - evidence.Floor) / (1f - evidence.Floor), 0f, 1f);
        return (lexical + (evidence.Weight * meaning)) / (1f + evidence.Weight);
    }

    private void Offer(int ordinal, int slot, LexicalParts parts, float cosine)
    {
        var similarity = Fuse(parts.Similarity, cosine, request.Semantic, request.Mode);
        if (similarity <= 0)
        {
            return;
        }

        var importance = selection.ImportanceOf(ordinal);
        var score = (request.SimilarityWeight * similarity) + (request.ImportanceWeight * importance);
        var ranked = new Ranked(ordinal, slot, score, similarity, importance, parts, cosine);
        if (_best.Count == request.Limit && !IsBetter(ranked, _best[^1]))
        {
            return;
        }

        var at = _best.Count;
        while (at > 0 && IsBetter(ranked, _best[at - 1]))
        {
            at--;
        }

        _best.Insert(at, ranked);
        if (_best.Count > request.Limit)
        {
            _best.RemoveAt(request.Limit);
        }
    }

    /// <summary>By the score as callers see it, then newer first: what makes the cut is what would have come first.</summary>
    private bool IsBetter(in Ranked a, in Ranked b)
    {
        if (a.ShownScore != b.ShownScore)
        {
            return a.ShownScore > b.ShownScore;
        }

        var newer = view.Columns.OccurredAt[a.Ordinal].CompareTo(view.Columns.OccurredAt[b.Ordinal]);
        return newer != 0 ? newer > 0 : view.Columns.Sequence[a.Ordinal] > view.Columns.Sequence[b.Ordinal];
    }

    private long Newest()
    {
        var newest = long.MinValue;
        foreach (var slot in lexical.Finalists)
        {
            newest = Math.Max(newest, view.Columns.OccurredAt[slots.Ordinal[slot]]);
        }

        return newest;
    }

    private RecallHit ToHit(in Ranked ranked)
    {
        var matched = new List<string>();
        var counts = slots.Counts(ranked.Slot);
        for (var i = 0; i < counts.Length; i++)
        {
            var word = lexical.Weights.Terms[i].Word;
            if (counts[i] > 0 && word >= 0 && !matched.Contains(query.Terms[word].Word))
            {
                matched.Add(query.Terms[word].Word);
            }
        }

        var lifted = new List<long>(2);
        AddLifter(view.Columns.Previous[ranked.Ordinal], lifted);
        AddLifter(view.Columns.Next[ranked.Ordinal], lifted);
        return new RecallHit
        {
            Sequence = view.Columns.Sequence[ranked.Ordinal],
            Ordinal = ranked.Ordinal,
            Score = ranked.Score,
            Similarity = ranked.Similarity,
            Importance = ranked.Importance,
            Lexical = ranked.Parts,
            Semantic = ranked.Cosine,
            MatchedTerms = matched,
            LiftedBy = lifted,
        };
    }

    private void AddLifter(int neighbour, List<long> lifted)
    {
        if (lexical.SlotOf(neighbour) is >= 0 and var slot && slots.Own[slot] > 0)
        {
            lifted.Add(view.Columns.Sequence[neighbour]);
        }
    }

    /// <summary>A candidate on its way to becoming a hit.</summary>
    private readonly record struct Ranked(
        int Ordinal, int Slot, float Score, float Similarity, float Importance, LexicalParts Parts, float Cosine)
    {
        public double ShownScore { get; } = Math.Round((double)Score, 4);
    }
}
