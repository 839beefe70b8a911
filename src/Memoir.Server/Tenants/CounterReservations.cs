using System.Collections.Concurrent;
using Memoir.Kit.Data;

namespace Memoir.Server.Tenants;

/// <summary>
/// Takes places in a tenant's order for a write. Where the database is across a network it takes them for those behind this
/// process's own last write, unasked, so that a plain store is one trip; the write is checked with its commit.
/// </summary>
internal sealed class CounterReservations(Database database, TimeProvider time)
{
    /// <summary>More tenants than this are forgotten all at once: what is known of them saves a trip and no more.</summary>
    private const int MostTenants = 50_000;

    /// <summary>For so long nothing is taken unasked after somebody else wrote.</summary>
    private static readonly TimeSpan Distrust = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Belief> _beliefs = new(StringComparer.Ordinal);

    /// <param name="session">The tenant's write.</param>
    /// <param name="sequences">How many places.</param>
    /// <returns>The counters as they are after it.</returns>
    public async Task<TenantCounters> ReserveAsync(Session session, int sequences)
    {
        var counters = session.Notes.Find<TenantCounters>();
        if (counters is null && Believed(session) is { } believed)
        {
            await believed.AssumeAsync(session);
            counters = believed;
        }

        if (counters is not null)
        {
            return Keep(session, await counters.TakeNextAsync(session, sequences), before: null);
        }

        var taken = await TenantCounters.TakeAsync(session, sequences, time.Now());
        var before = taken.Before(sequences);
        if (before.LastChange > 0)
        {
            before.NoteBefore(session);
        }

        return Keep(session, taken, before);
    }

    /// <summary>Takes more places, beyond those that the write began with.</summary>
    /// <returns>The counters as they are after it.</returns>
    public async Task<TenantCounters> TakeMoreAsync(Session session, TenantCounters counters, int sequences) =>
        Keep(session, await counters.TakeMoreAsync(session, sequences), before: null);

    private TenantCounters Keep(Session session, TenantCounters taken, TenantCounters? before)
    {
        session.Notes.Keep(taken);
        if (database.IsShared)
        {
            var tenant = session.Tenant.Id;
            session.AfterCommit(() => Learn(tenant, taken, before));
        }

        return taken;
    }

    private TenantCounters? Believed(Session session) =>
        session.MayAssume && _beliefs.TryGetValue(session.Tenant.Id, out var belief) && belief.TrustedFrom <= time.GetTimestamp() ? belief.Counters : null;

    /// <param name="tenant">Whose.</param>
    /// <param name="taken">The counters after the write.</param>
    /// <param name="before">Those that a write found that asked for them; null when it did not.</param>
    private void Learn(string tenant, TenantCounters taken, TenantCounters? before)
    {
        var trustedFrom = long.MinValue;
        if (_beliefs.TryGetValue(tenant, out var old))
        {
            trustedFrom = before is null || before == old.Counters ? old.TrustedFrom : time.GetTimestamp() + (long)(Distrust.TotalSeconds * time.TimestampFrequency);
        }
        else if (_beliefs.Count >= MostTenants)
        {
            _beliefs.Clear();
        }

        _beliefs[tenant] = new Belief(taken, trustedFrom);
    }

    private sealed record Belief(TenantCounters Counters, long TrustedFrom);
}
