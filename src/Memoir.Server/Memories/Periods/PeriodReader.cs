using Memoir.Kit.Data;
using Memoir.Server.Memories.Lists;

namespace Memoir.Server.Memories.Periods;

/// <summary>What memories said of other times than their rows do: the words of their versions, dated by their periods.</summary>
internal static class PeriodReader
{
    /// <summary>Those of these places that are of periods. One whose words are gone, or in the archive, is left out.</summary>
    public static async Task<IReadOnlyList<Memory>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences) =>
        sequences.Count == 0 ? [] : await ReadAsync(session, await PeriodStore.ListBySequenceAsync(session, sequences));

    /// <inheritdoc cref="PeriodStore.ListAfterAsync"/>
    public static async Task<(IReadOnlyList<Memory> Memories, long Last)> ListAfterAsync(Session session, long sequence, int limit)
    {
        var periods = await PeriodStore.ListAfterAsync(session, sequence, limit);
        return (await ReadAsync(session, periods), periods.Count < limit ? long.MaxValue : periods[^1].Sequence);
    }

    /// <inheritdoc cref="PeriodStore.ListAsync(Session, MemoryFilter, DateTimeOffset, int)"/>
    public static async Task<IReadOnlyList<Memory>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        var periods = await PeriodStore.ListAsync(session, filter, now, limit);
        return [.. (await ReadAsync(session, periods)).OrderByDescending(memory => memory.Sequence)];
    }

    /// <summary>What a memory said at a moment, where its row says something else.</summary>
    public static async Task<Memory?> FindAsync(Session session, Guid id, Moment moment) =>
        await PeriodStore.FindAsync(session, id, moment) is { } period ? (await ReadAsync(session, [period])).FirstOrDefault() : null;

    public static Task<IReadOnlyList<Period>> ListAsync(Session session, Guid id) => PeriodStore.ListAsync(session, id);

    /// <summary>These periods with the words of their versions.</summary>
    public static async Task<IReadOnlyList<Memory>> ReadAsync(Session session, IReadOnlyList<Period> periods)
    {
        if (periods.Count == 0)
        {
            return [];
        }

        var texts = (await PeriodStore.ListTextsAsync(session, [.. periods.Select(period => period.Sequence)])).ToDictionary(text => text.Sequence, text => text.Snapshot.Text);
        var rows = (await MemoryStore.ListByIdAsync(session, [.. periods.Select(period => period.MemoryId).Distinct()])).ToDictionary(row => row.Id);
        var found = new List<Memory>(periods.Count);
        foreach (var period in periods)
        {
            if (rows.TryGetValue(period.MemoryId, out var row) && texts.TryGetValue(period.Sequence, out var text) && text.Length > 0)
            {
                found.Add(MemorySnapshot.At(row, text, period));
            }
        }

        return found;
    }
}
