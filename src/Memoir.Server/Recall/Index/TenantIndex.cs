using Memoir.Server.Recall.Segments;

namespace Memoir.Server.Recall.Index;

/// <summary>The inverted index of one tenant, in memory: one writer at a time, any number of readers, none of whom waits.</summary>
internal sealed class TenantIndex
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
    private long _groupBytes;

    public int LiveCount => Volatile.Read(ref _liveMemories);

    /// <summary>Memories that were replaced or removed and still take room until the index is rebuilt from a segment.</summary>
    public int DeadCount => Volatile.Read(ref _memories) - LiveCount;

    public long EstimatedBytes => (_columns.Capacity * (long)MemoryColumns.BytesEach) + (_unitColumns.Memory.Length * (long)UnitColumns.BytesEach)
        + _forward.Bytes + _terms.Bytes + _sequences.Bytes + (_postings.Length * 8L) + (_terms.Count * 56L) + (_postingCapacity * 4L)
        + _groupBytes;

    /// <summary>Adds a memory, in place of an earlier one with the same sequence.</summary>
    public void Put(AnalysedMemory memory)
    {
        lock (_writing)
        {
            Span<int> numbers = memory.Terms.Length <= 512 ? stackalloc int[memory.Terms.Length] : new int[memory.Terms.Length];
            for (var i = 0; i < numbers.Length; i++)
            {
                numbers[i] = Number(memory.Terms[i]);
            }

            Append(new MemoryEntry
            {
                Sequence = memory.Sequence,
                ConversationId = memory.ConversationId,
                UserId = memory.UserId,
                Type = memory.Type,
                Role = memory.Role,
                Archived = memory.Archived,
                Asks = memory.Asks,
                TellsTime = memory.TellsTime,
                OccurredAtMicros = memory.OccurredAtMicros,
                ExpiresAtMicros = memory.ExpiresAtMicros,
                Importance = memory.Importance,
                ImportanceOverride = memory.ImportanceOverride,
                Numbers = numbers,
                Counts = memory.Counts,
                PassageEnds = memory.PassageEnds,
                PassageLengths = memory.PassageLengths,
            });
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
        var ordinal = _sequences.Find(sequence);
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

    /// <summary>Adds the memories of a segment, in place of earlier ones with the same sequences.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged or of another version; nothing was added.</exception>
    public void Load(ReadOnlySpan<byte> segment)
    {
        lock (_writing)
        {
            IndexSegment.Decode(segment, this);
        }
    }

    /// <summary>The number of a term, new when it was never seen. Only for the writer.</summary>
    public int Number(ulong term, int expected = 2)
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

        _postings[_terms.Count] = new PostingList(Math.Max(2, expected));
        _postingCapacity += Math.Max(2, expected);
        return _terms.Add(term);
    }

    public void Reserve(int term, int postings)
    {
        var list = _postings[term];
        _postingCapacity -= list.Capacity;
        list.Reserve(postings);
        _postingCapacity += list.Capacity;
    }

    /// <summary>Room for so many more memories and units, so that loading does not grow step by step. Only for the writer.</summary>
    public void Reserve(int memories, int units, bool exact)
    {
        if (_memories + memories > _columns.Capacity)
        {
            Volatile.Write(ref _columns, new MemoryColumns(exact ? _memories + memories : Math.Max(_memories + memories, _memories * 3 / 2), _columns));
        }

        if (_units + units > _unitColumns.Memory.Length)
        {
            Volatile.Write(ref _unitColumns, new UnitColumns(exact ? _units + units : Math.Max(_units + units, _units * 3 / 2), _unitColumns));
        }
    }

    /// <summary>Adds a memory whose terms are numbered already. Only for the writer.</summary>
    public void Append(in MemoryEntry memory)
    {
        var passages = memory.PassageEnds.Length;
        if (_units + passages > MaxUnits)
        {
            throw new InvalidOperationException($"A tenant's index holds at most {MaxUnits} passages.");
        }

        Reserve(1, passages, exact: false);
        var ordinal = _memories;
        var columns = _columns;
        var conversation = memory.ConversationId is null ? null : _conversations.GetOrAdd(memory.ConversationId);
        var user = memory.UserId is null ? null : _users.GetOrAdd(memory.UserId);
        columns.Sequence[ordinal] = memory.Sequence;
        columns.OccurredAt[ordinal] = memory.OccurredAtMicros;
        columns.ExpiresAt[ordinal] = memory.ExpiresAtMicros;
        columns.Conversation[ordinal] = conversation?.Number ?? -1;
        columns.User[ordinal] = user?.Number ?? -1;
        columns.Type[ordinal] = memory.Type is null ? -1 : _types.GetOrAdd(memory.Type).Number;
        columns.Role[ordinal] = memory.Role;
        columns.State[ordinal] = (byte)((memory.Archived ? MemoryColumns.Archived : 0) | (memory.Asks ? MemoryColumns.Asks : 0)
            | (memory.TellsTime ? MemoryColumns.TellsTime : 0) | (memory.ExpiresAtMicros != long.MaxValue ? MemoryColumns.Expires : 0));
        columns.Importance[ordinal] = memory.Importance;
        columns.ImportanceOverride[ordinal] = memory.ImportanceOverride;
        columns.FirstUnit[ordinal] = _units;
        columns.Previous[ordinal] = -1;
        columns.Next[ordinal] = -1;
        AppendUnits(ordinal, memory);

        _groupBytes -= (conversation?.Bytes ?? 0) + (user?.Bytes ?? 0);
        user?.Members.Add((uint)ordinal);
        conversation?.Add(ordinal, columns);
        _groupBytes += (conversation?.Bytes ?? 0) + (user?.Bytes ?? 0);

        var replaced = OrdinalOf(memory.Sequence);
        _sequences.Set(memory.Sequence, ordinal);
        _units += passages;
        _memories = ordinal + 1;
        Volatile.Write(ref _liveMemories, _liveMemories + 1);
        Volatile.Write(ref _published, ((long)_units << 32) | (uint)_memories);
        if (replaced >= 0)
        {
            Bury(replaced);
        }
    }

    private void AppendUnits(int ordinal, in MemoryEntry memory)
    {
        var numbers = memory.Numbers;
        var counts = memory.Counts;
        var postings = _postings;
        var grown = 0L;
        var from = 0;
        for (var passage = 0; passage < memory.PassageEnds.Length; passage++)
        {
            var unit = _units + passage;
            var to = memory.PassageEnds[passage];
            var entries = _forward.Append(to - from, out var start);
            for (var i = from; i < to; i++)
            {
                uint count = counts[i];
                entries[i - from] = ((uint)numbers[i] << PostingList.CountBits) | count;
                grown += postings[numbers[i]].Add(((uint)unit << PostingList.CountBits) | count);
            }

            _unitColumns.Memory[unit] = ordinal;
            _unitColumns.Start[unit] = start;
            _unitColumns.Entries[unit] = (ushort)(to - from);
            _unitColumns.Length[unit] = memory.PassageLengths[passage];
            _liveLength += memory.PassageLengths[passage];
            from = to;
        }

        _liveUnits += memory.PassageEnds.Length;
        _postingCapacity += grown;
    }

    private void Bury(int ordinal)
    {
        var view = View();
        Volatile.Write(ref _columns.State[ordinal], (byte)(_columns.State[ordinal] | MemoryColumns.Dead));
        for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
        {
            foreach (var entry in view.EntriesOf(unit))
            {
                _postings[entry >> PostingList.CountBits].Live--;
            }

            _liveLength -= _unitColumns.Length[unit];
            _liveUnits--;
        }

        if (_columns.Conversation[ordinal] is >= 0 and var conversation)
        {
            _conversations[conversation].Unlink(ordinal, _columns);
        }

        Volatile.Write(ref _liveMemories, _liveMemories - 1);
    }
}
