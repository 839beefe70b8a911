using Memoir.Server.Recall.Segments;

namespace Memoir.Server.Recall.Index;

/// <summary>Loading of segments: all lists are sized once, filled in tight loops, and linked at the end.</summary>
internal sealed partial class TenantIndex
{
    /// <summary>Adds the memories of segments, each in place of earlier ones with the same sequences.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged or of another version; nothing was added.</exception>
    public void Load(params ReadOnlySpan<byte[]> segments)
    {
        var decoders = new SegmentDecoder[segments.Length];
        int memories = 0, units = 0, terms = 0;
        for (var i = 0; i < segments.Length; i++)
        {
            var decoder = decoders[i] = new SegmentDecoder(segments[i]);
            memories += decoder.Memories;
            units += decoder.Units;
            terms = Math.Max(terms, decoder.Hashes.Length);
        }

        lock (_writing)
        {
            if (_units + (long)units > MaxUnits)
            {
                throw new InvalidOperationException($"A tenant's index holds at most {MaxUnits} passages.");
            }

            // A little room beyond, so that the first memory written after a load does not move everything.
            Reserve(memories, units, more: 1024 + (memories / 32));
            _terms.Reserve(_terms.Count + terms);
            var expected = NumberTerms(decoders);
            var (lists, starts) = MakeRoom(expected);
            var fill = starts.AsSpan().ToArray();
            var first = _memories;
            foreach (var decoder in decoders)
            {
                LoadMemories(decoder);
                decoder.ReadEntries(_forward, _unitColumns, _units, lists, fill);
                CountUnits(decoder.Units);
                _memories += decoder.Memories;
            }

            for (var number = 0; number < expected.Length; number++)
            {
                _postings[number].Publish(expected[number]);
            }

            _liveMemories += memories;
            Register(first);
            Volatile.Write(ref _published, ((long)_units << 32) | (uint)_memories);
        }
    }

    /// <summary>Gives the segments' terms their numbers and answers how many postings each of all terms will gain.</summary>
    private int[] NumberTerms(SegmentDecoder[] decoders)
    {
        var expected = new int[_terms.Count];
        foreach (var decoder in decoders)
        {
            for (var place = 0; place < decoder.Hashes.Length; place++)
            {
                var number = _terms.Find(decoder.Hashes[place]);
                if (number < 0)
                {
                    number = _terms.Add(decoder.Hashes[place]);
                    if (number >= expected.Length)
                    {
                        Array.Resize(ref expected, Math.Max(number * 2, decoder.Hashes.Length));
                    }
                }

                expected[number] += decoder.Postings[place];
                decoder.Numbers[place] = number;
            }
        }

        Array.Resize(ref expected, _terms.Count);
        return expected;
    }

    private (uint[][] Lists, int[] Starts) MakeRoom(int[] expected)
    {
        if (expected.Length > _postings.Length)
        {
            var larger = new PostingList[expected.Length + (expected.Length / 8)];
            _postings.CopyTo(larger, 0);
            Volatile.Write(ref _postings, larger);
        }

        var lists = new uint[expected.Length][];
        var starts = new int[expected.Length];
        for (var number = 0; number < expected.Length; number++)
        {
            var list = _postings[number] ??= new PostingList(capacity: 0);
            _postingCapacity -= list.Capacity;
            starts[number] = list.Items.Length;
            lists[number] = list.Room(expected[number]);
            _postingCapacity += list.Capacity;
        }

        return (lists, starts);
    }

    private void LoadMemories(SegmentDecoder decoder)
    {
        var conversations = Array.ConvertAll(decoder.Conversations, _conversations.GetOrAdd);
        var users = Array.ConvertAll(decoder.Users, _users.GetOrAdd);
        var types = Array.ConvertAll(decoder.Types, _types.GetOrAdd);
        decoder.ReadMemories(_columns, _unitColumns, _memories, _units);
        for (var ordinal = _memories; ordinal < _memories + decoder.Memories; ordinal++)
        {
            // So far the columns hold the segment's own places of the names.
            if (_columns.Conversation[ordinal] is >= 0 and var conversation)
            {
                _columns.Conversation[ordinal] = conversations[conversation].Number;
                conversations[conversation].AddUnlinked(ordinal, _columns);
            }

            if (_columns.User[ordinal] is >= 0 and var user)
            {
                _columns.User[ordinal] = users[user].Number;
                users[user].Members.Add((uint)ordinal);
            }

            if (_columns.Type[ordinal] is >= 0 and var type)
            {
                _columns.Type[ordinal] = types[type].Number;
            }
        }
    }

    private void CountUnits(int units)
    {
        for (var unit = _units; unit < _units + units; unit++)
        {
            _liveLength += _unitColumns.Length[unit];
        }

        _units += units;
        _liveUnits += units;
    }

    /// <summary>Makes the memories from an ordinal on the newest versions of their sequences, and links their conversations.</summary>
    private void Register(int first)
    {
        _sequences.Reserve(_memories - first, _columns);
        var touched = new bool[_conversations.Count];
        for (var ordinal = first; ordinal < _memories; ordinal++)
        {
            var replaced = _sequences.Set(_columns.Sequence[ordinal], ordinal, _columns);
            if (replaced >= 0 && (_columns.State[replaced] & MemoryColumns.Dead) == 0)
            {
                Hide(replaced);
                Touch(replaced);
            }

            Touch(ordinal);
        }

        for (var number = 0; number < touched.Length; number++)
        {
            if (touched[number])
            {
                _conversations[number].Link(_columns);
            }
        }

        void Touch(int ordinal)
        {
            if (_columns.Conversation[ordinal] is >= 0 and var conversation)
            {
                touched[conversation] = true;
            }
        }
    }
}
