using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Memories.Periods;

/// <summary>Keeps what is told of a memory in time, within the write that tells it, and the index with it.</summary>
internal static class MemoryPeriods
{
    /// <summary>Beside the values of <see cref="Memory.IndexVersion"/>: the index has nothing of it.</summary>
    private const long Removed = 8;

    /// <summary>Takes a statement down: what was told before ends where it begins, and stays known as what was said before.</summary>
    /// <param name="session">The write, in which the row's version is kept already.</param>
    /// <param name="write">What it changes in the index.</param>
    /// <param name="row">The memory as it stands.</param>
    /// <param name="corrected">What is taken back: the row, or one of its periods. Null of a statement that stands beside the others.</param>
    /// <param name="told">The row to be.</param>
    /// <returns>The row to be, with its end where one is known.</returns>
    public static async Task<Memory> TellAsync(Session session, IndexWrite write, Memory row, Memory? corrected, Memory told)
    {
        var now = told.UpdatedAt;
        var own = Period.Of(row);
        IReadOnlyList<Period> known = [.. await PeriodStore.ListKnownAsync(session, row.Id), own];
        var change = Timeline.Tell(
            told.ValidFrom ?? told.OccurredAt, told.ValidUntil, [.. known.Where(period => period.Sequence != corrected?.Sequence)], now);
        var ended = change.Ended.Concat(known.Where(period => period.Sequence == corrected?.Sequence)).Select(period => period with { KnownUntil = now }).ToList();

        // The row's own gets a place beside the row, unless it was told in this very moment and is taken back.
        var fresh = ended.Where(period => period.Sequence == own.Sequence && period.KnownFrom < now).ToList();
        if (ended.TrueForAll(period => period.Sequence != own.Sequence))
        {
            fresh.Add(own);
        }

        fresh.AddRange(change.Left);
        await EndAsync(session, write, row, [.. ended.Where(period => period.Sequence != own.Sequence)]);
        await AddAsync(session, write, row, fresh);
        return told with { ValidUntil = change.Until };
    }

    /// <summary>A period's words as those of the row to be: what it corrects was not told last.</summary>
    public static Memory AsRow(Memory changed, Memory row) => changed with
    {
        IsOfPeriod = false,
        Sequence = row.Sequence,
        KnownUntil = null,
        EmbeddingStatus = row.EmbeddingStatus,
    };

    /// <summary>Puts the periods of a memory into the index again, as they are: it came back from the archive, or out of the quarantine.</summary>
    public static async Task ShowAsync(Session session, IndexWrite write, Memory row)
    {
        foreach (var memory in await PeriodReader.ReadAsync(session, await PeriodStore.ListAsync(session, row.Id)))
        {
            var shown = memory with { ArchivedAt = row.ArchivedAt, DuplicateOf = row.DuplicateOf, Quarantine = row.Quarantine };
            await write.ReplaceAsync(MemoryReader.Analyse(shown), shown.IndexVersion, shown.Content, GenerationVector.None);
        }
    }

    /// <summary>Takes the periods of a memory out of the index; what is known of them stays.</summary>
    public static async Task HideAsync(Session session, IndexWrite write, Guid memoryId)
    {
        foreach (var period in await PeriodStore.ListAsync(session, memoryId))
        {
            await write.RemoveAsync(period.Sequence, Removed);
        }
    }

    /// <summary>Forgets the periods of a memory, or of one of its versions.</summary>
    public static async Task ForgetAsync(Session session, IndexWrite write, Guid memoryId, long? version = null)
    {
        var periods = (await PeriodStore.ListAsync(session, memoryId)).Where(period => version is null || period.Version == version).ToList();
        foreach (var period in periods)
        {
            await write.RemoveAsync(period.Sequence, Removed);
        }

        if (periods.Count > 0)
        {
            await (version is { } one ? PeriodStore.DeleteAsync(session, memoryId, one) : PeriodStore.DeleteAsync(session, memoryId));
        }
    }

    /// <summary>Puts down the periods of a memory that was brought back with its versions.</summary>
    public static Task ImportAsync(Session session, IndexWrite write, Memory row, List<Period> periods) => AddAsync(session, write, row, periods);

    private static async Task EndAsync(Session session, IndexWrite write, Memory row, IReadOnlyList<Period> ended)
    {
        foreach (var period in ended)
        {
            await PeriodStore.EndAsync(session, period.Sequence, period.KnownUntil!.Value);
        }

        foreach (var memory in row.ArchivedAt is null ? await PeriodReader.ReadAsync(session, ended) : [])
        {
            await write.ReplaceAsync(MemoryReader.Analyse(memory), memory.IndexVersion, memory.Content, GenerationVector.None);
        }
    }

    private static async Task AddAsync(Session session, IndexWrite write, Memory row, List<Period> fresh)
    {
        if (fresh.Count == 0)
        {
            return;
        }

        var place = await write.TakePlacesAsync(fresh.Count);
        for (var i = 0; i < fresh.Count; i++)
        {
            fresh[i] = fresh[i] with { Sequence = place + i };
        }

        await PeriodStore.InsertManyAsync(session, fresh);
        foreach (var memory in row.ArchivedAt is null ? await PeriodReader.ReadAsync(session, fresh) : [])
        {
            write.Add(MemoryReader.Analyse(memory), memory.IndexVersion, memory.Content);
        }
    }
}
