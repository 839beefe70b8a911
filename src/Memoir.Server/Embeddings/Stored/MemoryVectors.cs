using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Memories;
using Memoir.Server.Tenants;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// Vectors of memories. A model's vectors are stored, after a job that commits with the memory has asked for them. The
/// builtin ones are a function of the text alone, computed in two microseconds: they are never stored, only made where
/// a search needs them.
/// </summary>
internal sealed class MemoryVectors(
    Embedders embedders, TenantGenerations generations, JobQueue jobs, Meters meters, IOptions<EmbeddingOptions> options)
{
    public const string JobKind = "embed-memories";

    // Small enough for one call of any provider, and for one retry to cost little.
    private const int JobSize = 64;

    private readonly EmbeddingOptions _options = options.Value;

    public TenantVectors Of(Tenant tenant) => generations.Of(tenant);

    /// <inheritdoc cref="TenantGenerations.OfAsync"/>
    public Task<TenantVectors> OfAsync(Session session, long? change = null, long? known = null) => generations.OfAsync(session, change, known);

    /// <inheritdoc cref="TenantGenerations.InAsync"/>
    public Task<TenantVectors> InAsync(Session session, long? change = null) => generations.InAsync(session, change);

    public IEmbedder EmbedderOf(TenantVectors vectors) => embedders.For(vectors.Generation);

    /// <inheritdoc cref="TenantGenerations.ForStoringAsync"/>
    public Task<TenantVectors> ForStoringAsync(Session session, TenantCounters counters, long last) =>
        generations.ForStoringAsync(session, counters, last);

    /// <summary>Whether a text's vector can be had at once, comes later, or cannot be.</summary>
    public static string StatusOf(TenantVectors vectors, string content) =>
        !vectors.AreComputed ? EmbeddingStatus.Pending
        : HasFeatures(content) ? EmbeddingStatus.Completed
        : EmbeddingStatus.Skipped;

    /// <summary>The status of a stored memory: the stored one speaks of the generation in which the memory was last visited.</summary>
    public static async Task<string> StatusOfAsync(Session session, TenantVectors vectors, long sequence, string content, string stored)
    {
        if (vectors.AreComputed)
        {
            return vectors.Rows.Count == 0 ? stored : StatusOf(vectors, content);
        }

        if (!vectors.IsUnvisited(sequence))
        {
            return stored;
        }

        return await EmbeddingStore.ExistsAsync(session, vectors.Generation.Key, sequence) ? EmbeddingStatus.Completed : EmbeddingStatus.Pending;
    }

    /// <summary>The encoded vector of a text; empty when there is nothing in it, or when only a provider could tell.</summary>
    public byte[] Compute(EmbeddingGeneration generation, string content)
    {
        if (generation.Provider != ProviderNames.Builtin)
        {
            return [];
        }

        Span<float> vector = stackalloc float[BuiltinEmbedder.Dimensions];
        return embedders.Builtin.Embed(content, vector) ? VectorCodec.Encode(vector) : [];
    }

    /// <summary>Asks the provider for the vectors of texts, in their order.</summary>
    public Task<DocumentBatch> AskAsync(EmbeddingGeneration generation, IReadOnlyList<string> texts, CancellationToken ct) =>
        DocumentBatch.EmbedAsync(embedders.For(generation), meters, texts, ct);

    /// <summary>Asks before the answer where the settings want it, within a bound; what is not done then is left to a job.</summary>
    public async Task<PromptVectors?> AskPromptlyAsync(Tenant tenant, IReadOnlyList<string> texts, CancellationToken ct)
    {
        var vectors = generations.Of(tenant);
        if (_options.IsAsync || vectors.AreComputed || texts.Count == 0)
        {
            return null;
        }

        using var bound = CancellationTokenSource.CreateLinkedTokenSource(ct);
        bound.CancelAfter(_options.DocumentTimeout);
        var batches = new List<float[]?>();
        try
        {
            // Portion by portion, so that the end of the time costs only what was not answered yet.
            foreach (var portion in texts.Chunk(JobSize))
            {
                var batch = await AskAsync(vectors.Generation, portion, bound.Token);
                batches.AddRange(batch.Done);
                if (batch.Stopped is not null)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Time is up.
        }

        return new PromptVectors(vectors.Generation, batches);
    }

    /// <summary>Keeps a vector of a generation.</summary>
    /// <param name="session">The write.</param>
    /// <param name="generation">What is in use in this transaction: others' vectors are not kept.</param>
    /// <param name="sequence">The memory's place.</param>
    /// <param name="vector">What the provider made.</param>
    /// <param name="change">The number of this write, by which other processes find the vector.</param>
    public static async Task<GenerationVector> KeepAsync(
        Session session, EmbeddingGeneration generation, long sequence, float[] vector, long change)
    {
        var encoded = VectorCodec.Encode(vector);
        await EmbeddingStore.PutAsync(session, generation.Key, sequence, encoded, change);
        return new GenerationVector(generation.Key, encoded);
    }

    /// <summary>The stored vector of a memory in the generation in use; empty when there is none.</summary>
    public static async Task<GenerationVector> FindAsync(Session session, TenantVectors inUse, long sequence) =>
        new(inUse.Generation.Key, inUse.AreComputed ? [] : await FindAsync(session, inUse.Generation, sequence));

    public static Task<byte[]> FindAsync(Session session, EmbeddingGeneration generation, long sequence) =>
        EmbeddingStore.FindAsync(session, generation.Key, sequence);

    /// <summary>The vectors of a generation that were stored after a change.</summary>
    public static Task ScanAfterAsync(Session session, EmbeddingGeneration generation, long change, Action<long, ReadOnlySpan<byte>> read) =>
        EmbeddingStore.ScanAfterAsync(session, generation.Key, change, read);

    /// <summary>Notes that the pass over the memories has come so far.</summary>
    public Task<bool> AdvanceAsync(Session session, GenerationRow current, long to) => generations.AdvanceAsync(session, current, to);

    public static Task ForgetAsync(Session session, long sequence) => EmbeddingStore.DeleteAsync(session, sequence);

    public static Task<int> ForgetPortionAsync(Session session, long upTo, int limit) =>
        EmbeddingStore.DeletePortionAsync(session, upTo, limit);

    /// <summary>Forgets which generations the tenant has, with its choice.</summary>
    public Task EraseAsync(Session session) => generations.EraseAsync(session);

    /// <summary>Every vector of the tenant in a generation, stored or computed.</summary>
    public Task ScanAsync(Session session, EmbeddingGeneration generation, Action<long, ReadOnlySpan<byte>> read) =>
        generation.Provider == ProviderNames.Builtin
            ? MemoryReader.ScanContentAsync(session, (sequence, content) => read(sequence, Compute(generation, content)))
            : EmbeddingStore.ScanAsync(session, generation.Key, read);

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

/// <summary>An encoded vector and the key of its generation.</summary>
internal readonly record struct GenerationVector(string Generation, byte[] Bytes)
{
    public static GenerationVector None { get; } = new("", []);
}

/// <summary>Vectors that were made before a store: of the first texts, null where one is refused.</summary>
internal sealed record PromptVectors(EmbeddingGeneration Generation, IReadOnlyList<float[]?> Vectors)
{
    /// <summary>The vector of a text, where it was made and is of the generation that is in use by now.</summary>
    public float[]? Of(int index, EmbeddingGeneration inUse) =>
        index < Vectors.Count && inUse.Key == Generation.Key ? Vectors[index] : null;
}
