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

    /// <summary>Adds the counts of one memory to those of its conversation.</summary>
    public void Add(int place, ReadOnlySpan<float> counts)
    {
        var matches = _matches.AsSpan(place * _terms, _terms);
        for (var i = 0; i < matches.Length; i++)
        {
            matches[i] += counts[i];
        }
    }

    /// <summary>Computes how much of the question each conversation covers.</summary>
    public void Cover(ScoredTerm[] terms, float k)
    {
        for (var place = 0; place < Count; place++)
        {
            Coverage[place] = Covered(_matches.AsSpan(place * _terms, _terms), terms, k);
        }
    }

    /// <summary>How much of the question is covered by what was counted.</summary>
    public static float Covered(ReadOnlySpan<float> matches, ScoredTerm[] terms, float k)
    {
        var sum = 0f;
        for (var i = 0; i < matches.Length; i++)
        {
            sum += terms[i].Field == TermField.Text ? terms[i].Weight * matches[i] / (matches[i] + k) : 0;
        }

        return sum;
    }

    private static float[] Grow(float[] array, int size)
    {
        Array.Resize(ref array, size);
        return array;
    }
}
