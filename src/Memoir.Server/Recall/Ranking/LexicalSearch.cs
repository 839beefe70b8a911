using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Ranking;

/// <summary>Scores one question against one view: all postings roughly, then the best candidates closely, with their neighbours.</summary>
internal sealed class LexicalSearch(
    IndexView view, ScopeFilter scope, Selection selection, TermWeights weights, RankingOptions options, SearchScratch scratch)
{
    private readonly SlotTable _slots = scratch.Slots;
    private readonly ScoredTerm[] _terms = [.. weights.Terms];
    private readonly List<int> _finalists = new(128);
    private PostingScan _scan;

    public TermWeights Weights => weights;

    /// <summary>The slots worth ranking; the others only lend context.</summary>
    public IReadOnlyList<int> Finalists => _finalists;

    /// <summary>What a memory would reach that holds every word once, in an average text and an average neighbourhood.</summary>
    public float FullScore => weights.Full * (1f + options.ConversationWeight + options.CoverageWeight + options.WindowWeight);

    /// <summary>Finds candidates, smooths their scores over the conversation, and counts the words around the best of them.</summary>
    public void Run(int limit, IReadOnlyList<(int Ordinal, float Cosine)>? nearest)
    {
        _slots.Reset(_terms.Length);
        scratch.Conversations.Reset(_terms.Length);
        scratch.Prepare(view.AverageLength, options.K1, options.B);
        for (var i = 0; i < _terms.Length; i++)
        {
            scratch.PlaceOf[_terms[i].Number] = (byte)(i + 1);
        }

        _scan = new PostingScan(view, scope, selection, _terms, scratch);
        _scan.Run(Math.Max(options.Candidates, limit * 4));
        AddSlots(scratch.Heap);
        AddSlots(scratch.Lifters);

        AddNeighbours();
        var candidates = _slots.Count;
        Smooth(candidates);
        ChooseFinalists(candidates, Math.Max(options.Finalists, limit * 2));
        for (var i = 0; i < (nearest?.Count ?? 0); i++)
        {
            AddFinalist(nearest![i].Ordinal);
        }

        CountAround();
    }

    /// <summary>Leaves the scratch arrays as they were found.</summary>
    public void Clear()
    {
        foreach (var term in _terms)
        {
            scratch.PlaceOf[term.Number] = 0;
        }

        for (var slot = 0; slot < _slots.Count; slot++)
        {
            scratch.SlotOf[_slots.Ordinal[slot]] = 0;
            var conversation = view.Columns.Conversation[_slots.Ordinal[slot]];
            if (conversation >= 0)
            {
                scratch.ConversationAt[conversation] = 0;
            }
        }

        _scan.Clear();
    }

    public LexicalParts Score(int slot)
    {
        var ordinal = _slots.Ordinal[slot];
        var place = Conversation(ordinal);
        var own = _slots.Own[slot];
        var lent = _slots.Smoothed[slot] - own;
        var coverage = place < 0
            ? ConversationSums.Covered(_slots.Counts(slot), _terms, options.CoverageK)
            : scratch.Conversations.Coverage[place];
        var conversation = (options.ConversationWeight * BestAround(slot, place)) + (options.CoverageWeight * coverage);
        var factor = Factor(slot, view.Columns.State[ordinal]);
        return new LexicalParts(own * factor, options.WindowWeight * Window(slot, ordinal) * factor, lent * factor, conversation * factor, 0);
    }

    /// <summary>The slot of a memory under close inspection, or -1.</summary>
    public int SlotOf(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : scratch.SlotOf[ordinal] - 1;

    private void AddSlots(CandidateHeap heap)
    {
        foreach (var ordinal in heap.Items)
        {
            SlotFor(ordinal);
        }
    }

    /// <summary>The slot of an allowed memory, made when there is none yet, or -1.</summary>
    private int SlotFor(int ordinal)
    {
        if (ordinal < 0 || ordinal >= view.Memories)
        {
            return -1;
        }

        ref var slot = ref scratch.SlotOf[ordinal];
        if (slot == 0 && scope.Allows(ordinal))
        {
            slot = _slots.Add(ordinal, OwnScore(ordinal)) + 1;
        }

        return slot - 1;
    }

    private float OwnScore(int ordinal)
    {
        var best = 0f;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            best = Math.Max(best, Math.Abs(scratch.Scores[unit]));
        }

        var isAnswer = view.Columns.Role[ordinal] == MemoryRole.Assistant
            && view.Columns.Conversation[ordinal] is >= 0 and var conversation && view.Conversations[conversation].IsChat;
        return isAnswer ? best * options.AssistantWeight : best;
    }

    /// <summary>The turn before and after each candidate becomes one too.</summary>
    private void AddNeighbours()
    {
        var direct = _slots.Count;
        for (var slot = 0; slot < direct; slot++)
        {
            SlotFor(Previous(_slots.Ordinal[slot]));
            SlotFor(Next(_slots.Ordinal[slot]));
        }
    }

    private void Smooth(int candidates)
    {
        for (var slot = 0; slot < candidates; slot++)
        {
            var ordinal = _slots.Ordinal[slot];
            var previous = SlotFor(Previous(ordinal));
            var next = SlotFor(Next(ordinal));
            if (previous >= 0)
            {
                var asked = (view.Columns.State[_slots.Ordinal[previous]] & MemoryColumns.Asks) != 0;
                _slots.Smoothed[slot] += _slots.Own[previous] * (asked ? options.AskedWeight : options.NeighbourWeight);
            }

            if (next >= 0)
            {
                _slots.Smoothed[slot] += _slots.Own[next] * options.NeighbourWeight;
            }

            if (Conversation(ordinal) is >= 0 and var place)
            {
                ref var best = ref scratch.Conversations.Best[place];
                best = Math.Max(best, _slots.Smoothed[slot]);
            }
        }
    }

    /// <summary>The best score in the conversation of a memory; one without a conversation is its own.</summary>
    private float BestAround(int slot, int place) => place < 0 ? _slots.Smoothed[slot] : scratch.Conversations.Best[place];

    /// <summary>The place of a memory's conversation among those under close inspection, or -1 when it has none.</summary>
    private int Conversation(int ordinal)
    {
        if (view.Columns.Conversation[ordinal] < 0)
        {
            return -1;
        }

        ref var at = ref scratch.ConversationAt[view.Columns.Conversation[ordinal]];
        if (at == 0)
        {
            at = scratch.Conversations.Add() + 1;
        }

        return at - 1;
    }

    private void ChooseFinalists(int candidates, int count)
    {
        var heap = scratch.Heap;
        heap.Reset(count);
        for (var slot = 0; slot < candidates; slot++)
        {
            var ordinal = _slots.Ordinal[slot];
            var score = _slots.Smoothed[slot] + (options.ConversationWeight * BestAround(slot, Conversation(ordinal)));
            if (score > heap.Threshold && selection.Allows(ordinal))
            {
                heap.Offer(score, slot);
            }
        }

        foreach (var slot in heap.Items)
        {
            _finalists.Add(slot);
        }
    }

    private void AddFinalist(int ordinal)
    {
        if (SlotFor(ordinal) is >= 0 and var slot && selection.Allows(ordinal) && !_finalists.Contains(slot))
        {
            _finalists.Add(slot);
        }
    }

    /// <summary>Counts the question's words in the finalists and two turns around each, and in their conversations as far as seen.</summary>
    private void CountAround()
    {
        foreach (var slot in _finalists)
        {
            var ordinal = _slots.Ordinal[slot];
            var previous = Previous(ordinal);
            var next = Next(ordinal);
            Count(slot);
            Count(SlotFor(previous));
            Count(SlotFor(next));
            Count(SlotFor(Previous(previous)));
            Count(SlotFor(Next(next)));
        }

        scratch.Conversations.Cover(_terms, options.CoverageK);
    }

    private void Count(int slot)
    {
        if (slot < 0 || _slots.IsCounted(slot))
        {
            return;
        }

        var ordinal = _slots.Ordinal[slot];
        var counts = _slots.StartCounts(slot);
        var length = 0;
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            length += view.UnitColumns.Length[unit];
            foreach (var entry in view.EntriesOf(unit))
            {
                var term = scratch.PlaceOf[entry >> PostingList.CountBits];
                if (term != 0)
                {
                    counts[term - 1] += entry & PostingList.CountMask;
                }
            }
        }

        _slots.Length[slot] = length;
        if (Conversation(ordinal) is >= 0 and var place)
        {
            scratch.Conversations.Add(place, counts);
        }
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
            if (counts[i] > 0 && _terms[i].Field == TermField.Speaker)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>BM25 of the turn read together with two turns on each side.</summary>
    private float Window(int slot, int ordinal)
    {
        var previous = Previous(ordinal);
        var next = Next(ordinal);
        Span<int> around = [Counted(previous), Counted(next), Counted(Previous(previous)), Counted(Next(next))];
        var length = _slots.Length[slot];
        foreach (var other in around)
        {
            length += other < 0 ? 0 : _slots.Length[other];
        }

        var average = view.AverageLength * (around.Length + 1);
        var counts = _slots.Counts(slot);
        var score = 0f;
        for (var i = 0; i < _terms.Length; i++)
        {
            var count = counts[i];
            if (_terms[i].Field == TermField.Text)
            {
                foreach (var other in around)
                {
                    count += other < 0 ? 0 : _slots.Counts(other)[i];
                }
            }

            if (count > 0)
            {
                score += _terms[i].Weight * Bm25.Saturation(count, length, average, options.WindowK1, options.WindowB);
            }
        }

        return score;
    }

    /// <summary>The slot of a neighbour whose words were counted, or -1: turns that are removed meanwhile let others move up.</summary>
    private int Counted(int ordinal) => SlotOf(ordinal) is >= 0 and var slot && _slots.IsCounted(slot) ? slot : -1;

    private int Previous(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : Volatile.Read(ref view.Columns.Previous[ordinal]);

    private int Next(int ordinal) => ordinal < 0 || ordinal >= view.Memories ? -1 : Volatile.Read(ref view.Columns.Next[ordinal]);
}
