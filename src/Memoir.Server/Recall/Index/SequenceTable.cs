namespace Memoir.Server.Recall.Index;

/// <summary>Sequence to the ordinal of its newest version: open addressing, one writer, lock-free readers.</summary>
internal sealed class SequenceTable
{
    private Slot[] _slots = new Slot[1 << 6];
    private int _count;

    public long Bytes => _slots.Length * 16L;

    /// <summary>The ordinal, or -1.</summary>
    public int Find(long sequence)
    {
        var slots = Volatile.Read(ref _slots);
        for (var at = Home(sequence, slots.Length); ; at = (at + 1) & (slots.Length - 1))
        {
            var ordinal = Volatile.Read(ref slots[at].OrdinalPlusOne);
            if (ordinal == 0)
            {
                return -1;
            }

            if (slots[at].Sequence == sequence)
            {
                return ordinal - 1;
            }
        }
    }

    public void Set(long sequence, int ordinal)
    {
        if ((_count + 1) * 4L > _slots.Length * 3L)
        {
            var larger = new Slot[_slots.Length * 2];
            foreach (var slot in _slots)
            {
                if (slot.OrdinalPlusOne != 0)
                {
                    Set(larger, slot.Sequence, slot.OrdinalPlusOne - 1);
                }
            }

            Volatile.Write(ref _slots, larger);
        }

        _count += Set(_slots, sequence, ordinal) ? 1 : 0;
    }

    private static bool Set(Slot[] slots, long sequence, int ordinal)
    {
        var at = Home(sequence, slots.Length);
        while (slots[at].OrdinalPlusOne != 0 && slots[at].Sequence != sequence)
        {
            at = (at + 1) & (slots.Length - 1);
        }

        var added = slots[at].OrdinalPlusOne == 0;
        slots[at].Sequence = sequence;
        Volatile.Write(ref slots[at].OrdinalPlusOne, ordinal + 1);
        return added;
    }

    private static int Home(long sequence, int size) => (int)((ulong)sequence * 0x9e3779b97f4a7c15 >> 32) & (size - 1);

    private struct Slot
    {
        public long Sequence;
        public int OrdinalPlusOne;
    }
}
