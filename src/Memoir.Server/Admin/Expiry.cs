using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Analytics;

namespace Memoir.Server.Admin;

/// <summary>Forgets idempotency keys, jobs and searches whose time is over: once a minute, by one of the processes on the database.</summary>
internal sealed class Expiry(Database database, JobQueue jobs, Schedule schedule, SearchLogExpiry searches, TimeProvider time)
{
    public static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private const string Name = "expiry";

    public async Task RunAsync(CancellationToken ct)
    {
        if (!await schedule.TakeAsync(Name, Period, ct))
        {
            return;
        }

        while (await IdempotentRequest.PurgeAsync(database, time.Now(), ct) > 0)
        {
        }

        while (await jobs.PurgeAsync(ct) > 0)
        {
        }

        await searches.RunAsync(ct);
    }
}
