using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// What one transaction changes in its tenant's index. It has one number in the order of the tenant's changes, and
/// reaches an index in memory as one step, after all steps before it.
/// </summary>
internal sealed class IndexWrite(Session session, TenantCounters counters, CounterReservations reservations, MemoryVectors vectors)
{
    private readonly List<Action<LoadedIndex>> _steps = [];

    /// <summary>The tenant's counters as they are after this write.</summary>
    public TenantCounters Counters { get; private set; } = counters;

    public int Count => _steps.Count;

    /// <summary>Takes more places in the tenant's order than it began with.</summary>
    /// <returns>The first of them.</returns>
    public async Task<long> TakePlacesAsync(int count)
    {
        Counters = await reservations.TakeMoreAsync(session, Counters, count);
        return Counters.LastSequence - count + 1;
    }

    /// <summary>A memory that is new in this transaction.</summary>
    public void Add(AnalysedMemory memory, long version, string content) =>
        _steps.Add(index => index.Put(memory, version, memory.Hidden ? [] : VectorFor(index, content, GenerationVector.None)));

    /// <summary>A memory that was changed in this transaction, with its vector where one is stored. One in the archive, or hidden, has none.</summary>
    public async Task ReplaceAsync(AnalysedMemory memory, long version, string content, GenerationVector stored)
    {
        var change = new IndexChange(version, Counters.LastChange);
        await IndexStore.MarkChangedAsync(session, memory.Sequence, change);
        _steps.Add(index => index.Put(memory, version, memory.Archived || memory.Hidden ? [] : VectorFor(index, content, stored), change));
    }

    /// <summary>The vector that is stored of a memory in the generation in use.</summary>
    public async Task<GenerationVector> StoredVectorAsync(long sequence) =>
        await MemoryVectors.FindAsync(session, await vectors.InAsync(session, Counters.GenerationChange), sequence);

    /// <param name="sequence">The place of a memory that this transaction deletes.</param>
    /// <param name="version">One more than its last version.</param>
    public async Task RemoveAsync(long sequence, long version)
    {
        var change = new IndexChange(version, Counters.LastChange);
        await IndexStore.MarkChangedAsync(session, sequence, change);
        _steps.Add(index => index.Remove(sequence, change));
    }

    /// <summary>A vector that was stored in this transaction, with this write's number.</summary>
    public void SetVector(long sequence, GenerationVector vector) =>
        _steps.Add(index => index.SetVector(vector.Generation, sequence, vector.Bytes));

    public void ApplyTo(LoadedIndex index)
    {
        foreach (var step in _steps)
        {
            step(index);
        }
    }

    private byte[] VectorFor(LoadedIndex index, string content, GenerationVector stored) => index.Vectors?.Generation switch
    {
        null => [],
        { } generation when generation.Key == stored.Generation && stored.Bytes.Length > 0 => stored.Bytes,
        { } generation => vectors.Compute(generation, content),
    };
}
