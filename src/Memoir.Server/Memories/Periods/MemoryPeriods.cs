using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Memories.Periods;

/// <summary>Keeps what is told of a memory in time, within the write that tells it, and the index with it.</summary>
internal static class MemoryPeriods
{
    /// <summary>Beside the values of <see cref="Memory.IndexVersion"/>: the index has nothing of it.</summary>
    private const long Removed = 8;

    /// <summary>In SQL of a row of <c>memories</c>, with <c>@now</c>: something else that was told of it is true, or will be.</summary>
    public const string StillHold = """
        EXISTS (SELECT 1 FROM memory_periods p WHERE p.tenant_id = @Tenant AND p.memory_id = memories.id AND p.known_until IS NULL
            AND COALESCE(p.valid_until, 9223372036854775807) > @now AND (p.expires_at IS NULL OR p.expires_at > @now))
        """;

    /// <summary>When a change is told: never before what it changes, whatever the clocks of two processes say.</summary>
    public static DateTimeOffset After(Memory row, DateTimeOffset now) => row.UpdatedAt > now ? row.UpdatedAt : now;

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
        var from = told.ValidFrom ?? told.OccurredAt;
        IReadOnlyList<Period> known = [.. await PeriodStore.ListKnownAsync(session, row.Id, from), own];
        var change = Timeline.Tell(from, told.ValidUntil, [.. known.Where(period => period.Sequence != corrected?.Sequence)], now);
        var ended = change.Ended.ToList();
        if (corrected is { IsOfPeriod: true })
        {
            ended.AddRange(await PeriodStore.ListBySequenceAsync(session, [corrected.Sequence]));
        }

        // The row's own gets a place beside the row, unless it was told in this very moment and is taken back.
        var isOver = corrected?.Sequence == own.Sequence || ended.Contains(own);
        var fresh = new List<Period>(change.Left);
        if (!isOver || own.KnownFrom < now)
        {
            fresh.Insert(0, isOver ? own with { KnownUntil = now } : own);
        }

        await EndAsync(session, write, row, [.. ended.Where(period => period.Sequence != own.Sequence).Select(period => period with { KnownUntil = now })]);
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
        if (row.ArchivedAt is not null)
        {
            return; // They come back with it.
        }

        await foreach (var portion in PeriodReader.ScanAsync(session, row.Id))
        {
            foreach (var memory in await PeriodReader.ReadAsync(session, portion))
            {
                var shown = memory with { ArchivedAt = null, DuplicateOf = row.DuplicateOf };
                await write.ReplaceAsync(MemoryReader.Analyse(shown), shown.IndexVersion, shown.Content, GenerationVector.None);
            }
        }
    }

    /// <summary>Takes the periods of a memory out of the index; what is known of them stays.</summary>
    public static async Task HideAsync(Session session, IndexWrite write, Guid memoryId)
    {
        await foreach (var portion in PeriodReader.ScanAsync(session, memoryId))
        {
            foreach (var period in portion)
            {
                await write.RemoveAsync(period.Sequence, Removed);
            }
        }
    }

    /// <summary>Forgets the periods of a memory.</summary>
    public static async Task ForgetAsync(Session session, IndexWrite write, Guid memoryId)
    {
        await foreach (var portion in PeriodReader.ScanAsync(session, memoryId))
        {
            await ForgetAsync(session, write, portion);
        }
    }

    /// <summary>Forgets the periods of one version of a memory.</summary>
    public static async Task ForgetAsync(Session session, IndexWrite write, Guid memoryId, long version) =>
        await ForgetAsync(session, write, await PeriodStore.ListVersionsAsync(session, memoryId, version, version));

    /// <summary>Puts periods down, and into the index: what a statement left, or what a memory was brought back with.</summary>
    public static async Task AddAsync(Session session, IndexWrite write, Memory row, IReadOnlyList<Period> fresh)
    {
        if (fresh.Count == 0)
        {
            return;
        }

        var place = await write.TakePlacesAsync(fresh.Count);
        foreach (var portion in fresh.Select((period, i) => period with { Sequence = place + i }).Chunk(PeriodReader.PortionSize))
        {
            await PeriodStore.InsertManyAsync(session, portion);
            foreach (var memory in row.ArchivedAt is null ? await PeriodReader.ReadAsync(session, portion) : [])
            {
                write.Add(MemoryReader.Analyse(memory), memory.IndexVersion, memory.Content);
            }
        }
    }

    private static async Task ForgetAsync(Session session, IndexWrite write, IReadOnlyList<Period> periods)
    {
        foreach (var period in periods)
        {
            await write.RemoveAsync(period.Sequence, Removed);
            await PeriodStore.DeleteAsync(session, period.Sequence);
        }
    }

    private static async Task EndAsync(Session session, IndexWrite write, Memory row, IReadOnlyList<Period> ended)
    {
        foreach (var portion in ended.Chunk(PeriodReader.PortionSize))
        {
            foreach (var period in portion)
            {
                await PeriodStore.EndAsync(session, period.Sequence, period.KnownUntil!.Value);
            }

            foreach (var memory in row.ArchivedAt is null ? await PeriodReader.ReadAsync(session, portion) : [])
            {
                await write.ReplaceAsync(MemoryReader.Analyse(memory), memory.IndexVersion, memory.Content, GenerationVector.None);
            }
        }
    }
}
