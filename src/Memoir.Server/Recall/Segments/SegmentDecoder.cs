using System.Runtime.InteropServices;
using Memoir.Server.Recall.Index;

namespace Memoir.Server.Recall.Segments;

/// <summary>Reads one segment in the order that fills an index fastest: its terms and names, its memories, and then their words.</summary>
internal sealed class SegmentDecoder
{
    private readonly byte[] _segment;
    private readonly int _payload;
    private readonly int _entries;
    private int _at;

    /// <exception cref="InvalidDataException">The bytes are damaged or of another version.</exception>
    public SegmentDecoder(byte[] segment)
    {
        _segment = segment;
        _payload = segment.Length - IndexSegment.Unseal(segment).Length;
        var reader = new SegmentReader(segment.AsSpan(_payload));
        Memories = reader.Count();
        Units = reader.Count();
        _entries = reader.Count();
        Hashes = new ulong[reader.Count()];
        Postings = new int[Hashes.Length];
        Numbers = new int[Hashes.Length];
        for (var place = 0; place < Hashes.Length; place++)
        {
            Hashes[place] = reader.FixedLong();
            Postings[place] = reader.Count();
        }

        Conversations = ReadNames(ref reader);
        Users = ReadNames(ref reader);
        Types = ReadNames(ref reader);
        _at = reader.At;
    }

    public int Memories { get; }

    public int Units { get; }

    public string[] Conversations { get; }

    public string[] Users { get; }

    public string[] Types { get; }

    /// <summary>The terms by their place in the segment, ascending.</summary>
    public ulong[] Hashes { get; }

    /// <summary>How many postings each term has here.</summary>
    public int[] Postings { get; }

    /// <summary>The number of each term in the index that is filled.</summary>
    public int[] Numbers { get; }

    /// <summary>Fills the columns from an ordinal and a unit on; names stand as their places in this segment, -1 for none.</summary>
    public void ReadMemories(MemoryColumns columns, UnitColumns units, int ordinal, int unit)
    {
        var reader = new SegmentReader(_segment.AsSpan(_payload)) { At = _at };
        long sequence = 0, occurredAt = 0;
        for (var end = ordinal + Memories; ordinal < end; ordinal++)
        {
            sequence += reader.Signed();
            occurredAt += reader.Signed();
            var flags = reader.Byte();
            columns.Sequence[ordinal] = sequence;
            columns.OccurredAt[ordinal] = occurredAt;
            columns.Role[ordinal] = (MemoryRole)(flags & IndexSegment.RoleMask);
            columns.State[ordinal] = reader.Byte();
            columns.ExpiresAt[ordinal] = (flags & IndexSegment.HasExpiry) != 0 ? reader.Signed() : long.MaxValue;
            columns.KnownFrom[ordinal] = occurredAt + reader.Signed();
            if ((columns.State[ordinal] & MemoryColumns.Timed) != 0)
            {
                columns.SetPeriod(ordinal, reader.Signed(), reader.Signed(), reader.Signed());
            }

            columns.Importance[ordinal] = reader.FixedFloat();
            columns.ImportanceOverride[ordinal] = (flags & IndexSegment.HasOverride) != 0 ? reader.FixedFloat() : float.NaN;
            columns.Conversation[ordinal] = reader.Count() - 1;
            columns.User[ordinal] = reader.Count() - 1;
            columns.Type[ordinal] = reader.Count() - 1;
            columns.FirstUnit[ordinal] = unit;
            columns.Previous[ordinal] = -1;
            columns.Next[ordinal] = -1;
            for (var passages = reader.Count(); passages > 0; passages--, unit++)
            {
                units.Memory[unit] = ordinal;
                units.Length[unit] = reader.Byte();
                units.Entries[unit] = (ushort)reader.Count();
            }
        }

        _at = reader.At;
    }

    /// <summary>Fills the forward index and answers the postings of all terms, term after term, each in ascending order.</summary>
    public uint[] ReadEntries(ForwardIndex forward, UnitColumns units, int firstUnit)
    {
        // One array for all terms, so that little but the ends of the lists need stay in the processor's cache.
        var postings = GC.AllocateUninitializedArray<uint>(_entries);
        var ends = Starts();
        var words = MemoryMarshal.Cast<byte, ushort>(_segment.AsSpan(_payload + _at, _entries * sizeof(ushort)));
        var escapes = new SegmentReader(_segment.AsSpan(_payload + _at + (_entries * sizeof(ushort))));
        var numbers = Numbers;
        for (var unit = firstUnit; unit < firstUnit + Units; unit++)
        {
            var entries = forward.Append(units.Entries[unit], out units.Start[unit]);
            var tagged = (uint)unit << PostingList.CountBits;
            var place = 0;
            for (var i = 0; i < entries.Length; i++)
            {
                uint word = words[i];
                var count = (word & IndexSegment.WordMask) + 1;
                if (count > IndexSegment.WordMask)
                {
                    place += escapes.Count();
                    count = escapes.Byte();
                }
                else
                {
                    place += (int)(word >> IndexSegment.WordBits);
                }

                entries[i] = ((uint)numbers[place] << PostingList.CountBits) | count;
                postings[ends[place]++] = tagged | count;
            }

            words = words[entries.Length..];
        }

        return postings;
    }

    private int[] Starts()
    {
        var starts = new int[Postings.Length];
        var sum = 0;
        for (var place = 0; place < starts.Length; place++)
        {
            starts[place] = sum;
            sum += Postings[place];
        }

        return starts;
    }

    private static string[] ReadNames(ref SegmentReader reader)
    {
        var names = new string[reader.Count()];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = reader.Text();
        }

        return names;
    }
}
