namespace Memoir.Server.Recall.Index;

/// <summary>The inverted index of one tenant, in memory: one writer at a time, any number of readers, none of whom waits.</summary>
internal sealed partial class TenantIndex
{
    /// <summary>A posting has 26 bits for the unit.</summary>
    public const int MaxUnits = 1 << 26;

    private readonly Lock _writing = new();
    private readonly TermTable _terms = new();
    private readonly ForwardIndex _forward = new();
    private readonly SequenceTable _sequences = new();
    private readonly GroupTable _conversations = new();
    private readonly GroupTable _users = new();
    private readonly GroupTable _types = new();
    private PostingList[] _postings = new PostingList[1 << 10];
    private MemoryColumns _columns = new(64);
    private UnitColumns _unitColumns = new(64);
    private long _published;
    private int _memories;
    private int _units;
    private int _liveUnits;
    private long _liveLength;
    private int _liveMemories;
    private long _postingCapacity;

    public int LiveCount => Volatile.Read(ref _liveMemories);

    /// <summary>Memories that were replaced or removed and still take room until the index is rebuilt from a segment.</summary>
    public int DeadCount => Volatile.Read(ref _memories) - LiveCount;

    public long EstimatedBytes => (_columns.Capacity * (long)MemoryColumns.BytesEach) + _columns.BytesOfPeriods + (_unitColumns.Memory.Length * (long)UnitColumns.BytesEach)
        + _forward.Bytes + _terms.Bytes + _sequences.Bytes + (_postings.Length * 8L) + (_terms.Count * PostingList.BytesEach) + (_postingCapacity * 4L)
        + _conversations.Bytes + _users.Bytes + (_memories * 16L);

    /// <summary>Adds a memory, in place of an earlier one with the same sequence.</summary>
    public void Put(AnalysedMemory memory)
    {
        lock (_writing)
        {
            var passages = memory.PassageEnds.Length;
            if (_units + passages > MaxUnits)
            {
                throw new InvalidOperationException($"A tenant's index holds at most {MaxUnits} passages.");
            }

            Reserve(1, passages, more: _memories / 4);
            var ordinal = _memories;
            var conversation = memory.ConversationId is null ? null : _conversations.GetOrAdd(memory.ConversationId);
            var user = memory.UserId is null ? null : _users.GetOrAdd(memory.UserId);
            var type = memory.Type is null ? null : _types.GetOrAdd(memory.Type);
            _columns.Set(ordinal, memory, conversation?.Number ?? -1, user?.Number ?? -1, type?.Number ?? -1, _units);
            AppendUnits(ordinal, memory);
            user?.Members.Add((uint)ordinal);
            conversation?.Add(ordinal, _columns);

            var replaced = _sequences.Set(memory.Sequence, ordinal, _columns);
            _units += passages;
            _memories = ordinal + 1;
            Volatile.Write(ref _liveMemories, _liveMemories + 1);
            Volatile.Write(ref _published, ((long)_units << 32) | (uint)_memories);
            if (replaced >= 0 && (_columns.State[replaced] & MemoryColumns.Dead) == 0)
            {
                Bury(replaced);
            }
        }
    }

    /// <summary>Forgets a memory; false when there was none.</summary>
    public bool Remove(long sequence)
    {
        lock (_writing)
        {
            var ordinal = OrdinalOf(sequence);
            if (ordinal < 0)
            {
                return false;
            }

            Bury(ordinal);
            return true;
        }
    }

    public bool SetArchived(long sequence, bool archived)
    {
        lock (_writing)
        {
            var ordinal = OrdinalOf(sequence);
            if (ordinal < 0)
            {
                return false;
            }

            var state = _columns.State[ordinal];
            Volatile.Write(ref _columns.State[ordinal],
                (byte)(archived ? state | MemoryColumns.Archived : state & ~MemoryColumns.Archived));
            return true;
        }
    }

    /// <summary>Changes what a memory's importance and expiry are computed from, without reading its text again.</summary>
    public bool UpdateParts(long sequence, float importance, float? importanceOverride, DateTimeOffset? expiresAt)
    {
        lock (_writing)
        {
            var ordinal = OrdinalOf(sequence);
            if (ordinal < 0)
            {
                return false;
            }

            _columns.Importance[ordinal] = importance;
            _columns.ImportanceOverride[ordinal] = importanceOverride ?? float.NaN;
            _columns.ExpiresAt[ordinal] = expiresAt is { } expiry ? Analyzer.Micros(expiry) : long.MaxValue;
            var state = _columns.State[ordinal];
            Volatile.Write(ref _columns.State[ordinal],
                (byte)(expiresAt is null ? state & ~MemoryColumns.Expires : state | MemoryColumns.Expires));
            return true;
        }
    }

