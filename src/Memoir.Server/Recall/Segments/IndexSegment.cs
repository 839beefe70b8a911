using System.Buffers.Binary;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall.Segments;

/// <summary>A tenant's index, or part of one, as bytes to keep: compact, checksummed, and quick to load.</summary>
internal static class IndexSegment
{
    /// <summary>Raised whenever the layout or the analysis of text changes; a segment of another version must be built anew.</summary>
    public const uint Version = 2;

    private const uint Magic = 0x5352494d;
    private const int HeaderBytes = 24;

    /// <summary>All live memories of an index. May run while others search and one writes.</summary>
    public static byte[] Encode(TenantIndex index)
    {
        var view = index.View();
        var live = Enumerable.Range(0, view.Memories).Where(i => (view.Columns.State[i] & MemoryColumns.Dead) == 0).ToArray();
        var writer = new SegmentWriter();
        writer.Unsigned((ulong)live.Length);
        var places = WriteTerms(writer, view, live);
        var conversations = WriteNames(writer, live, view.Columns.Conversation, view.Conversations);
        var users = WriteNames(writer, live, view.Columns.User, view.Users);
        var types = WriteNames(writer, live, view.Columns.Type, view.Types);
        long sequence = 0, occurredAt = 0;
        foreach (var ordinal in live)
        {
            var columns = view.Columns;
            writer.Signed(columns.Sequence[ordinal] - sequence);
            writer.Signed(columns.OccurredAt[ordinal] - occurredAt);
            sequence = columns.Sequence[ordinal];
            occurredAt = columns.OccurredAt[ordinal];
            var expires = columns.ExpiresAt[ordinal] != long.MaxValue;
            writer.Byte((byte)((int)columns.Role[ordinal] | (expires ? 128 : 0)));
            writer.Byte(columns.State[ordinal]);
            if (expires)
            {
                writer.Signed(columns.ExpiresAt[ordinal]);
            }

            writer.Fixed(columns.Importance[ordinal]);
            writer.Fixed(columns.ImportanceOverride[ordinal]);
            writer.Unsigned((ulong)(columns.Conversation[ordinal] < 0 ? 0 : conversations[columns.Conversation[ordinal]] + 1));
            writer.Unsigned((ulong)(columns.User[ordinal] < 0 ? 0 : users[columns.User[ordinal]] + 1));
            writer.Unsigned((ulong)(columns.Type[ordinal] < 0 ? 0 : types[columns.Type[ordinal]] + 1));
            WriteUnits(writer, view, ordinal, places);
        }

        return Seal(writer.Written);
    }

    /// <summary>A segment of memories that are in no index yet.</summary>
    public static byte[] Encode(IEnumerable<AnalysedMemory> memories)
    {
        var index = new TenantIndex();
        foreach (var memory in memories)
        {
            index.Put(memory);
        }

        return Encode(index);
    }

    /// <summary>Adds a segment's memories to an index. Only for its writer: see <see cref="TenantIndex.Load"/>.</summary>
    public static void Decode(ReadOnlySpan<byte> segment, TenantIndex index)
    {
        var reader = new SegmentReader(Unseal(segment));
        var memories = reader.Count();
        var units = reader.Count();
        var numbers = ReadTerms(ref reader, index);
        var conversations = ReadNames(ref reader);
        var users = ReadNames(ref reader);
        var types = ReadNames(ref reader);
        index.Reserve(memories, units, exact: true);
        var unit = new UnitBuffer();
        long sequence = 0, occurredAt = 0;
        for (var i = 0; i < memories; i++)
        {
            sequence += reader.Signed();
            occurredAt += reader.Signed();
            var flags = reader.Byte();
            var state = reader.Byte();
            var expiresAt = (flags & 128) != 0 ? reader.Signed() : long.MaxValue;
            var importance = reader.FixedFloat();
            var importanceOverride = reader.FixedFloat();
            var conversation = reader.Count();
            var user = reader.Count();
            var type = reader.Count();
            unit.Read(ref reader, numbers);
            index.Append(new MemoryEntry
            {
                Sequence = sequence,
                ConversationId = conversation == 0 ? null : conversations[conversation - 1],
                UserId = user == 0 ? null : users[user - 1],
                Type = type == 0 ? null : types[type - 1],
                Role = (MemoryRole)(flags & 15),
                Archived = (state & MemoryColumns.Archived) != 0,
                Asks = (state & MemoryColumns.Asks) != 0,
                TellsTime = (state & MemoryColumns.TellsTime) != 0,
                OccurredAtMicros = occurredAt,
                ExpiresAtMicros = expiresAt,
                Importance = importance,
                ImportanceOverride = importanceOverride,
                Numbers = unit.Numbers,
                Counts = unit.Counts,
                PassageEnds = unit.Ends,
                PassageLengths = unit.Lengths,
            });
        }
    }

