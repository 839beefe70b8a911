namespace Memoir.Server.Embeddings.Vectors;

/// <summary>The best hits so far, sorted, while candidates are compared exactly one after another.</summary>
internal ref struct Shortlist(VectorChunk?[] chunks, QueryVector query, Span<VectorHit> best)
{
    private readonly Span<VectorHit> _best = best;

    public int Count { get; private set; }

    public readonly int Capacity => _best.Length;

    public readonly bool IsFull => Count == _best.Length;

    public readonly float Worst => _best[Count - 1].Cosine;

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
}
