using Memoir.Kit.Data;
using Memoir.Server.Memories.Lists;
using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Memories.Periods;

/// <summary>What memories said of other times than their rows do: the words of their versions, dated by their periods.</summary>
internal static class PeriodReader
{
    /// <summary>Of periods whose words are read at once.</summary>
    public const int PortionSize = 100;

    /// <summary>Those of these places that are of periods. One whose words are gone, or in the archive, is left out.</summary>
    public static async Task<IReadOnlyList<Memory>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences) =>
        sequences.Count == 0 ? [] : await ReadAsync(session, await PeriodStore.ListBySequenceAsync(session, sequences));

    /// <inheritdoc cref="PeriodStore.ListAfterAsync"/>
    /// <returns>They, and behind which place to go on; <see cref="long.MaxValue"/> at the end.</returns>
    public static async Task<(IReadOnlyList<Memory> Memories, long Last)> ListAfterAsync(Session session, long sequence)
    {
        var periods = await PeriodStore.ListAfterAsync(session, sequence, PortionSize);
        return (await ReadAsync(session, periods), periods.Count < PortionSize ? long.MaxValue : periods[^1].Sequence);
    }

    /// <inheritdoc cref="PeriodStore.ListAsync(Session, MemoryFilter, DateTimeOffset, int)"/>
    public static async Task<Portion<Memory>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        var found = new List<Memory>();
        var characters = 0L;
        foreach (var portion in (await PeriodStore.ListAsync(session, filter, now, limit)).Chunk(PortionSize / 4))
        {
            foreach (var memory in (await ReadAsync(session, portion)).OrderByDescending(memory => memory.Sequence))
            {
                if (characters >= MemoryReader.MostCharacters)
                {
                    return new Portion<Memory>(found, IsCut: true);
                }

                found.Add(memory);
                characters += MemoryReader.CharactersOf(memory);
            }
        }

        return new Portion<Memory>(found, IsCut: false);
    }

    /// <summary>What a memory said at a moment, where its row says something else.</summary>
    /// <param name="session">The snapshot.</param>
    /// <param name="row">Its row.</param>
    /// <param name="moment">When.</param>
    /// <param name="text">Its words, where they stand in the archive.</param>
    public static async Task<Memory?> FindAsync(Session session, Memory row, Moment moment, ArchivedText? text) =>
        await PeriodStore.FindAsync(session, row.Id, moment) is { } period && await ReadAsync(session, [period], text) is [var then] ? then : null;

    /// <summary>The periods of a memory, a portion after the other.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<Period>> ScanAsync(Session session, Guid memoryId)
    {
        IReadOnlyList<Period> portion;
        for (var last = 0L; (portion = await PeriodStore.ListAsync(session, memoryId, last, PortionSize)).Count > 0; last = portion[^1].Sequence)
        {
            yield return portion;
        }
    }

    /// <inheritdoc cref="PeriodStore.ListVersionsAsync"/>
    public static Task<IReadOnlyList<Period>> ListVersionsAsync(Session session, Guid memoryId, long first, long last) =>
        PeriodStore.ListVersionsAsync(session, memoryId, first, last);

    /// <summary>These periods with the words of their versions; at most a portion of them.</summary>
    public static async Task<IReadOnlyList<Memory>> ReadAsync(Session session, IReadOnlyList<Period> periods, ArchivedText? archived = null)
    {
        if (periods.Count == 0)
        {
            return [];
        }

        IReadOnlyList<long> sequences = [.. periods.Select(period => period.Sequence)];
        var texts = (await PeriodStore.ListTextsAsync(session, sequences)).ToDictionary(text => text.Sequence, text => text.Snapshot.Text);
        var rows = (await MemoryStore.ListOfPeriodsAsync(session, sequences)).ToDictionary(row => row.Id);
        var found = new List<Memory>(periods.Count);
        foreach (var period in periods)
        {
            if (!rows.TryGetValue(period.MemoryId, out var row) || !texts.TryGetValue(period.Sequence, out var text))
            {
                continue;
            }

            text = text.Length > 0 ? text : archived?.Versions.GetValueOrDefault(period.Version) ?? "";
            if (text.Length > 0)
            {
                found.Add(MemorySnapshot.At(row, text, period));
            }
        }

        return found;
    }
}
