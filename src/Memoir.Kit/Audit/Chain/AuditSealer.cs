using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;

namespace Memoir.Kit.Audit.Chain;

/// <summary>
/// Gives records that were committed their places in the chains of their tenants. Every process may: places are written
/// behind the last one that was seen, in the tenant's turn, so of two that try one finds that it was late.
/// </summary>
public sealed class AuditSealer
{
    private const int Portion = 500;
    private const int MostRounds = 20;

    private readonly Database _database;
    private readonly CheckpointWriter _checkpoints;
    private readonly Meters _meters;
    private readonly TimeProvider _time;
    private long _oldest = long.MaxValue;

    public AuditSealer(Database database, CheckpointWriter checkpoints, Meters meters, TimeProvider time)
    {
        (_database, _checkpoints, _meters, _time) = (database, checkpoints, meters, time);
        meters.AuditUnsealedSeconds = Lag;
    }

    /// <summary>Whose records wait.</summary>
    public async Task<IReadOnlyList<Tenant>> ListAsync(CancellationToken ct)
    {
        var tails = await _database.SystemReadAsync(ChainStore.ListTailsAsync, ct);
        Volatile.Write(ref _oldest, tails.Count == 0 ? long.MaxValue : tails.Min(tail => tail.Oldest.ToMicroseconds()));
        return [.. tails.Select(tail => new Tenant(tail.TenantId))];
    }

    /// <summary>Seals what a tenant has, as far as one turn goes.</summary>
    /// <returns>True when there may be more.</returns>
    public async Task<bool> SealAsync(Tenant tenant, CancellationToken ct)
    {
        var (head, waiting) = await _database.ReadAsync(
            tenant, async session => (await ChainStore.FindHeadAsync(session), await ChainStore.ListUnsealedAsync(session, Portion)), ct);
        if (waiting.Count == 0)
        {
            return false;
        }

        var last = head?.Position ?? 0;
        var links = Link(tenant, last, head?.Hash ?? ChainHash.Start, waiting);
        if (!await TryAppendAsync(tenant, last, links, ct))
        {
            return false;
        }

        _checkpoints.Note(tenant, links);
        _meters.AuditSealed(links.Count);
        return links.Count == Portion;
    }

    /// <returns>False also when the tenant's own requests fill its queue: its records wait for the next round, and nobody's behind it.</returns>
    private async Task<bool> TrySealAsync(Tenant tenant, CancellationToken ct)
    {
        try
        {
            return await SealAsync(tenant, ct);
        }
        catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
        {
            return false;
        }
    }

    /// <summary>What waits, of all tenants, a portion of each in turn.</summary>
    public async Task SealAllAsync(CancellationToken ct)
    {
        var waiting = await ListAsync(ct);
        for (var round = 0; round < MostRounds && waiting.Count > 0; round++)
        {
            var unfinished = new List<Tenant>();
            foreach (var tenant in waiting)
            {
                if (await TrySealAsync(tenant, ct))
                {
                    unfinished.Add(tenant);
                }
            }

            waiting = unfinished;
        }

        if (waiting.Count == 0)
        {
            Volatile.Write(ref _oldest, long.MaxValue);
        }
    }

    /// <returns>False when another process has sealed since, or the tenant's own writes fill its queue: then it is for the next round.</returns>
    private async Task<bool> TryAppendAsync(Tenant tenant, long last, List<ChainLink> links, CancellationToken ct)
    {
        try
        {
            return await _database.WriteAsync(tenant, session => ChainStore.AppendAsync(session, last, links), ct);
        }
        catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
        {
            return false;
        }
    }

    private static List<ChainLink> Link(Tenant tenant, long last, byte[] previous, IReadOnlyList<AuditEntry> entries)
    {
        using var hash = new ChainHash();
        var links = new List<ChainLink>(entries.Count);
        foreach (var entry in entries)
        {
            previous = hash.Of(previous, ++last, tenant, entry);
            links.Add(new ChainLink(entry.Id, last, previous));
        }

        return links;
    }

    private double Lag() => Math.Max(0, (_time.Now().ToMicroseconds() - Volatile.Read(ref _oldest)) / 1_000_000d);
}
