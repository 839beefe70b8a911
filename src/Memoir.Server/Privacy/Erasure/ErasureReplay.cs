using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Memoir.Server.Analytics;
using Memoir.Server.Documents;
using Memoir.Server.Memories.Repeats;
using Memoir.Server.Recall.Indexes;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Erases in a database that was restored what had been erased after its backup was made. No server may use it meanwhile.</summary>
internal static class ErasureReplay
{
    private const int PortionSize = 200;

    /// <param name="database">The restored one, with all its rows and before anything is served from it.</param>
    /// <param name="keys">The installation's keys, by which pseudonyms are made again.</param>
    /// <param name="tombstones">What <see cref="ErasureLedger.ReadAsync"/> found.</param>
    /// <param name="ct">Ends it between two portions; it may be run again.</param>
    /// <returns>How much went.</returns>
    /// <exception cref="StartupException">A pseudonym was made with a secret that is not known here.</exception>
    public static async Task<ErasedCounts> ApplyAsync(Database database, InstanceKeys keys, IReadOnlyList<Tombstone> tombstones, CancellationToken ct)
    {
        tombstones = await ListNewAsync(database, keys, tombstones, ct);
        if (tombstones.FirstOrDefault(tombstone => !tombstone.WholeTenant && !keys.Knows(tombstone.KeyId)) is { } foreign)
        {
            throw new StartupException(
                $"MEMORY_SECRET_KEY: subjects were erased under the key {foreign.KeyId}, whose secret is not known here, so it cannot be told who they are. Example: MEMORY_SECRET_KEY=NEW,OLD");
        }

        var gone = new ErasedCounts();
        foreach (var ofTenant in tombstones.GroupBy(tombstone => tombstone.TenantId, StringComparer.Ordinal))
        {
            gone += await ApplyAsync(database, keys, new Tenant(ofTenant.Key), [.. ofTenant.OrderBy(tombstone => tombstone.At)], ct);
        }

        return gone;
    }

    /// <summary>Those that the backup does not know to be done: of the others nothing is in it, and what is there was stored, made or asked since.</summary>
    private static async Task<IReadOnlyList<Tombstone>> ListNewAsync(
        Database database, InstanceKeys keys, IReadOnlyList<Tombstone> tombstones, CancellationToken ct)
    {
        var fresh = new List<Tombstone>();
        foreach (var ofTenant in tombstones.GroupBy(tombstone => tombstone.TenantId, StringComparer.Ordinal))
        {
            var known = await database.ReadAsync(new Tenant(ofTenant.Key), ErasureStore.ListAllAsync, ct);

            // One that was under way has the subject's name in its row: the server goes on with it, whatever key it was begun under.
            var done = known.Where(row => row.CompletedAt is not null || !keys.Knows(row.KeyId)).Select(row => row.Id).ToHashSet();
            fresh.AddRange(ofTenant.Where(tombstone => !done.Contains(tombstone.Id)));
        }

        return fresh;
    }

