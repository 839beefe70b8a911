using System.Security.Cryptography;
using Memoir.Kit.Data;
using Memoir.Server.Recall.Segments;
using Memoir.Server.Tenants;

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
    public Task MergeAsync(Tenant tenant, CancellationToken ct) => MergeAsync(tenant, anew: false, ct);

    /// <summary>Writes the stored index anew, so that nothing of a memory that is gone stays in it.</summary>
    /// <returns>False when another process came between; then it is to be tried again.</returns>
    public async Task<bool> RewriteAsync(Tenant tenant, CancellationToken ct)
    {
        for (var attempt = 0; attempt < 5; attempt++)
        {
            if (await MergeAsync(tenant, anew: true, ct))
            {
                return true;
            }
        }

        return false;
    }

    private async Task<bool> MergeAsync(Tenant tenant, bool anew, CancellationToken ct)
    {
        // Only who knows all that other processes merged may build on it: their segments can have newer versions of a memory.
        var loaded = await indexes.RefreshAsync(tenant, ct);
        if (loaded.State is null)
        {
            if (anew)
            {
                return true; // Nothing of it is stored.
            }

            if (!await CreateStateAsync(tenant, loaded.Applied.Epoch, ct))
            {
                return false;
            }

            loaded = await indexes.RefreshAsync(tenant, ct);
        }

        if (loaded.LacksTexts)
        {
            indexes.Forget(tenant, loaded); // Read anew, it may have them all.
            if (anew)
            {
                await database.WriteAsync(tenant, RecallIndexes.EraseStoredAsync, ct); // What was erased must go even so.
            }

            return anew;
        }

        var unwritten = loaded.Snapshot();
        if (unwritten.State is not { } state)
        {
            return false;
        }

        var isWhole = anew || state.Segments.Count >= MostSegments || state.MergedSequence == 0;
        if (unwritten.Tail.Count == 0 && !isWhole)
        {
            return true;
        }

        var data = isWhole
            ? IndexSegment.Encode(loaded.Lexical)
            : IndexSegment.Encode(unwritten.Tail.Select(item => item.Memory));
        var contained = loaded.Applied;

        // A change is settled once the segments alone tell the truth: a whole rewrite settles all, a tail only those it holds.
        var settled = isWhole
            ? [.. unwritten.Changes]
            : unwritten.Tail.Where(i => unwritten.Changes.TryGetValue(i.Memory.Sequence, out var c) && c.Version == i.Version)
                .Select(i => KeyValuePair.Create(i.Memory.Sequence, unwritten.Changes[i.Memory.Sequence])).ToList();
        if (await WritePartsAsync(tenant, state.Epoch, data, ct) is not { } segment)
        {
            return false;
        }

        long[] segments = isWhole ? [segment.Id] : [.. state.Segments, segment.Id];
        if (await PublishAsync(tenant, state, unwritten.Applied.LastSequence, segments, segment, settled, contained, ct) is { } next)
        {
            loaded.Written(next, unwritten, settled);
            await DeleteUnusedAsync(tenant, ct);
            LogMerged(tenant.Id, data.Length, next.Segments.Count);
            return true;
        }

        // Another process came first, the tenant was erased, or the database was set back: what is left to write is measured by what there is now.
        await database.WriteAsync(tenant, session => IndexStore.DeleteSegmentAsync(session, segment.Id), ct);
        loaded = await indexes.RefreshAsync(tenant, ct);
        queue.Consider(tenant, loaded.TailCount, loaded.Lexical.LiveCount);
        return false;
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

    /// <returns>False when the tenant was erased since its index was read: a new state would let the picture of before be written back.</returns>
    private Task<bool> CreateStateAsync(Tenant tenant, long epoch, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            if ((await TenantCounters.FindAsync(session)).Epoch != epoch)
            {
                return false;
            }

            await IndexStore.CreateStateAsync(session, Guid.CreateVersion7(time.GetUtcNow()));
            return true;
        }, ct);

    /// <returns>Null when the tenant was erased meanwhile.</returns>
    private async Task<WrittenSegment?> WritePartsAsync(Tenant tenant, Guid epoch, byte[] data, CancellationToken ct)
    {
        var segment = NewSegment();
        var parts = 0;
        foreach (var chunk in data.Chunk(PartBytes))
        {
            var number = parts++;
            if (!await database.WriteAsync(tenant, session => IndexStore.InsertPartAsync(session, epoch, segment, number, chunk), ct))
            {
                return null;
            }
        }

        return new WrittenSegment(segment, parts);
    }

    /// <summary>A number that is never used again, in whatever process: what is published under it must be what was written under it.</summary>
    private static long NewSegment() => BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long))) & long.MaxValue;

    private Task<IndexState?> PublishAsync(
        Tenant tenant, IndexState from, long mergedSequence, long[] segments, WrittenSegment segment,
        List<KeyValuePair<long, IndexChange>> settled, TenantCounters contained, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            if ((await TenantCounters.FindAsync(session)).AreBehind(contained))
            {
                return null; // The segment has what the database has lost.
            }

            // Another process that cleans up may have taken it for one that a crash left.
            if (await IndexStore.CountPartsAsync(session, segment.Id) != segment.Parts)
            {
                return null;
            }

            var last = settled.Count == 0 ? 0 : settled.Max(item => item.Value.Number);
            if (await IndexStore.PublishAsync(session, from, mergedSequence, segments, last) is not { } next)
            {
                return null;
            }

            foreach (var (sequence, change) in settled)
            {
                await IndexStore.DeleteChangeAsync(session, sequence, change);
            }

            return next;
        }, ct);

    /// <summary>Segments that were replaced, and parts of a merge that a crash cut off.</summary>
    private async Task DeleteUnusedAsync(Tenant tenant, CancellationToken ct)
    {
        foreach (var segment in await database.ReadAsync(tenant, IndexStore.ListSegmentIdsAsync, ct))
        {
            await database.WriteAsync(tenant, async session =>
            {
                if (await IndexStore.FindStateAsync(session) is { } state && !state.Segments.Contains(segment))
                {
                    await IndexStore.DeleteSegmentAsync(session, segment);
                }
            }, ct);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Wrote {Bytes} bytes of the index of {TenantId}; it has {Segments} segments.")]
    private partial void LogMerged(string tenantId, int bytes, int segments);

    [LoggerMessage(LogLevel.Error, "Could not write an index segment; it is tried again later.")]
    private partial void LogFailed(Exception exception);

    private readonly record struct WrittenSegment(long Id, int Parts);
}
