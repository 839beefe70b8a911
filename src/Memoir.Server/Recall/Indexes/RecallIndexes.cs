using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Tenants;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// The indexes in memory, kept under a budget. Changes reach them after their commit, in commit order and before the
/// answer, so that a search sees every write that was acknowledged and none that was not. What other processes write
/// comes from the database, up to the counters that a search reads there.
/// </summary>
internal sealed class RecallIndexes
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Writes of tenants whose index is not in memory. Two tenants may share a counter: their merge then comes a little early.</summary>
    private readonly int[] _unseenWrites = new int[4096];

    private readonly IndexLoader _loader;
    private readonly IndexMergeQueue _merges;
    private readonly MemoryVectors _vectors;
    private readonly CounterReservations _reservations;
    private readonly RecallOptions _options;
    private readonly TimeProvider _time;
    private long _bytes;

    public RecallIndexes(
        IndexLoader loader, IndexMergeQueue merges, MemoryVectors vectors, CounterReservations reservations,
        IOptions<RecallOptions> options, TimeProvider time, Meters meters)
    {
        _loader = loader;
        _merges = merges;
        _vectors = vectors;
        _reservations = reservations;
        _options = options.Value;
        _time = time;
        meters.IndexCacheBytes = () => Volatile.Read(ref _bytes);
    }

    /// <summary>Begins what a transaction changes in its tenant's index; it reaches memory after the commit.</summary>
    /// <param name="session">The transaction.</param>
    /// <param name="sequences">How many places in the tenant's order it needs.</param>
    public async Task<IndexWrite> BeginAsync(Session session, int sequences = 0)
    {
        var tenant = session.Tenant;
        var write = new IndexWrite(session, await _reservations.ReserveAsync(session, sequences), _reservations, _vectors);

        // Before its commit nobody can have this write: an index that is as far was built on what the database has lost.
        var lost = Peek(tenant) is { } index && index.Has(write.Counters) ? index : null;
        session.AfterCommit(() => Apply(tenant, write, lost));
        return write;
    }

    /// <summary>Erases what is stored of the tenant's index, and forgets what is in memory, here and by the epoch elsewhere.</summary>
    public async Task EraseAsync(Session session)
    {
        await EraseStoredAsync(session);
        var tenant = session.Tenant.Id;
        session.AfterCommit(() => Drop(tenant));
    }

    /// <summary>The part of it that is in the database, for who works on one without a server.</summary>
    public static async Task EraseStoredAsync(Session session)
    {
        await TenantCounters.RaiseEpochAsync(session);
        await IndexStore.EraseAsync(session);
    }

    /// <summary>The tenant's index, read from the database when it is not in memory.</summary>
    public Task<LoadedIndex> GetAsync(Tenant tenant, CancellationToken ct)
    {
        var entry = _entries.GetOrAdd(tenant.Id, static _ => new Entry());
        entry.LastUsed = _time.GetTimestamp();
        return entry.Ready is { } ready ? Task.FromResult(ready) : LoadAsync(tenant, entry, ct);
    }

    /// <summary>The index if it is in memory.</summary>
    public LoadedIndex? Peek(Tenant tenant) => _entries.TryGetValue(tenant.Id, out var entry) ? entry.Ready : null;

    /// <summary>The tenants whose index is in memory.</summary>
    public IReadOnlyList<string> ListLoaded() => [.. _entries.Where(e => e.Value.Ready is not null).Select(e => e.Key)];

    /// <summary>Forgets an index that has more than the database, which was set back; it is read anew when it is asked for.</summary>
    public void Forget(Tenant tenant, LoadedIndex index)
    {
        if (_entries.TryGetValue(tenant.Id, out var entry) && ReferenceEquals(entry.Ready, index))
        {
            Drop(tenant.Id, entry);
        }
    }

    /// <summary>The tenant's index with all that was committed when its counters were these.</summary>
    public async Task<LoadedIndex> CatchUpAsync(Tenant tenant, TenantCounters counters, CancellationToken ct)
    {
        // What others began may have looked too early. What begins after that did not: the counters were read before.
        for (var i = 0; i < 3; i++)
        {
            var index = Peek(tenant) ?? await GetAsync(tenant, ct);
            if (index.Has(counters))
            {
                return index;
            }

            await CatchUpOnceAsync(tenant, ct);
        }

        return Peek(tenant) ?? await GetAsync(tenant, ct);
    }

    /// <summary>The tenant's index with all that was committed before this was asked, and what is stored of it.</summary>
    public async Task<LoadedIndex> RefreshAsync(Tenant tenant, CancellationToken ct)
    {
        await GetAsync(tenant, ct);
        if (!await CatchUpOnceAsync(tenant, ct))
        {
            await CatchUpOnceAsync(tenant, ct); // The first was begun before.
        }

        return Peek(tenant) ?? await GetAsync(tenant, ct);
    }

    /// <summary>The index's vectors of a generation, read or computed when they are asked for the first time.</summary>
    /// <returns>Null when the tenant uses another generation by now: what was asked with the old one cannot be compared.</returns>
    public async Task<VectorTable?> GetVectorsAsync(Tenant tenant, LoadedIndex index, EmbeddingGeneration generation, CancellationToken ct)
    {
        if (_vectors.Of(tenant).Generation.Key != generation.Key)
        {
            return null;
        }

        var space = index.VectorsOf(generation);
        if (!space.IsLoaded)
        {
            await space.LoadOnce(() => _loader.LoadVectorsAsync(tenant, index, space, CancellationToken.None)).WaitAsync(ct);
            if (_entries.TryGetValue(tenant.Id, out var entry))
            {
                Count(entry);
            }
        }

        return space.Table;
    }

    /// <returns>Whether the reading began after this was called.</returns>
    private async Task<bool> CatchUpOnceAsync(Tenant tenant, CancellationToken ct)
    {
        if (!_entries.TryGetValue(tenant.Id, out var entry) || entry.Ready is not { } index)
        {
            return true; // Whoever needs it loads it.
        }

        var isOwn = false;
        await entry.CatchUpOnce(() =>
        {
            isOwn = true;
            return CatchUpAsync(tenant, entry, index);
        }).WaitAsync(ct);
        return isOwn;
    }

    private async Task CatchUpAsync(Tenant tenant, Entry entry, LoadedIndex index)
    {
        await Yield(); // The gate is held by whoever begins, and a write would wait for it.

        // Other vectors may be loaded meanwhile; whoever loads some a third time in the same moment starts over.
        for (var i = 0; i < 3; i++)
        {
            if (await _loader.ReadDeltaAsync(tenant, index, CancellationToken.None) is not { } delta)
            {
                break;
            }

            if (entry.Apply(delta))
            {
                Grown(tenant, entry, index);
                return;
            }
        }

        Drop(tenant.Id, entry);
    }

    private static ConfiguredTaskAwaitable Yield() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    private void Grown(Tenant tenant, Entry entry, LoadedIndex index)
    {
        _merges.Consider(tenant, index.TailCount, index.Lexical.LiveCount);
        Count(entry);
    }

    private async Task<LoadedIndex> LoadAsync(Tenant tenant, Entry entry, CancellationToken ct)
    {
        // One load serves all who wait for it, so it must not end because the first of them went away.
        var load = entry.LoadOnce(async () =>
        {
            await Yield();
            return await _loader.LoadAsync(tenant, CancellationToken.None);
        });
        try
        {
            await load.WaitAsync(ct);
        }
        catch when (load.IsFaulted)
        {
            _entries.TryRemove(new KeyValuePair<string, Entry>(tenant.Id, entry));
            throw;
        }

        var ready = entry.Complete(await load);
        if (ready.State is null && ready.Lexical.LiveCount == 0)
        {
            // Nothing is stored: reading that again costs less than remembering every name that anybody makes up.
            _entries.TryRemove(new KeyValuePair<string, Entry>(tenant.Id, entry));
            return ready;
        }

        Grown(tenant, entry, ready);
        Evict(tenant.Id);
        return ready;
    }

    private void Apply(Tenant tenant, IndexWrite write, LoadedIndex? lost)
    {
        if (lost is not null)
        {
            Forget(tenant, lost);
        }

        if (!_entries.TryGetValue(tenant.Id, out var entry))
        {
            // Nobody searches here yet. Many writes are still worth a segment, or the first search would read them all.
            ref var unseen = ref _unseenWrites[(uint)tenant.Id.GetHashCode(StringComparison.Ordinal) % (uint)_unseenWrites.Length];
            var count = (uint)Interlocked.Add(ref unseen, write.Count);
            if (count / IndexMergeQueue.SmallestMerge != (count - (uint)write.Count) / IndexMergeQueue.SmallestMerge)
            {
                _merges.Request(tenant);
            }

            return;
        }

        entry.Apply(write);
        if (entry.Ready is { } ready)
        {
            Grown(tenant, entry, ready);
        }
    }

    /// <summary>Makes room for several at once, so that finding the oldest is not paid for by every load.</summary>
    private void Evict(string keep)
    {
        var budget = _options.IndexCacheMegabytes * 1024L * 1024L;
        if (Volatile.Read(ref _bytes) <= budget)
        {
            return;
        }

        // The one that is kept may need more than the budget all alone: it stays, for nothing works without it.
        foreach (var (tenant, _) in _entries.Where(e => e.Key != keep && e.Value.Ready is not null).OrderBy(e => e.Value.LastUsed).ToList())
        {
            Drop(tenant);
            if (Volatile.Read(ref _bytes) <= budget - (budget / 16))
            {
                return;
            }
        }
    }

    private void Drop(string tenant)
    {
        if (_entries.TryGetValue(tenant, out var entry))
        {
            Drop(tenant, entry);
        }
    }

    private void Drop(string tenant, Entry entry)
    {
        if (_entries.TryRemove(new KeyValuePair<string, Entry>(tenant, entry)))
        {
            Interlocked.Add(ref _bytes, -entry.Leave());
        }
    }

    private void Count(Entry entry) => Interlocked.Add(ref _bytes, entry.Recount());

    /// <summary>An index on its way into memory, or there. Changes that commit while it is read are kept and applied after.</summary>
    private sealed class Entry
    {
        /// <summary>Objects and empty tables, which the estimate of an index leaves out.</summary>
        private const long BytesOfAnEntry = 4096;

        private readonly Lock _gate = new();
        private List<IndexWrite>? _pending = [];
        private Task<LoadedIndex>? _load;
        private Task? _catchUp;
        private volatile LoadedIndex? _ready;
        private long _counted;
        private bool _isGone;

        public LoadedIndex? Ready => _ready;

        public long LastUsed { get; set; }

        /// <returns>How much more it holds than when it was counted last.</returns>
        public long Recount()
        {
            lock (_gate)
            {
                var now = _isGone || _ready is not { } ready ? 0 : BytesOfAnEntry + ready.EstimatedBytes;
                var more = now - _counted;
                _counted = now;
                return more;
            }
        }

        /// <returns>What was counted for it; from now on it counts nothing.</returns>
        public long Leave()
        {
            lock (_gate)
            {
                _isGone = true;
                var counted = _counted;
                _counted = 0;
                return counted;
            }
        }

        public Task<LoadedIndex> LoadOnce(Func<Task<LoadedIndex>> load)
        {
            lock (_gate)
            {
                return _load ??= load();
            }
        }

        public LoadedIndex Complete(LoadedIndex loaded)
        {
            lock (_gate)
            {
                if (_ready is null)
                {
                    foreach (var write in _pending!)
                    {
                        loaded.Apply(write);
                    }

                    _pending = null;
                    _ready = loaded;
                }

                return _ready;
            }
        }

        /// <summary>One serves all who come while it reads.</summary>
        public Task CatchUpOnce(Func<Task> catchUp)
        {
            lock (_gate)
            {
                return _catchUp is { IsCompleted: false } running ? running : _catchUp = catchUp();
            }
        }

        public bool Apply(IndexDelta delta)
        {
            lock (_gate)
            {
                return _ready!.Apply(delta);
            }
        }

        public void Apply(IndexWrite write)
        {
            lock (_gate)
            {
                if (_ready is { } ready)
                {
                    ready.Apply(write);
                }
                else
                {
                    _pending!.Add(write);
                }
            }
        }
    }
}
