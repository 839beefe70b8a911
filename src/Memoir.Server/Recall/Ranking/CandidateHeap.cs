namespace Memoir.Server.Recall.Ranking;

/// <summary>The best so many of a stream of scored memories: a min-heap whose root is the score to beat.</summary>
internal sealed class CandidateHeap
{
    private float[] _scores = [];
    private int[] _items = [];
    private int _capacity;

    public int Count { get; private set; }

    /// <summary>Scores up to this one need not be offered.</summary>
    public float Threshold { get; private set; }

    public ReadOnlySpan<int> Items => _items.AsSpan(0, Count);

    public void Reset(int capacity)
    {
        _capacity = capacity;
        Count = 0;
        Threshold = 0;
        if (_scores.Length < capacity)
        {
            _scores = new float[capacity];
            _items = new int[capacity];
        }
    }

    public void Offer(float score, int item)
    {
        if (Count < _capacity)
        {
            SiftUp(Count++, score, item);
        }
        else if (score > _scores[0])
        {
            SiftDown(score, item);
        }

        Threshold = Count < _capacity ? 0 : _scores[0];
    }

    private void SiftUp(int at, float score, int item)
    {
        while (at > 0 && _scores[(at - 1) / 2] > score)
        {
            var parent = (at - 1) / 2;
            _scores[at] = _scores[parent];
            _items[at] = _items[parent];
            at = parent;
        }

        _scores[at] = score;
        _items[at] = item;
    }

    private void SiftDown(float score, int item)
    {
        var at = 0;
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= Count)
            {
                break;
            }

            if (child + 1 < Count && _scores[child + 1] < _scores[child])
            {
                child++;
            }

            if (_scores[child] >= score)
            {
                break;
            }

            _scores[at] = _scores[child];
            _items[at] = _items[child];
            at = child;
        }

        _scores[at] = score;
        _items[at] = item;
    }
}
