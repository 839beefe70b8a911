using System.Collections.Concurrent;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Tenants;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// Which generation each tenant's vectors are of. All of it is in memory, because every search and every store asks.
/// A counter in the tenant's row says whether what is in memory is still true: other processes change it too.
/// </summary>
internal sealed class TenantGenerations(Database database, Embedders embedders, JobQueue jobs, TimeProvider time)
{
    public const string ReembedJobKind = "reembed-memories";
    public const string DropJobKind = "drop-embedding-generation";

    private readonly ConcurrentDictionary<string, Recorded> _known = new(StringComparer.Ordinal);

    /// <summary>Reads what is recorded; before the first request.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        var all = new Dictionary<string, (long Change, List<GenerationRow> Rows)>(StringComparer.Ordinal);
        await database.SystemReadAsync(async system =>
        {
            all.Clear();
            await GenerationStore.ScanAllAsync(system, (tenant, change, row) =>
            {
                if (!all.TryGetValue(tenant, out var recorded))
                {
                    all[tenant] = recorded = (change, []);
                }

                recorded.Rows.Add(row);
            });
            return true;
        }, ct);
        foreach (var (tenant, (change, rows)) in all)
        {
            Keep(tenant, new Recorded(change, rows), before: null);
        }
    }

    /// <summary>What is known without asking the database; another process may have changed it a moment ago.</summary>
    public TenantVectors Of(Tenant tenant) => From(Known(tenant));

    /// <summary>The same as it is in a reading session, and from now on without asking.</summary>
    /// <param name="session">A session that reads.</param>
    /// <param name="change">The tenant's counter in this session, where it was read already.</param>
    /// <param name="known">The counter that was known before this session began, where that was noted.</param>
    public async Task<TenantVectors> OfAsync(Session session, long? change = null, long? known = null)
    {
        var now = await ReadAsync(session, change);
        Keep(session.Tenant.Id, now, known);
        return From(now);
    }

    /// <summary>Learns what is recorded now, be it older than what is known: the database may have been set back.</summary>
    public Task ReadAnewAsync(Tenant tenant, CancellationToken ct)
    {
        var known = Known(tenant).Change;
        return database.ReadAsync(tenant, session => OfAsync(session, known: known), ct);
    }

    /// <summary>The same inside a write, which also sees what its own transaction changed.</summary>
    /// <param name="session">A session that writes.</param>
    /// <param name="change">The tenant's counter in this session, where it was read already.</param>
    public async Task<TenantVectors> InAsync(Session session, long? change = null)
    {
        var known = Known(session.Tenant).Change;
        var now = await ReadAsync(session, change);
        if (now.Change != known)
        {
            var tenant = session.Tenant.Id;
            session.AfterCommit(() => Keep(tenant, now, known)); // Not before: what this transaction changed may be undone.
        }

        return From(now);
    }

    /// <summary>The same for a write that stores memories: a tenant whose generation is not recorded yet gets its record first.</summary>
    /// <param name="session">The write.</param>
    /// <param name="counters">The tenant's counters after the places of the memories were taken.</param>
    /// <param name="last">The last place before them.</param>
    public async Task<TenantVectors> ForStoringAsync(Session session, TenantCounters counters, long last)
    {
        var now = await InAsync(session, counters.GenerationChange);
        var isRecorded = now.Current is not null || (now.AreComputed && !now.Rows.Any(row => row.Role == GenerationRow.Current));
        return isRecorded ? now : await SwitchAsync(session, now.Generation, isChosen: false, last);
    }

    /// <summary>
    /// Makes a generation the tenant's current one and keeps the one before it. What lacks a vector of it gets one in the
    /// background; a generation before the kept one is deleted there.
    /// </summary>
    public async Task<TenantVectors> SwitchAsync(Session session, EmbeddingGeneration generation, bool isChosen) =>
        await SwitchAsync(session, generation, isChosen, await GenerationStore.LastSequenceAsync(session));

    private async Task<TenantVectors> SwitchAsync(Session session, EmbeddingGeneration generation, bool isChosen, long last)
    {
        var now = time.Now();
        var rows = await GenerationStore.ListAsync(session);
        var current = rows.FirstOrDefault(row => row.Role == GenerationRow.Current);
        if (current is null)
        {
            // What was in use has no record: the builtin vectors, or a model from before there were records.
            var unrecorded = From(new Recorded(0, rows)).Generation;
            var before = unrecorded.Key == generation.Key ? embedders.Builtin.Generation : unrecorded;
            if (last > 0 && before.Key != generation.Key && rows.Count == 0)
            {
                await GenerationStore.PutAsync(session, RowOf(before, GenerationRow.Previous, isChosen: false, now, last));
            }
        }
        else if (current.Generation != generation.Key)
        {
            var previous = rows.FirstOrDefault(row => row.Role == GenerationRow.Previous);
            if (previous is not null && previous.Generation != generation.Key)
            {
                await GenerationStore.SetRoleAsync(session, previous.Generation, GenerationRow.Retired, now);
                await jobs.EnqueueAsync(session, DropJobKind, previous.Generation);
            }

            await GenerationStore.SetRoleAsync(session, current.Generation, GenerationRow.Previous, now);
        }

        var isStored = generation.Provider != ProviderNames.Builtin;
        var since = current?.Generation == generation.Key ? current.Since : now;
        var row = RowOf(generation, GenerationRow.Current, isChosen, since, last);
        await GenerationStore.PutAsync(session, isStored ? row with { EmbeddedTo = 0 } : row);
        if (isStored && last > 0)
        {
            await jobs.EnqueueAsync(session, ReembedJobKind, generation.Key);
        }

        return await SettleAsync(session);
    }

    /// <summary>Notes how far the pass over the memories has come, and asks for its next page.</summary>
    /// <returns>False when the generation is no longer in use, or another pass has begun.</returns>
    public async Task<bool> AdvanceAsync(Session session, GenerationRow current, long to)
    {
        if (!await GenerationStore.AdvanceAsync(session, current.Generation, current.EmbeddedTo, to))
        {
            return false;
        }

        if (to < current.EmbedUntil)
        {
            await jobs.EnqueueAsync(session, ReembedJobKind, current.Generation);
        }

        await SettleAsync(session);
        return true;
    }

    /// <summary>Deletes a portion of the vectors of a generation that nobody can go back to; the last portion takes its record with it.</summary>
    public async Task DropPortionAsync(Session session, string generation)
    {
        const int portion = 500;
        var rows = await GenerationStore.ListAsync(session);
        if (!rows.Any(row => row.Generation == generation && row.Role == GenerationRow.Retired))
        {
            return; // It is in use again.
        }

        if (await EmbeddingStore.DeleteGenerationPortionAsync(session, generation, portion) == portion)
        {
            await jobs.EnqueueAsync(session, DropJobKind, generation);
            return;
        }

        await GenerationStore.DeleteAsync(session, generation);
        await SettleAsync(session);
    }

    /// <summary>Puts right what a change of the settings or a cut-off job left of one tenant.</summary>
    public async Task ResumeAsync(Session session)
    {
        var now = await InAsync(session);
        if (now.Current is null)
        {
            await SwitchAsync(session, now.Generation, isChosen: false);
        }
        else if (!now.IsComplete && !await JobQueue.IsOpenAsync(session, ReembedJobKind, now.Generation.Key))
        {
            await jobs.EnqueueAsync(session, ReembedJobKind, now.Generation.Key);
        }

        foreach (var retired in now.Rows.Where(row => row.Role == GenerationRow.Retired))
        {
            if (!await JobQueue.IsOpenAsync(session, DropJobKind, retired.Generation))
            {
                await jobs.EnqueueAsync(session, DropJobKind, retired.Generation);
            }
        }
    }

    /// <summary>Forgets the tenant's choice with everything else of it.</summary>
    public async Task EraseAsync(Session session)
    {
        if (await GenerationStore.EraseAsync(session) > 0)
        {
            await SettleAsync(session);
        }
    }

    /// <summary>How far the vectors of the generation in use are.</summary>
    public static async Task<EmbeddingCounts> CountAsync(Session session, TenantVectors inUse)
    {
        if (inUse.AreComputed)
        {
            var memories = await GenerationStore.CountMemoriesAsync(session);
            return new EmbeddingCounts(memories, memories, Failed: 0, Pending: 0);
        }

        return await GenerationStore.CountAsync(
            session, inUse.Generation.Key, inUse.Current?.EmbeddedTo ?? 0, inUse.Current?.EmbedUntil ?? long.MaxValue);
    }

    /// <summary>The generations that are not in use, newest first, each with its vectors counted.</summary>
    public static async Task<IReadOnlyList<(GenerationRow Row, long Vectors)>> ListOlderAsync(Session session, TenantVectors inUse)
    {
        var older = new List<(GenerationRow Row, long Vectors)>();
        foreach (var row in inUse.Rows.Where(row => row.Generation != inUse.Generation.Key).OrderByDescending(row => row.Since))
        {
            older.Add((row, await GenerationStore.CountVectorsAsync(session, row.Generation)));
        }

        return older;
    }

    /// <summary>A page of the tenants that <see cref="ResumeAsync"/> is for.</summary>
    public Task<IReadOnlyList<string>> ListUnfinishedTenantsAsync(string after, int limit, CancellationToken ct)
    {
        var generation = embedders.Default.Generation;
        return database.SystemReadAsync(
            system => GenerationStore.ListUnfinishedTenantsAsync(
                system, generation.Key, generation.Provider != ProviderNames.Builtin, after, limit),
            ct);
    }

    private Recorded Known(Tenant tenant) => _known.GetValueOrDefault(tenant.Id) ?? Recorded.Nothing;

    private async Task<Recorded> ReadAsync(Session session, long? change)
    {
        var now = change ?? await TenantCounters.FindGenerationChangeAsync(session);
        var known = Known(session.Tenant);
        return known.Change == now ? known : new Recorded(now, await GenerationStore.ListAsync(session));
    }

    /// <summary>
    /// Whoever read later knows better, in whatever order they come: the higher counter. A lower one is of a database that was
    /// set back, if nothing was learnt since before it was read.
    /// </summary>
    private void Keep(string tenant, Recorded recorded, long? before)
    {
        if (recorded.Change > 0 || recorded.Rows.Count > 0 || _known.ContainsKey(tenant))
        {
            _known.AddOrUpdate(tenant, recorded, (_, known) => recorded.Change > known.Change || known.Change == before ? recorded : known);
        }
    }

    private TenantVectors From(Recorded recorded)
    {
        foreach (var row in recorded.Rows)
        {
            if (row is { Role: GenerationRow.Current, IsChosen: 1 })
            {
                return new TenantVectors(row.ToGeneration(), recorded.Rows, recorded.Change);
            }
        }

        return new TenantVectors(embedders.Default.Generation, recorded.Rows, recorded.Change);
    }

    private static GenerationRow RowOf(EmbeddingGeneration generation, string role, bool isChosen, DateTimeOffset since, long last) => new()
    {
        Generation = generation.Key,
        Provider = generation.Provider,
        Model = generation.Model,
        Dimensions = generation.Dimensions,
        Role = role,
        IsChosen = isChosen ? 1 : 0,
        Since = since,
        EmbeddedTo = last,
        EmbedUntil = last,
    };

    /// <summary>Makes known what this transaction changed, here after its commit, to other processes by the counter.</summary>
    private async Task<TenantVectors> SettleAsync(Session session)
    {
        var tenant = session.Tenant.Id;
        var known = Known(session.Tenant).Change;
        var change = await TenantCounters.RaiseGenerationChangeAsync(session, time.Now());
        var settled = new Recorded(change, await GenerationStore.ListAsync(session));
        session.AfterCommit(() => Keep(tenant, settled, known));
        return From(settled);
    }

    /// <summary>A tenant's rows, and the counter that they belong to.</summary>
    private sealed record Recorded(long Change, IReadOnlyList<GenerationRow> Rows)
    {
        public static Recorded Nothing { get; } = new(0, []);
    }
}
