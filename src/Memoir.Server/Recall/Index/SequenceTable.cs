using System.Numerics;

namespace Memoir.Server.Recall.Index;

/// <summary>Sequence to the ordinal of its newest version: open addressing over ordinals alone, one writer, lock-free readers.</summary>
internal sealed class SequenceTable
{
    private int[] _slots = new int[1 << 6];
    private int _count;

    public long Bytes => _slots.Length * 4L;

    /// <summary>The ordinal, or -1.</summary>
    public int Find(long sequence, ref MemoryColumns columns)
    {
        var slots = Volatile.Read(ref _slots);
        for (var at = Home(sequence, slots.Length); ; at = (at + 1) & (slots.Length - 1))
        {
            // Read after the slot, the columns hold at least that ordinal.
            var ordinal = Volatile.Read(ref slots[at]) - 1;
            if (ordinal < 0 || Volatile.Read(ref columns).Sequence[ordinal] == sequence)
            {
                return ordinal;
            }
        }
    }

    /// <summary>Room for so many more, so that loading does not grow step by step.</summary>
    public void Reserve(int more, MemoryColumns columns)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)((_count + more) * 4L / 3 + 1));
        if (size <= _slots.Length)
        {
            return;
        }

        var larger = new int[size];
        foreach (var slot in _slots)
        {
            if (slot != 0)
            {
                Place(larger, columns.Sequence[slot - 1], columns) = slot;
            }
        }

        Volatile.Write(ref _slots, larger);
    }

    /// <summary>Answers the ordinal that the sequence had before, or -1.</summary>
    public int Set(long sequence, int ordinal, MemoryColumns columns)
    {
        if ((_count + 1) * 4L > _slots.Length * 3L)
        {
            Reserve(_count, columns);
        }

        ref var slot = ref Place(_slots, sequence, columns);
        var before = slot - 1;
        _count += before < 0 ? 1 : 0;
        Volatile.Write(ref slot, ordinal + 1);
        return before;
    }

    private static ref int Place(int[] slots, long sequence, MemoryColumns columns)
    {
        var at = Home(sequence, slots.Length);
        while (slots[at] != 0 && columns.Sequence[slots[at] - 1] != sequence)
        {
            at = (at + 1) & (slots.Length - 1);
        }

        return ref slots[at];
    }

    private static int Home(long sequence, int size) => (int)((ulong)sequence * 0x9e3779b97f4a7c15 >> 32) & (size - 1);
}
