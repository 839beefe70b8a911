using System.Collections.Concurrent;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// The indexes in memory, kept under a budget. Changes reach them after their commit, in commit order and before the
/// answer, so that a search sees every write that was acknowledged and none that was not.
/// </summary>
internal sealed class RecallIndexes
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Writes of tenants whose index is not in memory. Two tenants may share a counter: their merge then comes a little early.</summary>
    private readonly int[] _unseenWrites = new int[4096];

    private readonly IndexLoader _loader;
    private readonly IndexMergeQueue _merges;
    private readonly MemoryVectors _vectors;
    private readonly RecallOptions _options;
    private readonly TimeProvider _time;
    private long _bytes;

    public RecallIndexes(
        IndexLoader loader, IndexMergeQueue merges, MemoryVectors vectors, IOptions<RecallOptions> options, TimeProvider time, Meters meters)
    {
        _loader = loader;
        _merges = merges;
        _vectors = vectors;
        _options = options.Value;
        _time = time;
        meters.IndexCacheBytes = () => Volatile.Read(ref _bytes);
    }

    /// <summary>Hands over a memory that is new in this transaction.</summary>
    public void Add(Session session, AnalysedMemory memory, long version, string content) =>
        Apply(session, index => index.Put(memory, version, VectorFor(index, content, GenerationVector.None), isChange: false));

    /// <summary>Hands over a memory that was changed in this transaction, with its vector where one is stored.</summary>
    public async Task ReplaceAsync(Session session, AnalysedMemory memory, long version, string content, GenerationVector stored)
    {
        await IndexStore.MarkChangedAsync(session, memory.Sequence, version);
        Apply(session, index => index.Put(memory, version, VectorFor(index, content, stored), isChange: true));
    }

    /// <param name="session">The transaction that deletes the memory.</param>
    /// <param name="sequence">Its place.</param>
    /// <param name="version">One more than its last version.</param>
    public async Task RemoveAsync(Session session, long sequence, long version)
    {
        await IndexStore.MarkChangedAsync(session, sequence, version);
        Apply(session, index => index.Remove(sequence, version));
    }

    public void SetVector(Session session, long sequence, GenerationVector vector) =>
        Apply(session, index => index.SetVector(vector.Generation, sequence, vector.Bytes));

    /// <summary>Erases what is stored of the tenant's index, and forgets what is in memory.</summary>
    public async Task EraseAsync(Session session)
    {
        await IndexStore.EraseAsync(session);
        var tenant = session.Tenant.Id;
        session.AfterCommit(() => Drop(tenant));
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

    private byte[] VectorFor(LoadedIndex index, string content, GenerationVector stored) => index.Vectors?.Generation switch
    {
        null => [],
        { } generation when generation.Key == stored.Generation && stored.Bytes.Length > 0 => stored.Bytes,
        { } generation => _vectors.Compute(generation, content),
    };

    private async Task<LoadedIndex> LoadAsync(Tenant tenant, Entry entry, CancellationToken ct)
    {
        // One load serves all who wait for it, so it must not end because the first of them went away.
        var load = entry.LoadOnce(() => _loader.LoadAsync(tenant, CancellationToken.None));
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

        _merges.Consider(tenant, ready.TailCount, ready.Lexical.LiveCount);
        Count(entry);
        Evict(tenant.Id);
        return ready;
    }

    private void Apply(Session session, Action<LoadedIndex> change)
    {
        var tenant = session.Tenant;
        session.AfterCommit(() =>
        {
            if (!_entries.TryGetValue(tenant.Id, out var entry))
            {
                // Nobody searches here yet. Many writes are still worth a segment, or the first search would read them all.
                ref var unseen = ref _unseenWrites[(uint)tenant.Id.GetHashCode(StringComparison.Ordinal) % (uint)_unseenWrites.Length];
                if (Interlocked.Increment(ref unseen) % IndexMergeQueue.SmallestMerge == 0)
                {
                    _merges.Request(tenant);
                }

                return;
            }

            entry.Apply(change);
            if (entry.Ready is { } ready)
            {
                _merges.Consider(tenant, ready.TailCount, ready.Lexical.LiveCount);
                Count(entry);
            }
        });
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
        if (_entries.TryRemove(tenant, out var entry))
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
        private List<Action<LoadedIndex>>? _pending = [];
        private Task<LoadedIndex>? _load;
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
                    foreach (var change in _pending!)
                    {
                        change(loaded);
                    }

                    _pending = null;
                    _ready = loaded;
                }

                return _ready;
            }
        }

        public void Apply(Action<LoadedIndex> change)
        {
            lock (_gate)
            {
                if (_ready is { } ready)
                {
                    change(ready);
                }
                else
                {
                    _pending!.Add(change);
                }
            }
        }
    }
}
