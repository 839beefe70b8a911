using System.Collections.Concurrent;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// Which generation each tenant's vectors are of. All of it is in memory, because every search and every store asks;
/// what a transaction changes gets there after its commit, in commit order.
/// </summary>
internal sealed class TenantGenerations(Database database, Embedders embedders, JobQueue jobs, TimeProvider time)
{
    public const string ReembedJobKind = "reembed-memories";
    public const string DropJobKind = "drop-embedding-generation";

    private readonly ConcurrentDictionary<string, IReadOnlyList<GenerationRow>> _rows = new(StringComparer.Ordinal);

    // Tenants with a change that may be under way: their writes must not go by what is in memory.
    private readonly ConcurrentDictionary<string, bool> _unsettled = new(StringComparer.Ordinal);

    /// <summary>Reads what is recorded; before the first request.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        var all = new Dictionary<string, List<GenerationRow>>(StringComparer.Ordinal);
        await database.SystemReadAsync(async system =>
        {
            all.Clear();
            await GenerationStore.ScanAllAsync(system, (tenant, row) =>
            {
                if (!all.TryGetValue(tenant, out var rows))
                {
                    all[tenant] = rows = [];
                }

                rows.Add(row);
            });
            return true;
        }, ct);
        foreach (var (tenant, rows) in all)
        {
            _rows[tenant] = rows;
        }
    }

    public TenantVectors Of(Tenant tenant) => From(_rows.GetValueOrDefault(tenant.Id) ?? []);

    /// <summary>The same inside a write, which also sees what its own transaction changed.</summary>
    public async Task<TenantVectors> InAsync(Session session) =>
        _unsettled.ContainsKey(session.Tenant.Id) ? From(await GenerationStore.ListAsync(session)) : Of(session.Tenant);

    /// <summary>The same for a write that stores memories: a tenant whose generation is not recorded yet gets its record first.</summary>
    public async Task<TenantVectors> ForStoringAsync(Session session)
    {
        var now = await InAsync(session);
        var isRecorded = now.Current is not null || (now.AreComputed && !now.Rows.Any(row => row.Role == GenerationRow.Current));
        return isRecorded ? now : await SwitchAsync(session, now.Generation, isChosen: false);
    }

    /// <summary>
    /// Makes a generation the tenant's current one and keeps the one before it. What lacks a vector of it gets one in the
    /// background; a generation before the kept one is deleted there.
    /// </summary>
    public async Task<TenantVectors> SwitchAsync(Session session, EmbeddingGeneration generation, bool isChosen)
    {
        Unsettle(session);
        var now = time.Now();
        var last = await GenerationStore.LastSequenceAsync(session);
        var rows = await GenerationStore.ListAsync(session);
        var current = rows.FirstOrDefault(row => row.Role == GenerationRow.Current);
        if (current is null)
        {
            // What was in use has no record: the builtin vectors, or a model from before there were records.
            var unrecorded = From(rows).Generation;
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
        Unsettle(session);
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

        Unsettle(session);
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
        Unsettle(session);
        await GenerationStore.EraseAsync(session);
        await SettleAsync(session);
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

    private TenantVectors From(IReadOnlyList<GenerationRow> rows)
    {
        foreach (var row in rows)
        {
            if (row is { Role: GenerationRow.Current, IsChosen: 1 })
            {
                return new TenantVectors(row.ToGeneration(), rows);
            }
        }

        return new TenantVectors(embedders.Default.Generation, rows);
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

    private void Unsettle(Session session) => _unsettled[session.Tenant.Id] = true;

    private async Task<TenantVectors> SettleAsync(Session session)
    {
        var tenant = session.Tenant.Id;
        var rows = await GenerationStore.ListAsync(session);
        session.AfterCommit(() =>
        {
            if (rows.Count == 0)
            {
                _rows.TryRemove(tenant, out _);
            }
            else
            {
                _rows[tenant] = rows;
            }

            _unsettled.TryRemove(tenant, out _);
        });
        return From(rows);
    }
}