    private static async Task<ErasedCounts> ApplyAsync(
        Database database, InstanceKeys keys, Tenant tenant, IReadOnlyList<Tombstone> tombstones, CancellationToken ct)
    {
        await database.WriteAsync(tenant, async session =>
        {
            foreach (var tombstone in tombstones)
            {
                await ErasureStore.InsertAsync(session, RowOf(tombstone));
            }
        }, ct);
        var gone = new ErasedCounts();
        if (tombstones.LastOrDefault(tombstone => tombstone.WholeTenant) is { } whole)
        {
            gone += await EraseAsync(database, tenant, userId: null, whole.At, ct);
            gone += await database.WriteAsync(tenant, SubjectStore.DeleteRestAsync, ct);
            gone += new ErasedCounts { Searches = await database.WriteAsync(tenant, session => SearchLog.EraseAllAsync(session, whole.At), ct) };
        }

        var users = await database.ReadAsync(
            tenant,
            async session => new HashSet<string>(
                [.. await SubjectStore.ListUsersAsync(session), .. await SubjectStore.ListFormerUsersAsync(session), .. await SearchLog.ListUsersAsync(session),
                    .. await SubjectDocuments.ListUsersAsync(session)],
                StringComparer.Ordinal),
            ct);
        var subjects = tombstones.Where(tombstone => !tombstone.WholeTenant).ToList();
        foreach (var user in users)
        {
            foreach (var tombstone in subjects.Where(tombstone => ErasureReceipts.PseudonymOf(keys, tombstone.KeyId, tenant, user) == tombstone.Subject))
            {
                gone += await EraseAsync(database, tenant, user, tombstone.At, ct);
            }
        }

        if (gone.Memories > 0)
        {
            await database.WriteAsync(tenant, async session =>
            {
                await DuplicateLinks.FreeOrphansAsync(session);
                await RecallIndexes.EraseStoredAsync(session);
            }, ct);
        }

        // By the counts it is decided which files are written anew.
        await database.WriteAsync(tenant, session => ErasureStore.AddAsync(session, tombstones[^1].Id, gone), ct);
        return gone;
    }

    private static async Task<ErasedCounts> EraseAsync(Database database, Tenant tenant, string? userId, DateTimeOffset at, CancellationToken ct)
    {
        var gone = new ErasedCounts();
        if (userId is not null)
        {
            var derived = await database.ReadAsync(tenant, session => SubjectStore.ListDerivedAsync(session, userId), ct);
            foreach (var portion in derived.Chunk(PortionSize))
            {
                gone += await database.WriteAsync(tenant, async session =>
                    await SubjectStore.DeleteAsync(session, await SubjectStore.ListMadeAsync(session, portion)), ct);
            }
        }

        ErasedCounts portionGone;
        do
        {
            portionGone = await database.WriteAsync(tenant, async session =>
                await SubjectStore.ListStoredAsync(session, userId, at, PortionSize) is { Count: > 0 } doomed
                    ? await SubjectStore.DeleteAsync(session, doomed)
                    : new ErasedCounts(), ct);
            gone += portionGone;
        }
        while (portionGone.Memories > 0);

        do
        {
            portionGone = ErasedCounts.Of(await database.WriteAsync(tenant, session => SubjectDocuments.EraseAsync(session, userId, at), ct));
            gone += portionGone;
        }
        while (portionGone.Documents + portionGone.DocumentVersions > 0);

        return userId is null ? gone : gone + await EraseMentionsAsync(database, tenant, userId, at, ct);
    }

    private static async Task<ErasedCounts> EraseMentionsAsync(Database database, Tenant tenant, string userId, DateTimeOffset at, CancellationToken ct)
    {
        var versions = await database.ReadAsync(tenant, session => SubjectStore.ListVersionsAsync(session, userId), ct);
        var (named, blamed) = await database.ReadAsync(tenant, session => SubjectStore.ListJobsAsync(session, userId), ct);
        return await database.WriteAsync(tenant, async session => new ErasedCounts
        {
            Versions = await SubjectStore.DeleteVersionsAsync(session, versions),
            Jobs = await SubjectStore.DeleteJobsAsync(session, named, blamed),
            Searches = await SearchLog.EraseUserAsync(session, userId, at),
        }, ct);
    }

    private static ErasureRow RowOf(Tombstone tombstone) => new()
    {
        Id = tombstone.Id,
        TenantId = tombstone.TenantId,
        Subject = tombstone.Subject,
        KeyId = tombstone.KeyId,
        IsWholeTenant = tombstone.WholeTenant ? 1 : 0,
        RequestedAt = tombstone.At,
        UpTo = 0,
        Actor = tombstone.Receipt?.Actor ?? "",
        RequestId = tombstone.Receipt?.RequestId ?? "",
        Erased = new ErasedCounts().ToJson(),
        CompletedAt = tombstone.Receipt?.CompletedAt ?? tombstone.At,
        LastChange = -1,
        Receipt = tombstone.Receipt is { } receipt ? ErasureReceipts.Serialize(receipt) : null,
    };
}
