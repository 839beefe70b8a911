using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Ranking;

/// <summary>The first pass: BM25 of every unit that has a word of the question, and the memories with the best of them.</summary>
internal readonly struct PostingScan(
    IndexView view, ScopeFilter scope, Selection selection, ScoredTerm[] terms, SearchScratch scratch)
{
    /// <summary>Scores units and leaves the best memories in the scratch heaps; the scores stay until <see cref="Clear"/>.</summary>
    public void Run(int candidates)
    {
        scratch.Heap.Reset(candidates);
        scratch.Lifters.Reset(selection.IsEverything ? 0 : candidates);
        var postings = Postings();
        if (scope.Listed is { } listed && IsCheaper(listed, postings))
        {
            foreach (var ordinal in listed.Span)
            {
                ScoreMemory((int)ordinal);
            }

            return;
        }

        foreach (var term in terms)
        {
            Accumulate(term);
        }

        if (scope.Listed is { } among)
        {
            CollectFromList(among.Span);
        }
        else if (IsSparse(postings))
        {
            CollectFromPostings();
        }
        else
        {
            CollectFromScores();
        }
    }

    public void Clear()
    {
        var postings = Postings();
        if (scope.Listed is { } listed && IsCheaper(listed, postings))
        {
            foreach (var ordinal in listed.Span)
            {
                if (ordinal < (uint)view.Memories)
                {
                    var first = view.Columns.FirstUnit[ordinal];
                    scratch.Scores.AsSpan(first, view.EndOfUnits((int)ordinal) - first).Clear();
                }
            }
        }
        else if (!IsSparse(postings))
        {
            scratch.Scores.AsSpan(0, view.Units).Clear();
        }
        else
        {
            foreach (var term in terms)
            {
                foreach (var posting in view.PostingsOf(term.Number))
                {
                    scratch.Scores[posting >> PostingList.CountBits] = 0;
                }
            }
        }
    }

    // The counts are those of the view, not of the moment, so that clearing decides as scanning did.
    private long Postings()
    {
        long postings = 0;
        foreach (var term in terms)
        {
            postings += view.PostingsOf(term.Number).Length;
        }

        return postings;
    }

    /// <summary>Whether reading the listed memories beats reading all postings: a memory costs some cache misses, a posting a nanosecond.</summary>
    private static bool IsCheaper(ReadOnlyMemory<uint> listed, long postings) => listed.Length * 128L < postings;

    /// <summary>Scores up to this one need not be offered.</summary>
    private float Threshold => selection.IsEverything ? scratch.Heap.Threshold : Math.Min(scratch.Heap.Threshold, scratch.Lifters.Threshold);

    private bool IsSparse(long postings) => postings * 8 < view.Units;

    private void Accumulate(ScoredTerm term)
    {
        // Every unit is below view.Units, and the arrays hold at least that many: no bounds checks in the hottest loop of a search.
        ref var scores = ref MemoryMarshal.GetArrayDataReference(scratch.Scores);
        ref var lengths = ref MemoryMarshal.GetArrayDataReference(view.UnitColumns.Length);
        ref var saturation = ref MemoryMarshal.GetArrayDataReference(scratch.Saturation);
        var weight = term.Weight;
        foreach (var posting in view.PostingsOf(term.Number))
        {
            var unit = (nint)(posting >> PostingList.CountBits);
            var cell = (nint)(((posting & PostingList.CountMask) << 8) | Unsafe.Add(ref lengths, unit));
            Unsafe.Add(ref scores, unit) += weight * Unsafe.Add(ref saturation, cell);
        }
    }

    private void ScoreMemory(int ordinal)
    {
        if (!scope.Allows(ordinal))
        {
            return;
        }

        var best = 0f;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            var score = 0f;
            var length = view.UnitColumns.Length[unit];
            foreach (var entry in view.EntriesOf(unit))
            {
                var place = scratch.PlaceOf[entry >> PostingList.CountBits];
                if (place != 0)
                {
                    score += terms[place - 1].Weight * scratch.Saturation[((entry & PostingList.CountMask) << 8) | length];
                }
            }

            scratch.Scores[unit] = score;
            best = Math.Max(best, score);
        }

        Offer(best, ordinal);
    }

    private void CollectFromList(ReadOnlySpan<uint> listed)
    {
        foreach (var ordinal in listed)
        {
            if (ordinal >= (uint)view.Memories)
            {
                break;
            }

            var best = 0f;
            for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits((int)ordinal); unit++)
            {
                best = Math.Max(best, scratch.Scores[unit]);
            }

            Offer(best, (int)ordinal);
        }
    }

    private void CollectFromPostings()
    {
        foreach (var term in terms)
        {
            foreach (var posting in view.PostingsOf(term.Number))
            {
                var unit = (int)(posting >> PostingList.CountBits);
                if (scratch.Scores[unit] > 0)
                {
                    var ordinal = view.UnitColumns.Memory[unit];
                    Offer(TakeBest(ordinal), ordinal);
                }
            }
        }
    }

    /// <summary>A memory with several of the words is met several times; negative scores mark it as seen.</summary>
    private float TakeBest(int ordinal)
    {
        var best = 0f;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            best = Math.Max(best, scratch.Scores[unit]);
            scratch.Scores[unit] = -Math.Abs(scratch.Scores[unit]);
        }

        return best;
    }

    private void CollectFromScores()
    {
        var scores = scratch.Scores.AsSpan(0, view.Units);
        var memory = -1;
        var best = 0f;
        var vectors = MemoryMarshal.Cast<float, Vector256<float>>(scores);
        for (var i = 0; i < vectors.Length; i++)
        {
            var above = Vector256.GreaterThan(vectors[i], Vector256.Create(Threshold)).ExtractMostSignificantBits();
            for (; above != 0; above &= above - 1)
            {
                var unit = (i * Vector256<float>.Count) + BitOperations.TrailingZeroCount(above);
                Meet(unit, scores[unit], ref memory, ref best);
            }
        }

        for (var unit = vectors.Length * Vector256<float>.Count; unit < scores.Length; unit++)
        {
            Meet(unit, scores[unit], ref memory, ref best);
        }

        Offer(best, memory);
    }

    /// <summary>Passages of one memory follow each other: the best of them is offered when the next memory begins.</summary>
    private void Meet(int unit, float score, ref int memory, ref float best)
    {
        if (view.UnitColumns.Memory[unit] == memory)
        {
            best = Math.Max(best, score);
            return;
        }

        Offer(best, memory);
        memory = view.UnitColumns.Memory[unit];
        best = score;
    }

    private void Offer(float score, int ordinal)
    {
        if (score <= Threshold || !scope.Allows(ordinal))
        {
            return;
        }

        if (selection.IsEverything)
        {
            scratch.Heap.Offer(score, ordinal);
        }
        else
        {
            OfferSelected(score, ordinal);
        }
    }

    private void OfferSelected(float score, int ordinal)
    {
        if (selection.Allows(ordinal))
        {
            if (score > scratch.Heap.Threshold)
            {
                scratch.Heap.Offer(score, ordinal);
            }
        }
        else if (score > scratch.Lifters.Threshold
            && (MayBeHit(Volatile.Read(ref view.Columns.Previous[ordinal])) || MayBeHit(Volatile.Read(ref view.Columns.Next[ordinal]))))
        {
            scratch.Lifters.Offer(score, ordinal);
        }
    }

    private bool MayBeHit(int ordinal) => scope.Allows(ordinal) && selection.Allows(ordinal);
}
