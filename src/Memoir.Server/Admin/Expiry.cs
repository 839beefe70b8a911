using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Privacy.Erasure;

namespace Memoir.Server.Admin;

/// <summary>Forgets idempotency keys and jobs whose time is over, and sees to erasures: once a minute, by one of the processes on the database.</summary>
internal sealed class Expiry(Database database, JobQueue jobs, Schedule schedule, ErasureUpkeep erasures, TimeProvider time)
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

        await erasures.RunAsync(ct);
    }
}
