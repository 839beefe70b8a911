namespace Memoir.Server.Recall.Index;

/// <summary>Term hash to term number: open addressing that one writer grows while readers look things up without a lock.</summary>
internal sealed class TermTable
{
    private Table _table = new(1 << 10);
    private ulong[] _hashes = new ulong[1 << 10];

    public int Count { get; private set; }

    public long Bytes => (_table.Keys.Length * 12L) + (_hashes.Length * 8L);

    /// <summary>The number of a term, or -1.</summary>
    public int Find(ulong term)
    {
        var table = Volatile.Read(ref _table);
        for (var slot = (int)(term * 0x9e3779b97f4a7c15 >> table.Shift); ; slot = (slot + 1) & (table.Keys.Length - 1))
        {
            var key = Volatile.Read(ref table.Keys[slot]);
            if (key == term)
            {
                return table.Numbers[slot];
            }

            if (key == 0)
            {
                return -1;
            }
        }
    }

    /// <summary>Room for so many terms in all, so that loading does not grow step by step.</summary>
    public void Reserve(int terms)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(terms * 5L / 3 + 1));
        if (size > _table.Keys.Length)
        {
            Grow(size);
        }
    }

    /// <summary>Adds a term that <see cref="Find"/> does not know and answers its number.</summary>
    public int Add(ulong term)
    {
        if ((Count + 1) * 5L > _table.Keys.Length * 3L)
        {
            Grow(_table.Keys.Length * 2);
        }

        if (Count == _hashes.Length)
        {
            var larger = new ulong[Count * 2];
            _hashes.CopyTo(larger, 0);
            Volatile.Write(ref _hashes, larger);
        }

        _hashes[Count] = term;
        _table.Set(term, Count);
        return Count++;
    }

    /// <summary>The hash of a term by its number.</summary>
    public ulong HashOf(int number) => Volatile.Read(ref _hashes)[number];

    private void Grow(int size)
    {
        var larger = new Table(size);
        for (var i = 0; i < _table.Keys.Length; i++)
        {
            if (_table.Keys[i] != 0)
            {
                larger.Set(_table.Keys[i], _table.Numbers[i]);
            }
        }

        Volatile.Write(ref _table, larger);
    }

    private sealed class Table(int size)
    {
        public ulong[] Keys { get; } = new ulong[size];

        public int[] Numbers { get; } = new int[size];

        public int Shift { get; } = 64 - System.Numerics.BitOperations.Log2((uint)size);

        public void Set(ulong key, int number)
        {
            var slot = (int)(key * 0x9e3779b97f4a7c15 >> Shift);
            while (Keys[slot] != 0)
            {
                slot = (slot + 1) & (Keys.Length - 1);
            }

            Numbers[slot] = number;
            Volatile.Write(ref Keys[slot], key);
        }
    }
}
