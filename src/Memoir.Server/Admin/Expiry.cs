using System.Runtime.ExceptionServices;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;

namespace Memoir.Server.Admin;

/// <summary>Forgets idempotency keys and jobs whose time is over, and has other rooms look after what is theirs: once a minute, by one of the processes on the database.</summary>
internal sealed class Expiry(Database database, JobQueue jobs, Schedule schedule, IEnumerable<IUpkeep> others, TimeProvider time)
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

        Exception? failed = null;
        foreach (var other in others)
        {
            try
            {
                await other.RunAsync(ct);
            }
            catch (Exception exception) when (!ct.IsCancellationRequested)
            {
                failed ??= exception; // What another room has to do does not wait for it.
            }
        }

        if (failed is not null)
        {
            ExceptionDispatchInfo.Throw(failed);
        }
    }
}
