using System.Runtime.CompilerServices;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>The best hits so far, sorted, while candidates are compared exactly one after another.</summary>
internal ref struct Shortlist(VectorChunk?[] chunks, QueryVector query, Span<VectorHit> best)
{
    private readonly Span<VectorHit> _best = best;
    private Waiting _waiting;
    private int _waitingCount;

    public int Count { get; private set; }

    public readonly int Capacity => _best.Length;

    public readonly bool IsFull => Count == _best.Length;

    public readonly float Worst => _best[Count - 1].Cosine;

    /// <summary>Asks memory for a candidate now and compares it a few candidates later, when it has come.</summary>
    public void Await(int ordinal)
    {
        chunks[ordinal / VectorChunk.Size]?.Prefetch(ordinal % VectorChunk.Size);
        _waiting[_waitingCount++] = ordinal;
        if (_waitingCount == Waiting.Capacity)
        {
            Settle();
        }
    }

    /// <summary>Compares what still waits.</summary>
    public void Settle()
    {
        for (var i = 0; i < _waitingCount; i++)
        {
            Offer(_waiting[i]);
        }

        _waitingCount = 0;
    }

    public void Offer(int ordinal)
    {
        var chunk = chunks[ordinal / VectorChunk.Size];
        var cosine = chunk?.Cosine(ordinal % VectorChunk.Size, query) ?? float.NaN;

        // NaN fails every comparison, so a vector that was cleared meanwhile must be turned away by name.
        if (float.IsNaN(cosine) || (IsFull && !IsBetter(cosine, ordinal, _best[Count - 1])))
        {
            return;
        }

        var at = IsFull ? Count - 1 : Count++;
        for (; at > 0 && IsBetter(cosine, ordinal, _best[at - 1]); at--)
        {
            _best[at] = _best[at - 1];
        }

        _best[at] = new VectorHit(ordinal, cosine);
    }

    private static bool IsBetter(float cosine, int ordinal, VectorHit than) =>
        cosine > than.Cosine || (cosine == than.Cosine && ordinal < than.Ordinal);

    [InlineArray(Capacity)]
    private struct Waiting
    {
        public const int Capacity = 16;

        private int _first;
    }
}
