using System.Numerics;
using System.Runtime.InteropServices;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Ranking;

/// <summary>Scores one question against one view: all postings roughly, then the best candidates closely, with their neighbours.</summary>
internal sealed class LexicalSearch(IndexView view, ScopeFilter scope, TermWeights weights, RankingOptions options, SearchScratch scratch)
{
    private readonly SlotTable _slots = scratch.Slots;
    private readonly float _averageMemory = view.AverageLength;

    /// <summary>How many slots are candidates; those after them only lend context.</summary>
    public int Candidates { get; private set; }

    public TermWeights Weights => weights;

    /// <summary>Finds candidates, gathers what their ranking needs, and smooths their scores over the conversation.</summary>
    public void Run(int candidates, IReadOnlyList<(int Ordinal, float Cosine)>? nearest)
    {
        _slots.Reset(weights.Terms.Count);
        scratch.Prepare(view.AverageLength, options.K1, options.B);
        for (var i = 0; i < weights.Terms.Count; i++)
        {
            scratch.PlaceOf[weights.Terms[i].Number] = (byte)(i + 1);
        }

        Select(candidates);
        for (var i = 0; i < (nearest?.Count ?? 0); i++)
        {
            Gather(nearest![i].Ordinal);
        }

        AddNeighbours();
        Smooth();
    }

    /// <summary>Leaves the scratch arrays as they were found.</summary>
    public void Clear()
    {
        foreach (var term in weights.Terms)
        {
            scratch.PlaceOf[term.Number] = 0;
        }

        for (var slot = 0; slot < _slots.Count; slot++)
        {
            scratch.SlotOf[_slots.Ordinal[slot]] = 0;
            scratch.ConversationAt[view.Columns.Conversation[_slots.Ordinal[slot]]] = 0;
        }
    }

    public LexicalParts Score(int slot)
    {
        var ordinal = _slots.Ordinal[slot];
        var window = options.WindowWeight * Window(slot, ordinal);
        var place = scratch.ConversationAt[view.Columns.Conversation[ordinal]] - 1;
        var conversation = (options.ConversationWeight * scratch.Conversations.Best[place])
            + (options.CoverageWeight * scratch.Conversations.Coverage[place]);
        var own = _slots.Own[slot];
        var factor = Factor(slot, view.Columns.State[ordinal]);
        return new LexicalParts(own * factor, window * factor, (_slots.Smoothed[slot] - own) * factor, conversation * factor, 0);
    }

    /// <summary>How likely a turn is to tell something, whatever its words: who speaks, whether it asks, whether it says when.</summary>
    private float Factor(int slot, byte state)
    {
        var factor = (state & MemoryColumns.Asks) != 0 ? options.QuestionWeight : 1f;
        if (weights.AsksTime && (state & MemoryColumns.TellsTime) != 0)
        {
            factor *= options.TimeWeight;
        }

        if (weights.NamesSpeaker && !IsNamedSpeaker(_slots.Counts(slot)))
        {
            factor *= options.OtherSpeakerWeight;
        }

        return factor;
    }

