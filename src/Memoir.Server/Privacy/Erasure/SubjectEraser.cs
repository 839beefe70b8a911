using Memoir.Kit.Data;
using Memoir.Server.Analytics;
using Memoir.Server.Documents;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Memories.Repeats;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>One kind of thing that a subject has.</summary>
/// <param name="Name">For the reader.</param>
/// <param name="EraseAsync">Takes all of it, portion by portion; false when it has to stop before the end.</param>
internal sealed record SubjectPart(string Name, Func<ErasureRow, ErasureBudget, CancellationToken, Task<bool>> EraseAsync);

/// <summary>How many memories one run may take.</summary>
internal sealed class ErasureBudget(int most)
{
    private int _left = most;

    public bool Take(int count) => (_left -= count) >= 0;
}

/// <summary>
/// Takes a subject out of a tenant, a portion per write, so that others' writes go on meanwhile. Whoever is cut off is
/// followed by another run that begins anew and finds what is left.
/// </summary>
internal sealed class SubjectEraser
{
    private const int PortionSize = 200;
    private const int Stretch = 20_000;

    private readonly Database _database;
    private readonly RecallIndexes _indexes;
    private readonly IndexMerger _merger;
    private readonly RetentionArchive _archive;
    private readonly TimeProvider _time;
    private readonly SubjectPart[] _parts;

    public SubjectEraser(Database database, RecallIndexes indexes, IndexMerger merger, RetentionArchive archive, TimeProvider time)
    {
        _database = database;
        _indexes = indexes;
        _merger = merger;
        _archive = archive;
        _time = time;

        // What was made from a memory comes before it, for it is found by it; the stored index after all that it holds.
        _parts =
        [
            new SubjectPart("derived", EraseDerivedAsync),
            new SubjectPart("memories", EraseMemoriesAsync),
            new SubjectPart("versions", EraseVersionsAsync),
            new SubjectPart("documents", EraseDocumentsAsync),
            new SubjectPart("jobs", EraseJobsAsync),
            new SubjectPart("searches", EraseSearchesAsync),
            new SubjectPart("index", (erasure, _, ct) => _merger.RewriteAsync(erasure.Tenant, ct)),
        ];
    }

    /// <returns>False when there is more than the run may take.</returns>
    public async Task<bool> RunAsync(ErasureRow erasure, int most, CancellationToken ct)
    {
        var budget = new ErasureBudget(most);
        foreach (var part in _parts)
        {
            if (!await part.EraseAsync(erasure, budget, ct))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> EraseDerivedAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        var places = await _database.ReadAsync(erasure.Tenant, session => SubjectStore.ListDerivedAsync(session, erasure.UserId!), ct);
        return await ErasePlacesAsync(erasure, places, SubjectStore.ListMadeAsync, budget, ct);
    }

    private async Task<bool> EraseMemoriesAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        for (var after = 0L; after < erasure.UpTo; after += Stretch)
        {
            var (from, to) = (after, Math.Min(after + Stretch, erasure.UpTo));
            var places = await _database.ReadAsync(erasure.Tenant, session => SubjectStore.ListPlacesAsync(session, erasure.UserId!, from, to), ct);
            if (!await ErasePlacesAsync(erasure, places, (session, some) => SubjectStore.ListOwnAsync(session, erasure.UserId!, some), budget, ct))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> ErasePlacesAsync(
        ErasureRow erasure, IReadOnlyList<long> places, Func<Session, IReadOnlyList<long>, Task<IReadOnlyList<DoomedMemory>>> list, ErasureBudget budget, CancellationToken ct)
    {
        foreach (var portion in places.Chunk(PortionSize))
        {
            if (!budget.Take(portion.Length))
            {
                return false;
            }

            var left = await _database.WriteAsync(erasure.Tenant, async session =>
            {
                var doomed = await list(session, portion);
                if (doomed.Count == 0)
                {
                    return [];
                }

                var write = await _indexes.BeginAsync(session);
                foreach (var memory in doomed)
                {
                    await MemoryPeriods.ForgetAsync(session, write, memory.Id);
                    await write.RemoveAsync(memory.Sequence, memory.Version + 1);
                }

                var repeated = await DuplicateLinks.ListRepeatedAsync(session, [.. doomed.Select(memory => memory.Sequence)]);
                await ErasureStore.AddAsync(session, erasure.Id, await SubjectStore.DeleteAsync(session, doomed));
                await DuplicateLinks.PassOnAsync(session, write, repeated);
                string?[] files = [.. doomed.Select(memory => memory.ArchiveFile).OfType<string>().Distinct(StringComparer.Ordinal)];
                await _archive.NoteGoneAsync(session, files);
                return files;
            }, ct);
            await _archive.EraseAsync(erasure.Tenant, left, CancellationToken.None);
        }

        return true;
    }

    private async Task<bool> EraseVersionsAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        var versions = await _database.ReadAsync(erasure.Tenant, session => SubjectStore.ListVersionsAsync(session, erasure.UserId!), ct);
        foreach (var portion in versions.Chunk(PortionSize))
        {
            if (!budget.Take(portion.Length))
            {
                return false;
            }

            await _database.WriteAsync(erasure.Tenant, async session =>
            {
                var write = await _indexes.BeginAsync(session);
                foreach (var (memory, version) in portion)
                {
                    await MemoryPeriods.ForgetAsync(session, write, memory, version);
                }

                await ErasureStore.AddAsync(session, erasure.Id, new ErasedCounts { Versions = await SubjectStore.DeleteVersionsAsync(session, portion) });
            }, ct);
        }

        return true;
    }

    private async Task<bool> EraseDocumentsAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        while (true)
        {
            var gone = await _database.WriteAsync(erasure.Tenant, async session =>
            {
                var portion = await SubjectDocuments.EraseAsync(session, erasure.UserId!, upTo: null);
                await ErasureStore.AddAsync(session, erasure.Id, ErasedCounts.Of(portion));
                return portion;
            }, ct);
            if (gone is { Documents: 0, Versions: 0 })
            {
                return true;
            }

            if (!budget.Take((int)gone.Versions))
            {
                return false;
            }
        }
    }

    private async Task<bool> EraseJobsAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        var (named, blamed) = await _database.ReadAsync(erasure.Tenant, session => SubjectStore.ListJobsAsync(session, erasure.UserId!), ct);
        if (named.Count + blamed.Count > 0)
        {
            await _database.WriteAsync(erasure.Tenant, async session =>
                await ErasureStore.AddAsync(session, erasure.Id, new ErasedCounts { Jobs = await SubjectStore.DeleteJobsAsync(session, named, blamed) }), ct);
        }

        return true;
    }

    private async Task<bool> EraseSearchesAsync(ErasureRow erasure, ErasureBudget budget, CancellationToken ct)
    {
        var now = _time.Now();
        await _database.WriteAsync(erasure.Tenant, async session =>
            await ErasureStore.AddAsync(session, erasure.Id, new ErasedCounts { Searches = await SearchLog.EraseUserAsync(session, erasure.UserId!, now) }), ct);
        return true;
    }
}
