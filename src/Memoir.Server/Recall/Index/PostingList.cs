namespace Memoir.Server.Recall.Index;

/// <summary>An append-only list that readers scan while its one writer adds: items first, then the count that makes them visible.</summary>
internal sealed class PostingList
{
    /// <summary>Postings hold a unit in the upper 26 bits and how often the term occurs there in the lower 6.</summary>
    public const int CountBits = 6;
    public const uint CountMask = (1 << CountBits) - 1;

    private const int Large = 4096;

    /// <summary>The list and its array, without the items.</summary>
    public const int BytesEach = 64;

    private uint[] _items;
    private int _count;

    public PostingList(int capacity = 2) => _items = capacity == 0 ? [] : new uint[capacity];

    /// <summary>How many of the items belong to memories that are still there.</summary>
    public int Live { get; set; }

    public int Capacity => _items.Length;

    /// <summary>What was published so far.</summary>
    public ReadOnlySpan<uint> Items => Published.Span;

    public ReadOnlyMemory<uint> Published
    {
        get
        {
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _items).AsMemory(0, count);
        }
    }

    /// <summary>An array with room for so many more items after the first <see cref="Items"/>, to be filled and then <see cref="Publish">published</see>.</summary>
    public uint[] Room(int more)
    {
        if (_count + more > _items.Length)
        {
            var larger = GC.AllocateUninitializedArray<uint>(_count + more);
            _items.AsSpan(0, _count).CopyTo(larger);
            Volatile.Write(ref _items, larger);
        }

        return _items;
    }

    public void Publish(int more)
    {
        Live += more;
        Volatile.Write(ref _count, _count + more);
    }

    /// <summary>Adds an item and answers by how many items the list's room grew.</summary>
    public int Add(uint item)
    {
        var items = _items;
        var grown = 0;
        if (_count == items.Length)
        {
            var larger = new uint[_count < 8 ? Math.Max(2, _count * 2) : _count + (_count / (_count < Large ? 2 : 4))];
            items.AsSpan().CopyTo(larger);
            Volatile.Write(ref _items, larger);
            grown = larger.Length - items.Length;
            items = larger;
        }

        items[_count] = item;
        Live++;
        Volatile.Write(ref _count, _count + 1);
        return grown;
    }
}
