namespace Memoir.Server.Recall.Ranking;

/// <summary>The memories one search looks at closely: candidates first, then neighbours that only lend context.</summary>
internal sealed class SlotTable
{
    private float[] _counts = [];
    private int _terms;

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
    }

    public int Add(int ordinal)
    {
        if (Count == Ordinal.Length)
        {
            var size = Math.Max(256, Count * 2);
            Ordinal = Grow(Ordinal, size);
            Own = Grow(Own, size);
            Length = Grow(Length, size);
            Smoothed = Grow(Smoothed, size);
        }

        if ((Count + 1) * _terms > _counts.Length)
        {
            _counts = Grow(_counts, Math.Max(4096, (Count + 1) * _terms * 2));
        }

        Ordinal[Count] = ordinal;
        Own[Count] = 0;
        Length[Count] = 0;
        Counts(Count).Clear();
        return Count++;
    }

    /// <summary>How often each of the query's terms occurs in the memory of a slot.</summary>
    public Span<float> Counts(int slot) => _counts.AsSpan(slot * _terms, _terms);

    private static T[] Grow<T>(T[] array, int size)
    {
        Array.Resize(ref array, size);
        return array;
    }
}
