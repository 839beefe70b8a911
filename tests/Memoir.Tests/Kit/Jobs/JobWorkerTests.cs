using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using static Memoir.Tests.Kit.Jobs.JobFixture;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>What one job does to its worker is no other job's trouble, and costs no attempt that was not begun.</summary>
public sealed class JobWorkerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_that_hangs_is_cut_off_counted_and_told_from_others()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 1, JobLease = TimeSpan.FromMilliseconds(200) });
        var id = await jobs.EnqueueAsync();

        await jobs.Worker(new Handler("note", HangAsync)).RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("failed", 1, "It did not end within 0.2 seconds and was cut off."), (row.Status, row.Attempts, row.LastError));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_ignores_its_token_is_left_behind_and_its_effect_is_dropped(bool blocks)
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 1, JobLease = TimeSpan.FromMilliseconds(200) });
        var id = await jobs.EnqueueAsync(payload: "late");
        var go = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        var worker = jobs.Worker(new Handler("note", async (job, _) =>
        {
            if (blocks)
            {
                Assert.True(SpinWait.SpinUntil(() => go.Task.IsCompleted, TimeSpan.FromSeconds(30)));
            }

            await go.Task;
            ended.SetResult();
            return await NoteAsync(job, Ct);
        }));

        await worker.RunBatchAsync(Ct);
        go.SetResult();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.Equal("failed", (await jobs.RowAsync(id)).Status);
        Assert.Empty(await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task While_one_job_hangs_the_others_go_on()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 2 });
        for (var i = 0; i < 20; i++)
        {
            await jobs.EnqueueAsync(payload: i == 0 ? "hang" : $"{i:00}");
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var left = 19;
        var allDone = new TaskCompletionSource();
        var worker = jobs.Worker(new Handler("note", (job, ct) => job.Payload == "hang" ? HangAsync(job, ct) : Task.FromResult<JobEffect?>(session =>
        {
            session.AfterCommit(() =>
            {
                if (Interlocked.Decrement(ref left) == 0)
                {
                    allDone.SetResult();
                }
            });
            return Task.CompletedTask;
        })));

        await worker.StartAsync(stop.Token);
        await allDone.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        await worker.StopAsync(Ct);

        Assert.Equal(0, left);
    }

    [Fact]
    public async Task A_stop_gives_the_job_back_at_once_and_without_its_attempt()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync(payload: "done after all");
        using var stop = new CancellationTokenSource();
        var stopping = jobs.Worker(new Handler("note", async (job, ct) =>
        {
            await stop.CancelAsync();
            return await HangAsync(job, ct);
        }));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping.RunBatchAsync(stop.Token));
        var between = await jobs.RowAsync(id);
        await jobs.NotingWorker().RunBatchAsync(Ct);

        Assert.Equal(("queued", 0, jobs.Time.GetUtcNow()), (between.Status, between.Attempts, between.DueAt));
        Assert.Equal(("succeeded", 1), ((await jobs.RowAsync(id)).Status, (await jobs.RowAsync(id)).Attempts));
        Assert.Equal(["done after all"], await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task A_stop_does_not_forget_that_a_job_failed_before()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();
        await jobs.Worker(new Handler("note", (_, _) => throw new JobFailedException("first"))).RunBatchAsync(Ct);
        jobs.Time.Advance(TimeSpan.FromSeconds(2));

        await jobs.Queue.GiveBackAsync((await jobs.ClaimAsync())!, Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("failed", 1, "first"), (row.Status, row.Attempts, row.LastError));
    }

    [Fact]
    public async Task A_job_that_waits_behind_a_killed_worker_loses_no_attempt()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync(payload: "killed");
        var waiting = await jobs.EnqueueAsync(payload: "waiting");

        await jobs.ClaimAsync();

        Assert.Equal(("queued", 0), ((await jobs.RowAsync(waiting)).Status, (await jobs.RowAsync(waiting)).Attempts));
    }

    [Fact]
    public async Task A_job_that_kills_its_worker_every_time_is_parked_and_its_neighbours_are_done()
    {
        using var jobs = await CreateAsync();
        var poison = await jobs.EnqueueAsync(payload: "poison");
        var neighbour = await jobs.EnqueueAsync(payload: "near it");
        await jobs.EnqueueAsync(payload: "good");
        Assert.NotNull(await jobs.ClaimAsync());
        Assert.NotNull(await jobs.ClaimAsync()); // Both are under way when the process ends.

        // A lost lease is what a killed process leaves behind: nothing is written about the attempt.
        var worker = jobs.Worker(new Handler("note", (job, ct) => job.Payload == "poison" ? throw new LeaseLostException() : NoteAsync(job, ct)));
        for (var lives = 0; lives < 9; lives++)
        {
            jobs.Time.Advance(Lease);
            while (await worker.RunBatchAsync(Ct) > 0)
            {
            }
        }

        var row = await jobs.RowAsync(poison);
        Assert.Equal(("dead", "Each of its attempts was cut off; it may be what ends the process."), (row.Status, row.LastError));
        Assert.Equal(2, (await jobs.RowAsync(neighbour)).Attempts);
        Assert.Equal(["good", "near it"], await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task Of_jobs_that_were_cut_off_a_worker_runs_one_at_a_time()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 4 });
        for (var i = 0; i < 4; i++)
        {
            await jobs.EnqueueAsync(payload: $"{i}");
            await jobs.ClaimAsync();
        }

        jobs.Time.Advance(Lease);
        var gate = new TaskCompletionSource();
        var running = jobs.Worker(new Handler("note", async (job, ct) =>
        {
            await gate.Task.WaitAsync(ct);
            return await NoteAsync(job, ct);
        })).RunBatchAsync(Ct);
        var others = await jobs.Queue.ClaimAsync(cutOffToo: false, Ct);
        gate.SetResult();

        Assert.Null(others);
        Assert.Equal(1, await running);
    }

    [Fact]
    public async Task What_a_bug_says_is_not_kept_and_what_a_refusal_says_is()
    {
        using var jobs = await CreateAsync();
        var bug = await jobs.EnqueueAsync(kind: "bug");
        var refusal = await jobs.EnqueueAsync(kind: "refusal");
        var worker = jobs.Worker(
            new Handler("bug", (_, _) => throw new InvalidDataException("SELECT secret FROM /var/lib/memoir")),
            new Handler("refusal", (_, _) => throw new ProblemException(Problem.InsufficientStorage, "The disk is full.")));

        while (await worker.RunBatchAsync(Ct) > 0)
        {
        }

        Assert.Equal(
            "Something went wrong inside (InvalidDataException); the server's log says more under the id of the job.", (await jobs.RowAsync(bug)).LastError);
        Assert.Equal("The disk is full.", (await jobs.RowAsync(refusal)).LastError);
    }

    private static async Task<JobEffect?> HangAsync(Job job, CancellationToken ct)
    {
        await Task.Delay(Timeout.Infinite, ct);
        return null;
    }
}
