using System.Buffers.Binary;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Recall.Segments;

/// <summary>A tenant's index, or part of one, as bytes to keep: compact, checksummed, and quick to load.</summary>
internal static class IndexSegment
{
    /// <summary>Raised whenever the layout or the analysis of text changes; a segment of another version must be built anew.</summary>
    public const uint Version = 3;

    /// <summary>The low bits of a word hold its count less one; all of them set means that the word did not fit.</summary>
    public const int WordBits = 2;
    public const uint WordMask = (1 << WordBits) - 1;

    public const byte RoleMask = 15;
    public const byte HasOverride = 64;
    public const byte HasExpiry = 128;

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
        var columns = view.Columns;
        long sequence = 0, occurredAt = 0;
        foreach (var ordinal in live)
        {
            writer.Signed(columns.Sequence[ordinal] - sequence);
            writer.Signed(columns.OccurredAt[ordinal] - occurredAt);
            sequence = columns.Sequence[ordinal];
            occurredAt = columns.OccurredAt[ordinal];
            var expires = columns.ExpiresAt[ordinal] != long.MaxValue;
            var isOverridden = !float.IsNaN(columns.ImportanceOverride[ordinal]);
            writer.Byte((byte)((int)columns.Role[ordinal] | (expires ? HasExpiry : 0) | (isOverridden ? HasOverride : 0)));
            writer.Byte((byte)(columns.State[ordinal] & ~MemoryColumns.Dead));
            if (expires)
            {
                writer.Signed(columns.ExpiresAt[ordinal]);
            }

            writer.Signed(columns.KnownFrom[ordinal] - occurredAt);
            if ((columns.State[ordinal] & MemoryColumns.Timed) != 0)
            {
                writer.Signed(columns.Periods!.KnownUntil[ordinal]);
                writer.Signed(columns.Periods.ValidFrom[ordinal]);
                writer.Signed(columns.Periods.ValidUntil[ordinal]);
            }

            writer.Fixed(columns.Importance[ordinal]);
            if (isOverridden)
            {
                writer.Fixed(columns.ImportanceOverride[ordinal]);
            }

            WritePlace(writer, conversations, columns.Conversation[ordinal]);
            WritePlace(writer, users, columns.User[ordinal]);
            WritePlace(writer, types, columns.Type[ordinal]);
            WriteUnits(writer, view, ordinal);
        }

        WriteEntries(writer, view, live, places);
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
        writer.Unsigned((ulong)counts.Sum(count => (long)count));
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

    private static void WriteUnits(SegmentWriter writer, in IndexView view, int ordinal)
    {
        var first = view.Columns.FirstUnit[ordinal];
        var end = view.EndOfUnits(ordinal);
        writer.Unsigned((ulong)(end - first));
        for (var unit = first; unit < end; unit++)
        {
            writer.Byte(view.UnitColumns.Length[unit]);
            writer.Unsigned(view.UnitColumns.Entries[unit]);
        }
    }

    /// <summary>
    /// Sixteen bits per word of a unit: the step from the previous term's place, and the count less one. What does not fit
    /// stands after all of them, so that nearly every word is read without a guess at its size.
    /// </summary>
    private static void WriteEntries(SegmentWriter writer, in IndexView view, int[] live, int[] places)
    {
        var escapes = new SegmentWriter();
        foreach (var ordinal in live)
        {
            for (var unit = view.Columns.FirstUnit[ordinal]; unit < view.EndOfUnits(ordinal); unit++)
            {
                var before = 0;
                foreach (var entry in view.EntriesOf(unit))
                {
                    var place = places[entry >> PostingList.CountBits];
                    var count = entry & PostingList.CountMask;
                    var step = place - before;
                    before = place;
                    if (step < 1 << (16 - WordBits) && count <= WordMask)
                    {
                        writer.Fixed((ushort)((uint)(step << WordBits) | (count - 1)));
                        continue;
                    }

                    writer.Fixed((ushort)WordMask);
                    escapes.Unsigned((ulong)step);
                    escapes.Byte((byte)count);
                }
            }
        }

        writer.Append(escapes.Written);
    }

    private static void WritePlace(SegmentWriter writer, Dictionary<int, int> places, int number) =>
        writer.Unsigned(number < 0 ? 0 : (ulong)places[number] + 1);

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

    /// <summary>What a segment holds, once it is known to be whole.</summary>
    public static ReadOnlySpan<byte> Unseal(ReadOnlySpan<byte> segment)
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
