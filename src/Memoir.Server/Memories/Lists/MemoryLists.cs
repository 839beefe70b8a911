using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;

namespace Memoir.Server.Memories.Lists;

/// <summary>Lists and counts a tenant's memories.</summary>
internal sealed class MemoryLists(Database database, TimeProvider time)
{
    /// <summary>Newest first, until one answer could not hold more.</summary>
    public Task<Portion<Memory>> ListAsync(Tenant tenant, MemoryFilter filter, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => ListAsync(session, filter, time.Now(), limit), ct);

    /// <summary>A user's memories and what is shared by all, newest first.</summary>
    public Task<IReadOnlyList<Memory>> ListWithSharedAsync(Tenant tenant, string userId, Moment? moment, int limit, CancellationToken ct)
    {
        var now = time.Now();
        return database.ReadAsync<IReadOnlyList<Memory>>(tenant, async session =>
        {
            var own = await ListAsync(session, new MemoryFilter { UserId = userId, Moment = moment }, now, limit);
            var shared = await ListAsync(session, new MemoryFilter { SharedAlone = true, Moment = moment }, now, limit);
            return Merged([own, shared], limit).Items;
        }, ct);
    }

    /// <summary>How many there are of each type, of one user where one is named; the most frequent first.</summary>
    public Task<IReadOnlyList<TypeCount>> CountAsync(Tenant tenant, string? userId, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<TypeCount>>(tenant, async session =>
        {
            if (userId is not null)
            {
                return Ordered(await MemoryStore.CountByTypeAsync(session, userId));
            }

            // Messages are what most memories are, and have no place in the index on types: they are what is left.
            var others = await MemoryStore.CountByTypeAsync(session);
            var messages = await MemoryStore.CountAsync(session) - others.Sum(one => one.Count);
            return Ordered(messages > 0 ? [.. others, new TypeCount { Type = MemoryType.Message, Count = messages }] : others);
        }, ct);

    /// <summary>The rows, and between them what was true though something else was told after it.</summary>
    private static async Task<Portion<Memory>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        var rows = await MemoryStore.ListAsync(session, filter, now, limit);
        if (filter.InQuarantine)
        {
            return rows; // What is doubted is what was told last.
        }

        var others = await PeriodReader.ListAsync(session, filter, now, limit);
        return others.Items.Count == 0 && !others.IsCut ? rows : Merged([rows, others], limit);
    }

    /// <summary>One list of several, newest first. One that had no room for all of its memories is silent about what is older than its last.</summary>
    private static Portion<Memory> Merged(IReadOnlyList<Portion<Memory>> parts, int limit)
    {
        var known = parts.Where(part => part.IsCut).Select(part => part.Items[^1].Sequence).DefaultIfEmpty().Max();
        var items = parts.SelectMany(part => part.Items).Where(memory => memory.Sequence >= known).OrderByDescending(memory => memory.Sequence).Take(limit).ToList();
        return new Portion<Memory>(items, parts.Any(part => part.IsCut));
    }

    private static IReadOnlyList<TypeCount> Ordered(IReadOnlyList<TypeCount> counts) =>
        [.. counts.OrderByDescending(one => one.Count).ThenBy(one => one.Type, StringComparer.Ordinal)];
}
