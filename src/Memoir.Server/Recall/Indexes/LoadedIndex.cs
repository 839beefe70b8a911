using Memoir.Server.Embeddings;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Ranking;
using Memoir.Server.Recall.Search;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall.Indexes;

/// <summary>One tenant's index in memory: words, vectors, and what the stored segments do not have yet.</summary>
internal sealed class LoadedIndex
{
    private readonly Lock _writing = new();
    private readonly Dictionary<long, Unmerged> _tail = [];
    private Dictionary<long, IndexChange> _changes = [];
    private volatile TenantCounters _applied = TenantCounters.None;

    public TenantIndex Lexical { get; } = new();

    /// <summary>The vectors of one generation; null until a search needs them.</summary>
    public VectorSpace? Vectors { get; private set; }

    /// <summary>What is stored; null until the first merge.</summary>
    public IndexState? State { get; private set; }

    /// <summary>All writes of the tenant up to here are in it, from whatever process they came.</summary>
    public TenantCounters Applied => _applied;

    public int TailCount
    {
        get
        {
            lock (_writing)
            {
                return _tail.Count;
            }
        }
    }

    /// <summary>Words are missing that may be there another time: it must not be written down.</summary>
    public bool LacksTexts { get; private set; }

    public long EstimatedBytes => Lexical.EstimatedBytes + (Vectors?.Table.EstimatedBytes ?? 0);

    /// <summary>Whether it has all that is committed when the tenant's counters are these.</summary>
    public bool Has(TenantCounters counters) => Has(_applied, counters);

    /// <inheritdoc cref="Has(TenantCounters)"/>
    public static bool Has(TenantCounters applied, TenantCounters counters) =>
        applied.Epoch > counters.Epoch || (applied.Epoch == counters.Epoch && applied.LastChange >= counters.LastChange);

    /// <summary>
    /// Takes over a write of this process, if it is the very next one. One that is contained already is passed over, and
    /// so is one behind a gap: what other processes wrote in between comes first, from the database.
    /// </summary>
    public void Apply(IndexWrite write)
    {
        lock (_writing)
        {
            if (write.Counters.Epoch == _applied.Epoch && write.Counters.LastChange == _applied.LastChange + 1)
            {
                write.ApplyTo(this);
                _applied = write.Counters; // Last: a search that sees the number must find what it stands for.
            }
        }
    }

    /// <summary>Takes over what other processes wrote. Writes of this process that came meanwhile are in the delta, or are newer and stay.</summary>
    /// <returns>False when the vectors are others than those for which the delta was read.</returns>
    public bool Apply(IndexDelta delta)
    {
        lock (_writing)
        {
            if (!ReferenceEquals(Vectors, delta.Space))
            {
                return false;
            }

            if (!Has(delta.Counters))
            {
                TakeRows(delta);
                _applied = delta.Counters;
            }

            if (delta.Published is { } published)
            {
                TakeOver(published.State, published.Changes, delta.Counters.LastChange);
            }

            return true;
        }
    }

    /// <param name="memory">What is indexed of it.</param>
    /// <param name="version">The version of its row.</param>
    /// <param name="vector">Of the generation of <see cref="Vectors"/>; empty where there is none.</param>
    /// <param name="change">Given when the segments may have an older version of it.</param>
    public void Put(AnalysedMemory memory, long version, ReadOnlySpan<byte> vector, IndexChange? change = null)
    {
        lock (_writing)
        {
            var old = Lexical.OrdinalOf(memory.Sequence);
            Lexical.Put(memory);
            ReplaceVector(memory.Sequence, old, vector);
            _tail[memory.Sequence] = new Unmerged(memory, version);
            LacksTexts |= memory.LacksText;
            if (change is { } changed)
            {
                _changes[memory.Sequence] = changed;
            }
        }
    }

    public void Remove(long sequence, IndexChange change)
    {
        lock (_writing)
        {
            var old = Lexical.OrdinalOf(sequence);
            if (old >= 0)
            {
                ReplaceVector(sequence, old, default);
                Lexical.Remove(sequence);
            }

            _tail.Remove(sequence);
            _changes[sequence] = change;
        }
    }

    /// <summary>Takes over a vector that was made; one of a generation that is not in memory is read when it is.</summary>
    public void SetVector(string generation, long sequence, ReadOnlySpan<byte> vector)
    {
        lock (_writing)
        {
            if (Vectors?.Generation.Key == generation)
            {
                ReplaceVector(sequence, old: -1, vector);
            }
        }
    }

    /// <summary>Where the vectors of a generation are; those of another one make room.</summary>
    public VectorSpace VectorsOf(EmbeddingGeneration generation)
    {
        lock (_writing)
        {
            return Vectors is { } now && now.Generation.Key == generation.Key ? now : Vectors = new VectorSpace(generation);
        }
    }

    /// <summary>Fills in a vector that was read. Changes that committed meanwhile are newer and stay.</summary>
    public void FillVector(VectorSpace space, long sequence, ReadOnlySpan<byte> vector)
    {
        lock (_writing)
        {
            var ordinal = Lexical.OrdinalOf(sequence);
            if (ordinal >= 0 && !vector.IsEmpty && space.NewerThanScan?.Contains(sequence) == false)
            {
                space.Table.Set(ordinal, vector);
            }
        }
    }

    public void EndFilling(VectorSpace space)
    {
        lock (_writing)
        {
            space.NewerThanScan = null;
        }
    }

