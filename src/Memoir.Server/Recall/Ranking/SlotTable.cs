namespace Memoir.Server.Recall.Ranking;

/// <summary>The memories one search looks at closely. Only some also have their query words counted, which is the costly part.</summary>
internal sealed class SlotTable
{
    private float[] _counts = [];
    private int[] _countsAt = [];
    private int _terms;
    private int _counted;

    public int Count { get; private set; }

    public int[] Ordinal { get; private set; } = [];

    /// <summary>The score of the memory's own best passage.</summary>
    public float[] Own { get; private set; } = [];

    public float[] Length { get; private set; } = [];

    /// <summary>The score together with what its neighbours lend.</summary>
    public float[] Smoothed { get; private set; } = [];

    public void Reset(int terms)
    {
        _terms = terms;
        Count = 0;
        _counted = 0;
    }

    public int Add(int ordinal, float own)
    {
        if (Count == Ordinal.Length)
        {
            var size = Math.Max(256, Count * 2);
            Ordinal = Grow(Ordinal, size);
            Own = Grow(Own, size);
            Length = Grow(Length, size);
            Smoothed = Grow(Smoothed, size);
            _countsAt = Grow(_countsAt, size);
        }

        Ordinal[Count] = ordinal;
        Own[Count] = own;
        Smoothed[Count] = own;
        Length[Count] = 0;
        _countsAt[Count] = -1;
        return Count++;
    }

    public bool IsCounted(int slot) => _countsAt[slot] >= 0;

    /// <summary>Zeroed room for a slot's counts.</summary>
    public Span<float> StartCounts(int slot)
    {
        if ((_counted + 1) * _terms > _counts.Length)
        {
            _counts = Grow(_counts, Math.Max(4096, (_counted + 1) * _terms * 2));
        }

        _countsAt[slot] = _counted++ * _terms;
        var counts = _counts.AsSpan(_countsAt[slot], _terms);
        counts.Clear();
        return counts;
    }

    /// <summary>How often each of the query's terms occurs in a counted memory.</summary>
    public ReadOnlySpan<float> Counts(int slot) => _counts.AsSpan(_countsAt[slot], _terms);

    private static T[] Grow<T>(T[] array, int size)
    {
        Array.Resize(ref array, size);
        return array;
    }
}
