using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Memories;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall.Indexes;

/// <summary>Builds a tenant's index from its stored segments and the memories written since.</summary>
internal sealed partial class IndexLoader(
    Database database, MemoryReader memories, MemoryVectors vectors, Meters meters, ILogger<IndexLoader> logger)
{
    public async Task<LoadedIndex> LoadAsync(Tenant tenant, CancellationToken ct)
    {
        try
        {
            return await database.ReadAsync(tenant, session => LoadAsync(session, useSegments: true), ct);
        }
        catch (InvalidDataException exception)
        {
            LogDamaged(exception);
            return await database.ReadAsync(tenant, session => LoadAsync(session, useSegments: false), ct);
        }
    }

    /// <summary>What an index lacks of what is committed; null when it has to be loaded anew.</summary>
    public Task<IndexDelta?> ReadDeltaAsync(Tenant tenant, LoadedIndex index, CancellationToken ct)
    {
        var from = index.Applied;
        return database.ReadAsync(tenant, session => IndexDelta.ReadAsync(session, index, from, memories, vectors), ct);
    }

    /// <summary>Fills in the vectors. Changes that commit meanwhile come first and are not overwritten.</summary>
    public async Task LoadVectorsAsync(Tenant tenant, LoadedIndex index, VectorSpace space, CancellationToken ct)
    {
        await database.ReadAsync(tenant, async session =>
        {
            await vectors.ScanAsync(session, space.Generation, (sequence, vector) => index.FillVector(space, sequence, vector));
            return true;
        }, ct);
        index.EndFilling(space);
    }

    private async Task<LoadedIndex> LoadAsync(Session session, bool useSegments)
    {
        var loaded = new LoadedIndex();
        var counters = await TenantCounters.FindAsync(session);
        var state = await IndexStore.FindStateAsync(session);
        if (useSegments)
        {
            var segments = new List<byte[]>();
            foreach (var segment in state?.Segments ?? [])
            {
                segments.Add(await IndexStore.ReadSegmentAsync(session, segment));
            }

            loaded.Lexical.Load([.. segments]);
        }
        else if (state is not null)
        {
            state = state with { MergedSequence = 0, Segments = [] }; // The next merge writes everything anew.
        }

        var changes = await IndexStore.ListChangesAsync(session, after: -1);
        loaded.StartFrom(counters, state, changes);
        await memories.AnalyseAfterAsync(session, state?.MergedSequence ?? 0, Put);
        foreach (var portion in changes.Keys.Where(sequence => sequence <= state?.MergedSequence).Chunk(500))
        {
            await memories.AnalyseAsync(session, portion, Put);
        }

        meters.IndexLoaded();
        return loaded;

        void Put(Memory row, AnalysedMemory memory) => loaded.Put(memory, row.IndexVersion, default);
    }

    [LoggerMessage(LogLevel.Warning, "A stored index segment is damaged, or of another version of this program; the index is built from the memories again.")]
    private partial void LogDamaged(Exception exception);
}
