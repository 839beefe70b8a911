using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;

namespace Memoir.Server.Analytics;

/// <summary>Forgets recorded searches whose time is over: once an hour, tenant by tenant, by one of the processes on the database.</summary>
internal sealed class SearchLogExpiry(SearchLog log, Database database, Schedule schedule, TimeProvider time) : IUpkeep
{
    private const string Name = "search-log-expiry";
    private const int TenantsAtOnce = 500;
    private const int RowsAtOnce = 2000;

    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    public async Task RunAsync(CancellationToken ct)
    {
        if (!await schedule.TakeAsync(Name, Period, ct))
        {
            return;
        }

        var oldest = time.Now() - TimeSpan.FromDays(log.Days);
        IReadOnlyList<string> tenants = [""];
        do
        {
            var after = tenants[^1];
            tenants = await database.SystemReadAsync(system => SearchLogStore.ListTenantsAsync(system, after, TenantsAtOnce), ct);
            foreach (var tenant in tenants)
            {
                try
                {
                    await DeleteAsync(new Tenant(tenant), oldest, ct);
                }
                catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
                {
                    // The tenant's own requests fill its queue; its turn comes in an hour, and the others' now.
                }
            }
        }
        while (tenants.Count == TenantsAtOnce);
    }

    private async Task DeleteAsync(Tenant tenant, DateTimeOffset oldest, CancellationToken ct)
    {
        // Looked at first: a write would stand in the way of the tenant's others.
        while (await database.ReadAsync(tenant, session => SearchLogStore.HasOlderAsync(session, oldest), ct))
        {
            await database.WriteAsync(tenant, session => SearchLogStore.DeleteOlderAsync(session, oldest, RowsAtOnce), ct);
        }
    }
}
