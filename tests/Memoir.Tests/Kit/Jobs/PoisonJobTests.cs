using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Tests.Testing;
using static Memoir.Tests.Kit.Jobs.JobFixture;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>Jobs that can never succeed end among the dead, each with its reason, and the good ones around them are all done.</summary>
/// <remarks>The one that kills its process needs a process: <c>tests/faults/run.sh jobs</c>.</remarks>
public sealed class PoisonJobTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Four_poisoned_jobs_between_a_thousand_good_ones_are_parked_with_their_reasons()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLease = TimeSpan.FromSeconds(1), JobMaxAttempts = 3 });
        string[] poisons = ["throws", "hangs", "allocates", "cannot be read"];
        for (var i = 0; i < 1_000; i++)
        {
            if (i % 200 == 100 && i / 200 < poisons.Length)
            {
                await jobs.EnqueueAsync(payload: poisons[i / 200]);
            }

            await jobs.EnqueueAsync(new Tenant(i % 2 == 0 ? "acme" : "other"), payload: $"{i:0000}");
        }

        var worker = jobs.Worker(new Handler("note", async (job, ct) => job.Payload switch
        {
            "throws" => throw new InvalidOperationException("with a detail"),
            "hangs" => await Task.Delay(Timeout.Infinite, CancellationToken.None).ContinueWith(_ => (JobEffect?)null, ct),
            "allocates" => Keep(new byte[int.MaxValue]), // More than any array can have.
            "cannot be read" => throw new PermanentJobException("What the job is about cannot be read."),
            _ => await NoteAsync(job, ct),
        }));
        while (await jobs.Queue.CountOpenAsync(Ct) > 0)
        {
            if (await worker.RunBatchAsync(Ct) == 0)
            {
                jobs.Time.Advance(TimeSpan.FromSeconds(10)); // To the next attempts of the poisoned ones.
            }
        }

        var dead = await jobs.Store.Database.SystemReadAsync(
            session => session.QueryAsync<string>("SELECT payload || ', ' || attempts || ': ' || last_error FROM jobs WHERE status = 'dead' ORDER BY 1", new { }), Ct);
        Assert.Equal(500, await jobs.Store.Database.ReadAsync(new Tenant("acme"), TestDatabase.CountAsync, Ct));
        Assert.Equal(500, await jobs.Store.Database.ReadAsync(new Tenant("other"), TestDatabase.CountAsync, Ct));
        Assert.Equal(
            [
                "allocates, 3: Something went wrong inside (OutOfMemoryException); the server's log says more under the id of the job.",
                "cannot be read, 1: What the job is about cannot be read.",
                "hangs, 3: It did not end within 0.9 seconds and was cut off.",
                "throws, 3: Something went wrong inside (InvalidOperationException); the server's log says more under the id of the job.",
            ],
            dead);
    }

    private static JobEffect Keep(byte[] memory) => _ => Task.FromResult(memory);
}
