using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Memoir.Server.Recall.Index;

namespace Memoir.Server.Recall.Ranking;

/// <summary>The first pass: BM25 of every unit that has a word of the question, and the best of them that the scope allows.</summary>
internal readonly struct PostingScan(IndexView view, ScopeFilter scope, ScoredTerm[] terms, SearchScratch scratch)
{
    /// <summary>Scores units and leaves the best in the scratch heap; the scores stay until <see cref="Clear"/>.</summary>
    public void Run(int candidates)
    {
        scratch.Heap.Reset(candidates);
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

        if (IsSparse(postings))
        {
            CollectFromPostings();
        }
        else
        {
            CollectFromScores();
        }
    }

    /// <summary>After <see cref="Run"/>: leaves the best of those that may be hits in the scratch heap.</summary>
    public void RunAgain(int candidates, Func<int, bool> mayBeHit)
    {
        scratch.Heap.Reset(candidates);
        var postings = Postings();
        if (scope.Listed is { } listed && IsCheaper(listed, postings))
        {
            foreach (var ordinal in listed.Span)
            {
                for (var unit = view.Columns.FirstUnit[ordinal]; scope.Allows((int)ordinal) && unit < view.EndOfUnits((int)ordinal); unit++)
                {
                    OfferAgain(unit, mayBeHit);
                }
            }
        }
        else if (IsSparse(postings))
        {
            foreach (var term in terms)
            {
                foreach (var posting in view.PostingsOf(term.Number))
                {
                    // The first pass made each score negative; a positive one was met in this pass already.
                    var unit = (int)(posting >> PostingList.CountBits);
                    if (scratch.Scores[unit] < 0)
                    {
                        scratch.Scores[unit] = -scratch.Scores[unit];
                        OfferAgain(unit, mayBeHit);
                    }
                }
            }
        }
        else
        {
            for (var unit = 0; unit < view.Units; unit++)
            {
                OfferAgain(unit, mayBeHit);
            }
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

    private static bool IsCheaper(ReadOnlyMemory<uint> listed, long postings) => listed.Length * 16L < postings;

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
            if (score > scratch.Heap.Threshold)
            {
                scratch.Heap.Offer(score, unit);
            }
        }
    }

    private void CollectFromPostings()
    {
        foreach (var term in terms)
        {
            foreach (var posting in view.PostingsOf(term.Number))
            {
                var unit = (int)(posting >> PostingList.CountBits);

                // A unit with several of the words is met several times; a negative score marks it as seen.
                var score = scratch.Scores[unit];
                if (score > 0)
                {
                    Offer(score, unit);
                    scratch.Scores[unit] = -score;
                }
            }
        }
    }

    private void CollectFromScores()
    {
        var scores = scratch.Scores.AsSpan(0, view.Units);
        var heap = scratch.Heap;
        var vectors = MemoryMarshal.Cast<float, Vector256<float>>(scores);
        for (var i = 0; i < vectors.Length; i++)
        {
            var above = Vector256.GreaterThan(vectors[i], Vector256.Create(heap.Threshold)).ExtractMostSignificantBits();
            for (; above != 0; above &= above - 1)
            {
                var unit = (i * Vector256<float>.Count) + BitOperations.TrailingZeroCount(above);
                Offer(scores[unit], unit);
            }
        }

        for (var unit = vectors.Length * Vector256<float>.Count; unit < scores.Length; unit++)
        {
            Offer(scores[unit], unit);
        }
    }

    private void OfferAgain(int unit, Func<int, bool> mayBeHit)
    {
        if (scratch.Scores[unit] > scratch.Heap.Threshold && mayBeHit(view.UnitColumns.Memory[unit]))
        {
            Offer(scratch.Scores[unit], unit);
        }
    }

    private void Offer(float score, int unit)
    {
        if (score > scratch.Heap.Threshold && scope.Allows(view.UnitColumns.Memory[unit]))
        {
            scratch.Heap.Offer(score, unit);
        }
    }
}
