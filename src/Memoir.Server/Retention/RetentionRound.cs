using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Retention;

/// <summary>Queues a run for every tenant concerned, once in a period over all processes.</summary>
internal sealed class RetentionRound(Database database, Schedule schedule, JobQueue jobs, IOptions<RetentionOptions> options)
{
    private const string Name = "retention";
    private const int Page = 500;

    private readonly RetentionOptions _options = options.Value;

    /// <returns>How many runs were queued.</returns>
    public async Task<int> BeginAsync(CancellationToken ct)
    {
        if (_options.ScheduleSeconds == 0 || !await schedule.TakeAsync(Name, TimeSpan.FromSeconds(_options.ScheduleSeconds), ct))
        {
            return 0;
        }

        var named = _options.NamedTenants().ToHashSet(StringComparer.Ordinal);
        var queued = 0;
        foreach (var tenant in named)
        {
            queued += await QueueAsync(tenant, ct);
        }

        IReadOnlyList<string> page = [""];
        while (page.Count > 0)
        {
            var after = page[^1];
            page = await database.SystemReadAsync(
                system => _options.IsForAll ? RetentionStore.ListTenantsAsync(system, after, Page) : RetentionStore.ListTenantsWithPolicyAsync(system, after, Page), ct);
            foreach (var tenant in page.Where(tenant => !named.Contains(tenant)))
            {
                queued += await QueueAsync(tenant, ct);
            }
        }

        return queued;
    }

    private Task<int> QueueAsync(string tenant, CancellationToken ct)
    {
        var actions = string.Join(',', RetentionAction.All);
        return database.WriteAsync(new Tenant(tenant), async session =>
        {
            if (await JobQueue.IsOpenAsync(session, RetentionJob.JobKind, actions))
            {
                return 0; // The last one has not come to its turn yet.
            }

            await jobs.EnqueueAsync(session, RetentionJob.JobKind, actions);
            return 1;
        }, ct);
    }
}
