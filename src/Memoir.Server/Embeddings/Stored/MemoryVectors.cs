using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Memories;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>Vectors of memories: computed before the write when the embedder is local, else asked for by a job that commits with it.</summary>
internal sealed class MemoryVectors(IEmbedder embedder, JobQueue jobs)
{
    public const string JobKind = "embed-memories";

    // Small enough for one call of any provider, and for one retry to cost little.
    private const int JobSize = 64;

    private readonly BuiltinEmbedder? _builtin = embedder as BuiltinEmbedder;

    public EmbeddingGeneration Generation => embedder.Generation;

    /// <returns>The encoded vector, if it is there at once, and the status that says so.</returns>
    public (byte[]? Vector, string Status) Prepare(string content)
    {
        if (_builtin is null)
        {
            return (null, EmbeddingStatus.Pending);
        }

        Span<float> vector = stackalloc float[_builtin.Generation.Dimensions];
        _builtin.Embed(content, vector);
        return EmbeddingVector.IsEmpty(vector) ? (null, EmbeddingStatus.Skipped) : (VectorCodec.Encode(vector), EmbeddingStatus.Completed);
    }

    public Task KeepAsync(Session session, long sequence, byte[]? vector) =>
        vector is null ? Task.CompletedTask : EmbeddingStore.PutAsync(session, Generation.Key, sequence, vector);

    public Task<byte[]?> FindAsync(Session session, long sequence) => EmbeddingStore.FindAsync(session, Generation.Key, sequence);

    public static Task ForgetAsync(Session session, long sequence) => EmbeddingStore.DeleteAsync(session, sequence);

    public static Task<int> ForgetPortionAsync(Session session, long upTo, int limit) =>
        EmbeddingStore.DeletePortionAsync(session, upTo, limit);

    public Task ScanAsync(Session session, Action<long, ReadOnlySpan<byte>> read) => EmbeddingStore.ScanAsync(session, Generation.Key, read);

    /// <summary>Queues the embedding of memories in the transaction that stores them.</summary>
    public async Task RequestAsync(Session session, IReadOnlyList<Guid> memories)
    {
        foreach (var portion in memories.Chunk(JobSize))
        {
            await jobs.EnqueueAsync(session, JobKind, JsonSerializer.Serialize(portion));
        }
    }
}
