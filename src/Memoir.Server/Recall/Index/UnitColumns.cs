namespace Memoir.Server.Recall.Index;

/// <summary>The fields of all units (passages that are scored alone), one array each. Growing makes a new set; old ones stay readable.</summary>
internal sealed class UnitColumns
{
    public const int BytesEach = 4 + 4 + 2 + 1;

    public UnitColumns(int capacity, UnitColumns? from = null)
    {
        Memory = new int[capacity];
        Start = new uint[capacity];
        Entries = new ushort[capacity];
        Length = new byte[capacity];
        from?.Memory.CopyTo(Memory, 0);
        from?.Start.CopyTo(Start, 0);
        from?.Entries.CopyTo(Entries, 0);
        from?.Length.CopyTo(Length, 0);
    }

    public int[] Memory { get; }

    /// <summary>Where the unit's terms begin in the <see cref="ForwardIndex"/>.</summary>
    public uint[] Start { get; }

    public ushort[] Entries { get; }

    /// <summary>Content words, the length that BM25 normalises by.</summary>
    public byte[] Length { get; }

    public void Set(int unit, int memory, uint start, int entries, byte length)
    {
        Memory[unit] = memory;
        Start[unit] = start;
        Entries[unit] = (ushort)entries;
        Length[unit] = length;
    }
}