    /// <summary>The turns around one in its conversation, in the order they were said, as far as the scope allows them.</summary>
    public IReadOnlyList<long> NeighboursOf(long sequence, int reach, RecallScope scope)
    {
        var at = Lexical.OrdinalOf(sequence);
        if (at < 0)
        {
            return [];
        }

        var view = Lexical.View();
        var allowed = new ScopeFilter(view, scope);
        var around = new List<long>(2 * reach);
        Walk(view.Columns.Previous);
        around.Reverse();
        Walk(view.Columns.Next);
        return around;

        void Walk(int[] links)
        {
            var next = at;
            for (var step = 0; step < reach; step++)
            {
                next = links[next];
                if (next < 0 || next >= view.Memories)
                {
                    return;
                }

                if (allowed.Allows(next))
                {
                    around.Add(view.Columns.Sequence[next]);
                }
            }
        }
    }

    /// <summary>Takes over what the changes table says when the index is loaded.</summary>
    public void StartFrom(TenantCounters counters, IndexState? state, Dictionary<long, IndexChange> changes)
    {
        _applied = counters;
        State = state;
        _changes = changes;
        foreach (var sequence in changes.Keys)
        {
            Lexical.Remove(sequence);
        }
    }

    /// <summary>A consistent picture of what a merge would write.</summary>
    public Unwritten Snapshot()
    {
        lock (_writing)
        {
            return new Unwritten(State, [.. _tail.Values], new Dictionary<long, IndexChange>(_changes), _applied);
        }
    }

    /// <summary>Forgets what a merge wrote, unless it changed again meanwhile.</summary>
    public void Written(IndexState state, Unwritten written, IEnumerable<KeyValuePair<long, IndexChange>> settledChanges)
    {
        lock (_writing)
        {
            if (ReferenceEquals(State, written.State))
            {
                State = state; // Else another process has built on this merge, and what is known of that is newer.
            }

            foreach (var item in written.Tail)
            {
                if (_tail.TryGetValue(item.Memory.Sequence, out var now) && now.Version == item.Version)
                {
                    _tail.Remove(item.Memory.Sequence);
                }
            }

            foreach (var (sequence, change) in settledChanges)
            {
                if (_changes.TryGetValue(sequence, out var now) && now == change)
                {
                    _changes.Remove(sequence);
                }
            }
        }
    }

    /// <summary>
    /// Takes what is newer than what is applied, and nothing twice: a memory that is put anew, unchanged, could be missing
    /// from a segment that is written at this moment, and no change would tell of it.
    /// </summary>
    private void TakeRows(IndexDelta delta)
    {
        var applied = _applied;
        var found = new HashSet<long>(delta.Memories.Count);
        var put = new HashSet<long>(delta.Memories.Count);
        foreach (var (memory, version) in delta.Memories)
        {
            found.Add(memory.Sequence);
            var change = delta.Changes.TryGetValue(memory.Sequence, out var changed) ? changed : (IndexChange?)null;
            if (change is { } later ? later.Number > applied.LastChange : memory.Sequence > applied.LastSequence)
            {
                put.Add(memory.Sequence);
                Put(memory, version, delta.Vectors.GetValueOrDefault(memory.Sequence), change);
            }
        }

        foreach (var (sequence, change) in delta.Changes)
        {
            if (!found.Contains(sequence) && change.Number > applied.LastChange)
            {
                Remove(sequence, change);
            }
        }

        foreach (var (sequence, vector) in delta.Vectors)
        {
            if (!put.Contains(sequence) && vector.Length > 0 && delta.Space is { } space)
            {
                SetVector(space.Generation.Key, sequence, vector);
            }
        }
    }

    /// <summary>Takes over what another process has merged: what its segments have is not unwritten any more.</summary>
    /// <param name="state">What is stored.</param>
    /// <param name="changes">All changes that were not settled when that was read.</param>
    /// <param name="lastChange">The last change at that moment; later ones are known here alone.</param>
    private void TakeOver(IndexState state, Dictionary<long, IndexChange> changes, long lastChange)
    {
        foreach (var (sequence, change) in _changes)
        {
            if (change.Number > lastChange)
            {
                changes[sequence] = change;
            }
        }

        State = state;
        _changes = changes;
        foreach (var sequence in _tail.Keys.Where(sequence => sequence <= state.MergedSequence && !changes.ContainsKey(sequence)).ToList())
        {
            _tail.Remove(sequence);
        }
    }

    private void ReplaceVector(long sequence, int old, ReadOnlySpan<byte> vector)
    {
        if (Vectors is not { } space)
        {
            return;
        }

        space.NewerThanScan?.Add(sequence);
        if (old >= 0)
        {
            space.Table.Clear(old);
        }

        var ordinal = Lexical.OrdinalOf(sequence);
        if (ordinal >= 0 && !vector.IsEmpty)
        {
            space.Table.Set(ordinal, vector);
        }
    }
}

/// <summary>A memory that the stored segments do not have in this version.</summary>
internal readonly record struct Unmerged(AnalysedMemory Memory, long Version);

/// <summary>What a merge writes, as it was at one moment, and what is stored already.</summary>
internal sealed record Unwritten(
    IndexState? State, IReadOnlyList<Unmerged> Tail, IReadOnlyDictionary<long, IndexChange> Changes, TenantCounters Applied);