    private bool IsNamedSpeaker(ReadOnlySpan<float> counts)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] > 0 && weights.Terms[i].Field == TermField.Speaker)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What a memory would reach that holds every word once, in an average text and an average neighbourhood.</summary>
    public float FullScore => weights.Full * (1f + options.ConversationWeight + options.CoverageWeight + options.WindowWeight);

    /// <summary>The slot of an allowed memory, or -1.</summary>
    public int SlotOf(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : scratch.SlotOf[ordinal] - 1;

    private void Select(int candidates)
    {
        var heap = scratch.Heap;
        heap.Reset(candidates);
        long postings = 0;
        foreach (var term in weights.Terms)
        {
            postings += view.Postings[term.Number].Items.Length;
        }

        if (scope.Listed is { } listed && listed.Length * 16L < postings)
        {
            foreach (var ordinal in listed.Span)
            {
                OfferMemory((int)ordinal);
            }
        }
        else
        {
            foreach (var term in weights.Terms)
            {
                Accumulate(term);
            }

            Collect(postings);
        }

        foreach (var unit in heap.Units)
        {
            Gather(view.UnitColumns.Memory[unit]);
        }
    }

    private void OfferMemory(int ordinal)
    {
        if (!scope.Allows(ordinal))
        {
            return;
        }

        var best = 0f;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            best = Math.Max(best, ScoreUnit(unit, default));
        }

        if (best > scratch.Heap.Threshold)
        {
            scratch.Heap.Offer(best, view.Columns.FirstUnit[ordinal]);
        }
    }

    private void Accumulate(ScoredTerm term)
    {
        var scores = scratch.Scores;
        var lengths = view.UnitColumns.Length;
        var saturation = scratch.Saturation;
        foreach (var posting in view.PostingsOf(term.Number))
        {
            var unit = posting >> PostingList.CountBits;
            scores[unit] += term.Weight * saturation[((posting & PostingList.CountMask) << 8) | lengths[unit]];
        }
    }

    /// <summary>Moves the best allowed units to the heap and zeroes the scores again.</summary>
    private void Collect(long postings)
    {
        var scores = scratch.Scores.AsSpan(0, view.Units);
        if (postings * 4 < view.Units)
        {
            foreach (var term in weights.Terms)
            {
                foreach (var posting in view.PostingsOf(term.Number))
                {
                    var unit = (int)(posting >> PostingList.CountBits);
                    Offer(scores[unit], unit);
                    scores[unit] = 0;
                }
            }

            return;
        }

        var vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        for (var i = 0; i < vectors.Length; i++)
        {
            if (Vector.GreaterThanAny(vectors[i], new Vector<float>(scratch.Heap.Threshold)))
            {
                for (var unit = i * Vector<float>.Count; unit < (i + 1) * Vector<float>.Count; unit++)
                {
                    Offer(scores[unit], unit);
                }
            }
        }

        for (var unit = vectors.Length * Vector<float>.Count; unit < scores.Length; unit++)
        {
            Offer(scores[unit], unit);
        }

        scores.Clear();
    }

    private void Offer(float score, int unit)
    {
        if (score > scratch.Heap.Threshold && scope.Allows(view.UnitColumns.Memory[unit]))
        {
            scratch.Heap.Offer(score, unit);
        }
    }

    private int Gather(int ordinal)
    {
        if (ordinal < 0 || ordinal >= view.Memories)
        {
            return -1;
        }

        if (scratch.SlotOf[ordinal] != 0)
        {
            return scratch.SlotOf[ordinal] - 1;
        }

        if (!scope.Allows(ordinal))
        {
            return -1;
        }

        var slot = _slots.Add(ordinal);
        scratch.SlotOf[ordinal] = slot + 1;
        var counts = _slots.Counts(slot);
        float best = 0, length = 0;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            best = Math.Max(best, ScoreUnit(unit, counts));
            length += view.UnitColumns.Length[unit];
        }

        var isAnswer = view.Columns.Role[ordinal] == MemoryRole.Assistant && view.Conversations[view.Columns.Conversation[ordinal]].IsChat;
        _slots.Own[slot] = isAnswer ? best * options.AssistantWeight : best;
        _slots.Length[slot] = length;
        return slot;
    }

    private float ScoreUnit(int unit, Span<float> counts)
    {
        var score = 0f;
        var length = view.UnitColumns.Length[unit];
        foreach (var entry in view.EntriesOf(unit))
        {
            var place = scratch.PlaceOf[entry >> PostingList.CountBits];
            if (place != 0)
            {
                var count = entry & PostingList.CountMask;
                score += weights.Terms[place - 1].Weight * scratch.Saturation[(count << 8) | length];
                if (counts.Length > 0)
                {
                    counts[place - 1] += count;
                }
            }
        }

        return score;
    }

    /// <summary>The turn before and after each candidate becomes one too; the turns around those lend their words.</summary>
    private void AddNeighbours()
    {
        var direct = _slots.Count;
        for (var slot = 0; slot < direct; slot++)
        {
            Gather(Previous(_slots.Ordinal[slot]));
            Gather(Next(_slots.Ordinal[slot]));
        }

        Candidates = _slots.Count;
        for (var slot = 0; slot < Candidates; slot++)
        {
            var previous = Previous(_slots.Ordinal[slot]);
            var next = Next(_slots.Ordinal[slot]);
            Gather(previous);
            Gather(next);
            Gather(Previous(previous));
            Gather(Next(next));
        }
    }

    private void Smooth()
    {
        var conversations = scratch.Conversations;
        conversations.Reset(weights.Terms.Count);
        for (var slot = 0; slot < Candidates; slot++)
        {
            var ordinal = _slots.Ordinal[slot];
            var previous = Previous(ordinal);
            var asked = previous >= 0 && (view.Columns.State[previous] & MemoryColumns.Asks) != 0;
            var lent = (Own(previous) * (asked ? options.AskedWeight : options.NeighbourWeight))
                + (Own(Next(ordinal)) * options.NeighbourWeight);
            _slots.Smoothed[slot] = _slots.Own[slot] + lent;
            ref var at = ref scratch.ConversationAt[view.Columns.Conversation[ordinal]];
            if (at == 0)
            {
                at = conversations.Add() + 1;
            }

            ref var best = ref conversations.Best[at - 1];
            best = Math.Max(best, _slots.Smoothed[slot]);
            Cover(conversations.Matches(at - 1), _slots.Counts(slot));
        }

        for (var place = 0; place < conversations.Count; place++)
        {
            conversations.Coverage[place] = Coverage(conversations.Matches(place));
        }
    }

    private static void Cover(Span<float> matches, ReadOnlySpan<float> counts)
    {
        for (var i = 0; i < matches.Length; i++)
        {
            matches[i] += counts[i];
        }
    }

    private float Coverage(ReadOnlySpan<float> matches)
    {
        var sum = 0f;
        for (var i = 0; i < matches.Length; i++)
        {
            var term = weights.Terms[i];
            sum += term.Field == TermField.Text ? term.Weight * matches[i] / (matches[i] + options.CoverageK) : 0;
        }

        return sum;
    }

    private float Own(int ordinal) => SlotOf(ordinal) is >= 0 and var slot ? _slots.Own[slot] : 0f;

    /// <summary>BM25 of the turn read together with two turns on each side.</summary>
    private float Window(int slot, int ordinal)
    {
        var previous = Previous(ordinal);
        var next = Next(ordinal);
        Span<int> near = [SlotOf(previous), SlotOf(next)];
        Span<int> far = [SlotOf(Previous(previous)), SlotOf(Next(next))];
        var length = _slots.Length[slot] + Lengths(near, options.WindowNear) + Lengths(far, options.WindowFar);
        var average = _averageMemory * (1f + (2 * options.WindowNear) + (2 * options.WindowFar));
        var score = 0f;
        for (var i = 0; i < weights.Terms.Count; i++)
        {
            var term = weights.Terms[i];
            var count = term.Field == TermField.Text
                ? _slots.Counts(slot)[i] + Counts(near, i, options.WindowNear) + Counts(far, i, options.WindowFar)
                : _slots.Counts(slot)[i];
            if (count > 0)
            {
                score += term.Weight * Bm25.Saturation(count, length, average, options.WindowK1, options.WindowB);
            }
        }

        return score;
    }

    private float Counts(ReadOnlySpan<int> slots, int term, float weight)
    {
        var sum = 0f;
        foreach (var slot in slots)
        {
            sum += slot < 0 ? 0 : _slots.Counts(slot)[term];
        }

        return sum * weight;
    }

    private float Lengths(ReadOnlySpan<int> slots, float weight)
    {
        var sum = 0f;
        foreach (var slot in slots)
        {
            sum += slot < 0 ? 0 : _slots.Length[slot];
        }

        return sum * weight;
    }

    private int Previous(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : Volatile.Read(ref view.Columns.Previous[ordinal]);

    private int Next(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : Volatile.Read(ref view.Columns.Next[ordinal]);
}
