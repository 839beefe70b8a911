using Memoir.Kit.Data;
using Memoir.Server.Recall.Segments;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// Writes the index down in the background: what is new becomes a segment; many segments become one. The writer is
/// never held longer than one small part takes.
/// </summary>
internal sealed partial class IndexMerger(
    Database database, RecallIndexes indexes, IndexMergeQueue queue, TimeProvider time, ILogger<IndexMerger> logger) : BackgroundService
{
    private const int PartBytes = 512 * 1024;
    private const int MostSegments = 32;

    /// <summary>Public so that a test can merge when it says so.</summary>
    public async Task MergeAsync(Tenant tenant, CancellationToken ct)
    {
        var loaded = await indexes.GetAsync(tenant, ct);
        var state = loaded.State ?? await CreateStateAsync(tenant, ct);

        // A new state has an epoch of its own, so it would let a picture from before an erasure be written back. Erasing
        // takes the index out of memory before its commit is answered: what is no longer there must not be written.
        if (state is null || !ReferenceEquals(indexes.Peek(tenant), loaded))
        {
            return;
        }

        var unwritten = loaded.Snapshot();
        var isWhole = state.Segments.Count >= MostSegments || state.MergedSequence == 0;
        if (unwritten.Tail.Count == 0 && !isWhole)
        {
            return;
        }

        var data = isWhole
            ? IndexSegment.Encode(loaded.Lexical)
            : IndexSegment.Encode(unwritten.Tail.Select(item => item.Memory));

        // A change is settled once the segments alone tell the truth: a whole rewrite settles all, a tail only those it holds.
        var settled = isWhole
            ? [.. unwritten.Changes]
            : unwritten.Tail.Where(i => unwritten.Changes.TryGetValue(i.Memory.Sequence, out var v) && v == i.Version)
                .Select(i => KeyValuePair.Create(i.Memory.Sequence, i.Version)).ToList();
        var id = await NewSegmentAsync(tenant, ct);
        if (!await WritePartsAsync(tenant, state.Epoch, id, data, ct))
        {
            return;
        }

        var next = new IndexState(state.Epoch, unwritten.LastSequence, isWhole ? [id] : [.. state.Segments, id]);
        if (await PublishAsync(tenant, next, settled, ct))
        {
            loaded.Written(next, unwritten, settled);
            await DeleteUnusedAsync(tenant, next, ct);
            LogMerged(tenant.Id, data.Length, next.Segments.Count);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await MergeAsync(await queue.NextAsync(stoppingToken), stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFailed(exception); // The memories are safe; the next merge takes what this one left.
                await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private Task<IndexState?> CreateStateAsync(Tenant tenant, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            await IndexStore.CreateStateAsync(session, Guid.CreateVersion7(time.GetUtcNow()));
            return await IndexStore.FindStateAsync(session);
        }, ct);

    /// <summary>A number that no stored segment of the tenant has, also after the clock was set back.</summary>
    private async Task<long> NewSegmentAsync(Tenant tenant, CancellationToken ct)
    {
        var stored = await database.ReadAsync(tenant, IndexStore.ListSegmentIdsAsync, ct);
        return Math.Max(time.Now().ToMicroseconds(), stored.DefaultIfEmpty().Max() + 1);
    }

    private async Task<bool> WritePartsAsync(Tenant tenant, Guid epoch, long segment, byte[] data, CancellationToken ct)
    {
        var part = 0;
        foreach (var chunk in data.Chunk(PartBytes))
        {
            var number = part++;
            if (!await database.WriteAsync(tenant, session => IndexStore.InsertPartAsync(session, epoch, segment, number, chunk), ct))
            {
                return false;
            }
        }

        return true;
    }

    private Task<bool> PublishAsync(
        Tenant tenant, IndexState state, IReadOnlyList<KeyValuePair<long, long>> settled, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            if (!await IndexStore.PublishAsync(session, state))
            {
                return false;
            }

            foreach (var (sequence, version) in settled)
            {
                await IndexStore.DeleteChangeAsync(session, sequence, version);
            }

            return true;
        }, ct);

    /// <summary>Segments that were replaced, and parts of a merge that a crash cut off.</summary>
    private async Task DeleteUnusedAsync(Tenant tenant, IndexState state, CancellationToken ct)
    {
        foreach (var segment in await database.ReadAsync(tenant, IndexStore.ListSegmentIdsAsync, ct))
        {
            if (!state.Segments.Contains(segment))
            {
                await database.WriteAsync(tenant, session => IndexStore.DeleteSegmentAsync(session, segment), ct);
            }
        }
    }

    [LoggerMessage(LogLevel.Debug, "Wrote {Bytes} bytes of the index of {TenantId}; it has {Segments} segments.")]
    private partial void LogMerged(string tenantId, int bytes, int segments);

    [LoggerMessage(LogLevel.Error, "Could not write an index segment; it is tried again later.")]
    private partial void LogFailed(Exception exception);
}
