using Memoir.Server.Embeddings;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Ranking;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Indexes;

/// <summary>One tenant's index in memory: words, vectors, and what the stored segments do not have yet.</summary>
internal sealed class LoadedIndex
{
    private readonly Lock _writing = new();
    private readonly Dictionary<long, Unmerged> _tail = [];
    private Dictionary<long, long> _changes = [];

    public TenantIndex Lexical { get; } = new();

    /// <summary>The vectors of one generation; null until a search needs them.</summary>
    public VectorSpace? Vectors { get; private set; }

    /// <summary>What is stored; null until the first merge.</summary>
    public IndexState? State { get; set; }

    public long LastSequence { get; private set; }

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

    public long EstimatedBytes => Lexical.EstimatedBytes + (Vectors?.Table.EstimatedBytes ?? 0);

    public void Put(AnalysedMemory memory, long version, ReadOnlySpan<byte> vector, bool isChange)
    {
        lock (_writing)
        {
            var old = Lexical.OrdinalOf(memory.Sequence);
            Lexical.Put(memory);
            ReplaceVector(memory.Sequence, old, vector);
            _tail[memory.Sequence] = new Unmerged(memory, version);
            LastSequence = Math.Max(LastSequence, memory.Sequence);
            if (isChange)
            {
                _changes[memory.Sequence] = version;
            }
        }
    }

    public void Remove(long sequence, long version)
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
            _changes[sequence] = version;
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
    public void StartFrom(IndexState? state, Dictionary<long, long> changes)
    {
        State = state;
        LastSequence = state?.MergedSequence ?? 0;
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
            return new Unwritten([.. _tail.Values], new Dictionary<long, long>(_changes), LastSequence);
        }
    }

    /// <summary>Forgets what a merge wrote, unless it changed again meanwhile.</summary>
    public void Written(IndexState state, Unwritten written, IEnumerable<KeyValuePair<long, long>> settledChanges)
    {
        lock (_writing)
        {
            State = state;
            foreach (var item in written.Tail)
            {
                if (_tail.TryGetValue(item.Memory.Sequence, out var now) && now.Version == item.Version)
                {
                    _tail.Remove(item.Memory.Sequence);
                }
            }

            foreach (var (sequence, version) in settledChanges)
            {
                if (_changes.TryGetValue(sequence, out var now) && now == version)
                {
                    _changes.Remove(sequence);
                }
            }
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

/// <summary>What a merge writes, as it was at one moment.</summary>
internal sealed record Unwritten(
    IReadOnlyList<Unmerged> Tail, IReadOnlyDictionary<long, long> Changes, long LastSequence);
