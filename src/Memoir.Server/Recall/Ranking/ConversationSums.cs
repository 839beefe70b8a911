namespace Memoir.Server.Recall.Ranking;

/// <summary>What the candidates of each conversation reach together: the best score, and the best match of every query word.</summary>
internal sealed class ConversationSums
{
    private float[] _matches = [];
    private int _terms;

    public int Count { get; private set; }

    public float[] Best { get; private set; } = [];

    public float[] Coverage { get; private set; } = [];

    public void Reset(int terms)
    {
        _terms = terms;
        Count = 0;
    }

    public int Add()
    {
        if (Count == Best.Length)
        {
            var size = Math.Max(64, Count * 2);
            (Best, Coverage) = (Grow(Best, size), Grow(Coverage, size));
        }

        if ((Count + 1) * _terms > _matches.Length)
        {
            _matches = Grow(_matches, Math.Max(1024, (Count + 1) * _terms * 2));
        }

        Best[Count] = 0;
        Coverage[Count] = 0;
        _matches.AsSpan(Count * _terms, _terms).Clear();
        return Count++;
    }

    public Span<float> Matches(int place) => _matches.AsSpan(place * _terms, _terms);

    private static float[] Grow(float[] array, int size)
    {
        Array.Resize(ref array, size);
        return array;
    }
}