    /// <summary>The ordinal under which a live memory's vector is kept, or -1. A replaced memory gets a new one.</summary>
    public int OrdinalOf(long sequence)
    {
        var ordinal = _sequences.Find(sequence, ref _columns);
        return ordinal >= 0 && (Volatile.Read(ref _columns).State[ordinal] & MemoryColumns.Dead) == 0 ? ordinal : -1;
    }

    /// <summary>A consistent state to search in. Both counts are read at once and first, so the arrays hold at least as much.</summary>
    public IndexView View()
    {
        var published = Volatile.Read(ref _published);
        var columns = Volatile.Read(ref _columns);
        var unitColumns = Volatile.Read(ref _unitColumns);
        return new IndexView
        {
            Memories = (int)(published & int.MaxValue),
            Units = (int)(published >> 32),
            Columns = columns,
            UnitColumns = unitColumns,
            Forward = _forward,
            Terms = _terms,
            Postings = Volatile.Read(ref _postings),
            Conversations = _conversations,
            Users = _users,
            Types = _types,
            LiveUnits = Volatile.Read(ref _liveUnits),
            LiveLength = Volatile.Read(ref _liveLength),
        };
    }

    /// <summary>The number of a term, new when it was never seen.</summary>
    private int Number(ulong term)
    {
        var number = _terms.Find(term);
        if (number >= 0)
        {
            return number;
        }

        if (_terms.Count == _postings.Length)
        {
            var larger = new PostingList[_postings.Length * 2];
            _postings.CopyTo(larger, 0);
            Volatile.Write(ref _postings, larger);
        }

        _postings[_terms.Count] = new PostingList();
        return _terms.Add(term);
    }

    /// <summary>Room for so many more memories and units, and for some more when it must be made anyway.</summary>
    private void Reserve(int memories, int units, int more)
    {
        if (_memories + memories > _columns.Capacity)
        {
            Volatile.Write(ref _columns, new MemoryColumns(_memories + memories + more, _columns));
        }

        if (_units + units > _unitColumns.Memory.Length)
        {
            Volatile.Write(ref _unitColumns, new UnitColumns(_units + units + more, _unitColumns));
        }
    }

    private void AppendUnits(int ordinal, AnalysedMemory memory)
    {
        var terms = memory.Terms;
        var counts = memory.Counts;
        var grown = 0L;
        var from = 0;
        for (var passage = 0; passage < memory.PassageEnds.Length; passage++)
        {
            var unit = _units + passage;
            var to = memory.PassageEnds[passage];
            var entries = _forward.Append(to - from, out var start);
            for (var i = from; i < to; i++)
            {
                var number = Number(terms[i]);
                uint count = counts[i];
                entries[i - from] = ((uint)number << PostingList.CountBits) | count;
                grown += _postings[number].Add(((uint)unit << PostingList.CountBits) | count);
            }

            _unitColumns.Set(unit, ordinal, start, to - from, memory.PassageLengths[passage]);
            _liveLength += memory.PassageLengths[passage];
            from = to;
        }

        _liveUnits += memory.PassageEnds.Length;
        _postingCapacity += grown;
    }

    private void Bury(int ordinal)
    {
        Hide(ordinal);
        if (_columns.Conversation[ordinal] is >= 0 and var conversation)
        {
            _conversations[conversation].Unlink(ordinal, _columns);
        }
    }

    private void Hide(int ordinal)
    {
        Volatile.Write(ref _columns.State[ordinal], (byte)(_columns.State[ordinal] | MemoryColumns.Dead));
        var end = ordinal + 1 < _memories ? _columns.FirstUnit[ordinal + 1] : _units;
        for (var unit = _columns.FirstUnit[ordinal]; unit < end; unit++)
        {
            foreach (var entry in _forward.Read(_unitColumns.Start[unit], _unitColumns.Entries[unit]))
            {
                _postings[entry >> PostingList.CountBits].Live--;
            }

            _liveLength -= _unitColumns.Length[unit];
            _liveUnits--;
        }

        Volatile.Write(ref _liveMemories, _liveMemories - 1);
    }
}