    /// <summary>Terms ascend by hash, as they do within a memory, so that a memory's terms are small steps apart. Answers each term's place.</summary>
    private static int[] WriteTerms(SegmentWriter writer, in IndexView view, int[] live)
    {
        var hashes = new ulong[view.Terms.Count];
        for (var number = 0; number < hashes.Length; number++)
        {
            hashes[number] = view.Terms.HashOf(number);
        }

        var counts = new int[hashes.Length];
        var units = 0;
        foreach (var ordinal in live)
        {
            for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++, units++)
            {
                foreach (var entry in view.EntriesOf(unit))
                {
                    counts[entry >> PostingList.CountBits]++;
                }
            }
        }

        var used = Enumerable.Range(0, hashes.Length).Where(number => counts[number] > 0).ToArray();
        Array.Sort(Array.ConvertAll(used, number => hashes[number]), used);
        writer.Unsigned((ulong)units);
        writer.Unsigned((ulong)used.Length);
        var places = new int[hashes.Length];
        for (var place = 0; place < used.Length; place++)
        {
            places[used[place]] = place;
            writer.Fixed(hashes[used[place]]);
            writer.Unsigned((ulong)counts[used[place]]);
        }

        return places;
    }

    private static int[] ReadTerms(ref SegmentReader reader, TenantIndex index)
    {
        var numbers = new int[reader.Count()];
        for (var place = 0; place < numbers.Length; place++)
        {
            var term = reader.FixedLong();
            var postings = reader.Count();
            numbers[place] = index.Number(term, postings);
            index.Reserve(numbers[place], postings);
        }

        return numbers;
    }

    private static void WriteUnits(SegmentWriter writer, in IndexView view, int ordinal, int[] places)
    {
        var first = view.Columns.FirstUnit[ordinal];
        var end = view.EndOfUnits(ordinal);
        writer.Unsigned((ulong)(end - first));
        for (var unit = first; unit < end; unit++)
        {
            var entries = view.EntriesOf(unit);
            writer.Byte(view.UnitColumns.Length[unit]);
            writer.Unsigned((ulong)entries.Length);
            var before = 0;
            foreach (var entry in entries)
            {
                var place = places[entry >> PostingList.CountBits];
                var count = entry & PostingList.CountMask;
                writer.Unsigned(((ulong)(place - before) << 1) | (count > 1 ? 1u : 0u));
                before = place;
                if (count > 1)
                {
                    writer.Byte((byte)count);
                }
            }
        }
    }

    /// <summary>The names in use, in the order of their first use. Answers each number's place.</summary>
    private static Dictionary<int, int> WriteNames(SegmentWriter writer, int[] live, int[] column, GroupTable table)
    {
        var places = new Dictionary<int, int>();
        foreach (var number in live.Select(ordinal => column[ordinal]).Where(number => number >= 0))
        {
            places.TryAdd(number, places.Count);
        }

        writer.Unsigned((ulong)places.Count);
        foreach (var number in places.Keys)
        {
            writer.Text(table[number].Name);
        }

        return places;
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

    private static byte[] Seal(ReadOnlySpan<byte> payload)
    {
        var sealedBytes = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(sealedBytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(sealedBytes.AsSpan(4), Version);
        BinaryPrimitives.WriteInt64LittleEndian(sealedBytes.AsSpan(8), payload.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(sealedBytes.AsSpan(16), Checksum(payload));
        payload.CopyTo(sealedBytes.AsSpan(HeaderBytes));
        return sealedBytes;
    }

    private static ReadOnlySpan<byte> Unseal(ReadOnlySpan<byte> segment)
    {
        if (segment.Length < HeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(segment) != Magic)
        {
            throw new InvalidDataException("The bytes are not an index segment.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(segment[4..]) is var version && version != Version)
        {
            throw new InvalidDataException($"The index segment has version {version}; this server reads version {Version}.");
        }

        var payload = segment[HeaderBytes..];
        if (BinaryPrimitives.ReadInt64LittleEndian(segment[8..]) != payload.Length
            || BinaryPrimitives.ReadUInt64LittleEndian(segment[16..]) != Checksum(payload))
        {
            throw new InvalidDataException("The index segment is damaged: its length or checksum does not match.");
        }

        return payload;
    }

    /// <summary>A 64-bit fold over eight bytes at a time: against decay and truncation, not against malice.</summary>
    private static ulong Checksum(ReadOnlySpan<byte> bytes)
    {
        var state = TermHash.Seed ^ (ulong)bytes.Length;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            state = (state ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * 0x9e3779b97f4a7c15;
            state ^= state >> 29;
        }

        foreach (var value in bytes)
        {
            state = TermHash.Step(state, value);
        }

        return state;
    }
}
