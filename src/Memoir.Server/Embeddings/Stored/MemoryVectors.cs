using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Memories;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// Vectors of memories. A model's vectors are stored, after a job that commits with the memory has asked for them. The
/// builtin ones are a function of the text alone, computed in two microseconds: they are never stored, only made where
/// a search needs them.
/// </summary>
internal sealed class MemoryVectors(IEmbedder embedder, JobQueue jobs)
{
    public const string JobKind = "embed-memories";

    // Small enough for one call of any provider, and for one retry to cost little.
    private const int JobSize = 64;

    private readonly BuiltinEmbedder? _builtin = embedder as BuiltinEmbedder;

    public EmbeddingGeneration Generation => embedder.Generation;

    /// <summary>Vectors are made from the text where they are needed.</summary>
    public bool AreComputed => _builtin is not null;

    /// <summary>Whether a text's vector can be had at once, comes later, or cannot be.</summary>
    public string StatusOf(string content) =>
        !AreComputed ? EmbeddingStatus.Pending
        : HasFeatures(content) ? EmbeddingStatus.Completed
        : EmbeddingStatus.Skipped;

    /// <summary>The encoded vector of a text; empty when there is nothing in it, or when only a provider could tell.</summary>
    public byte[] Compute(string content)
    {
        if (_builtin is null)
        {
            return [];
        }

        Span<float> vector = stackalloc float[BuiltinEmbedder.Dimensions];
        return _builtin.Embed(content, vector) ? VectorCodec.Encode(vector) : [];
    }

    public Task KeepAsync(Session session, long sequence, byte[] vector) =>
        EmbeddingStore.PutAsync(session, Generation.Key, sequence, vector);

    /// <summary>The stored vector of a memory; empty when there is none.</summary>
    public Task<byte[]> FindAsync(Session session, long sequence) => EmbeddingStore.FindAsync(session, Generation.Key, sequence);

    public static Task ForgetAsync(Session session, long sequence) => EmbeddingStore.DeleteAsync(session, sequence);

    public static Task<int> ForgetPortionAsync(Session session, long upTo, int limit) =>
        EmbeddingStore.DeletePortionAsync(session, upTo, limit);

    /// <summary>Every vector of the tenant, stored or computed.</summary>
    public Task ScanAsync(Session session, Action<long, ReadOnlySpan<byte>> read) => AreComputed
        ? MemoryReader.ScanContentAsync(session, (sequence, content) => read(sequence, Compute(content)))
        : EmbeddingStore.ScanAsync(session, Generation.Key, read);

    /// <summary>Queues the embedding of memories in the transaction that stores them.</summary>
    public async Task RequestAsync(Session session, IReadOnlyList<Guid> memories)
    {
        foreach (var portion in memories.Chunk(JobSize))
        {
            await jobs.EnqueueAsync(session, JobKind, JsonSerializer.Serialize(portion));
        }
    }

    private static bool HasFeatures(string content)
    {
        foreach (var c in content)
        {
            if (char.IsLetterOrDigit(c) || char.IsSurrogate(c))
            {
                return true;
            }
        }

        return false;
    }
}
