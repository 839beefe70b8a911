using Memoir.Kit.Data;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall.Indexes;

/// <summary>What an index in memory does not have of what other processes wrote, from one snapshot.</summary>
internal sealed class IndexDelta
{
    /// <summary>Who is further behind reads the segments again: that costs less, and holds up no writer.</summary>
    private const int Longest = 10_000;

    private IndexDelta(TenantCounters counters, VectorSpace? space)
    {
        Counters = counters;
        Space = space;
    }

    /// <summary>The tenant's counters in the snapshot.</summary>
    public TenantCounters Counters { get; }

    /// <summary>The vectors for which this was read; an index that has others by now needs another delta.</summary>
    public VectorSpace? Space { get; }

    public List<Unmerged> Memories { get; } = [];

    /// <summary>Those of the memories, and of those that are gone, which the segments may have in an older version.</summary>
    public Dictionary<long, IndexChange> Changes { get; private set; } = [];

    public Dictionary<long, byte[]> Vectors { get; } = [];

    /// <summary>What is stored, with all changes that are not in it; null when the index knows it already.</summary>
    public (IndexState State, Dictionary<long, IndexChange> Changes)? Published { get; private set; }

    /// <param name="session">The snapshot.</param>
    /// <param name="index">What lacks something.</param>
    /// <param name="from">What the index had before the snapshot was taken: a snapshot that has less is of a database that was set back.</param>
    /// <param name="memories">Who reads the rows.</param>
    /// <param name="vectors">Where vectors are kept.</param>
    /// <returns>Null when the rows do not tell any more what the index lacks: it has to be loaded anew.</returns>
    public static async Task<IndexDelta?> ReadAsync(
        Session session, LoadedIndex index, TenantCounters from, MemoryReader memories, MemoryVectors vectors)
    {
        var space = index.Vectors;
        var delta = new IndexDelta(await TenantCounters.FindAsync(session), space);
        var state = await IndexStore.FindStateAsync(session);
        if (delta.Counters.AreBehind(from) || delta.Counters.Epoch != from.Epoch || state?.SettledChange > from.LastChange
            || delta.Counters.LastSequence - from.LastSequence > Longest)
        {
            return null;
        }

        if (state is not null && !state.IsSame(index.State))
        {
            delta.Published = (state, await IndexStore.ListChangesAsync(session, after: -1));
        }

        if (delta.Counters.LastChange > from.LastChange)
        {
            delta.Changes = await IndexStore.ListChangesAsync(session, from.LastChange);
            if (delta.Changes.Count > Longest)
            {
                return null;
            }

            await delta.ReadRowsAsync(session, from, memories, vectors);
        }

        return delta;
    }

    private async Task ReadRowsAsync(Session session, TenantCounters from, MemoryReader memories, MemoryVectors vectors)
    {
        if (Space is { } stored && stored.Generation.Provider != ProviderNames.Builtin)
        {
            // A changed memory may have kept the vector that it had before the change.
            foreach (var sequence in Changes.Keys.Where(sequence => sequence <= from.LastSequence))
            {
                Vectors[sequence] = await MemoryVectors.FindAsync(session, stored.Generation, sequence);
            }

            await MemoryVectors.ScanAfterAsync(session, stored.Generation, from.LastChange, (sequence, vector) => Vectors[sequence] = vector.ToArray());
        }

        foreach (var portion in Changes.Keys.Where(sequence => sequence <= from.LastSequence).Chunk(500))
        {
            await memories.AnalyseAsync(session, portion, Add);
        }

        await memories.AnalyseAfterAsync(session, from.LastSequence, Add);

        void Add(Memory row, AnalysedMemory analysed)
        {
            Memories.Add(new Unmerged(analysed, row.IndexVersion));
            if (!analysed.Archived && !analysed.Hidden && Space is { } space && space.Generation.Provider == ProviderNames.Builtin)
            {
                Vectors[row.Sequence] = vectors.Compute(space.Generation, row.Content);
            }
        }
    }
}
