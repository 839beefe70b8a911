namespace Memoir.Server.Recall.Index;

/// <summary>What one search sees: the counts at the moment it began, and arrays that hold at least that much.</summary>
internal readonly struct IndexView
{
    public required int Memories { get; init; }

    public required int Units { get; init; }

    public required MemoryColumns Columns { get; init; }

    public required UnitColumns UnitColumns { get; init; }

    public required ForwardIndex Forward { get; init; }

    public required TermTable Terms { get; init; }

    public required PostingList[] Postings { get; init; }

    public required GroupTable Conversations { get; init; }

    public required GroupTable Users { get; init; }

    public required GroupTable Types { get; init; }

    public required int LiveUnits { get; init; }

    public required long LiveLength { get; init; }

    /// <summary>Content words of the average unit, the length at which BM25 neither favours nor punishes.</summary>
    public float AverageLength => LiveUnits == 0 ? 1 : Math.Max(1f, (float)LiveLength / LiveUnits);

    /// <summary>The number of a term that this view may know, or -1; terms added since may lie beyond its posting lists.</summary>
    public int Find(ulong term)
    {
        var number = Terms.Find(term);
        return number < Postings.Length && (number < 0 || Volatile.Read(ref Postings[number]) is not null) ? number : -1;
    }

    /// <summary>The last unit of a memory, exclusive.</summary>
    public int EndOfUnits(int ordinal) => ordinal + 1 < Memories ? Columns.FirstUnit[ordinal + 1] : Units;

    public ReadOnlySpan<uint> EntriesOf(int unit) => Forward.Read(UnitColumns.Start[unit], UnitColumns.Entries[unit]);

    /// <summary>The published postings of a term that this view covers.</summary>
    public ReadOnlySpan<uint> PostingsOf(int term)
    {
        var items = Postings[term].Items;
        var count = items.Length;
        while (count > 0 && items[count - 1] >> PostingList.CountBits >= (uint)Units)
        {
            count--;
        }

        return items[..count];
    }
}
