using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Server.Recall.Indexes;

/// <summary>The vectors of one generation beside an index: vectors of another generation get a space of their own.</summary>
internal sealed class VectorSpace(EmbeddingGeneration generation)
{
    private readonly Lock _gate = new();
    private Task? _load;

    public EmbeddingGeneration Generation => generation;

    public VectorTable Table { get; } = new(generation.Dimensions);

    /// <summary>What was set while the stored vectors are being read; null once they are. Guarded by the index.</summary>
    public HashSet<long>? NewerThanScan { get; set; } = [];

    public bool IsLoaded => Volatile.Read(ref _load) is { IsCompletedSuccessfully: true };

    /// <summary>One load serves all who wait for it.</summary>
    public Task LoadOnce(Func<Task> load)
    {
        lock (_gate)
        {
            return _load is null or { IsFaulted: true } ? _load = load() : _load;
        }
    }
}
