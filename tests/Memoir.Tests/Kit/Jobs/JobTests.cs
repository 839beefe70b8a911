using Memoir.Kit.Jobs;
using static Memoir.Tests.Kit.Jobs.JobFixture;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>A job exists with the data it is about, and has its effect once whatever happens to its workers.</summary>
public sealed class JobTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_of_a_write_that_fails_does_not_exist()
    {
        using var jobs = await CreateAsync();

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => jobs.Store.Database.WriteAsync(
            Acme,
            async session =>
            {
                await jobs.Queue.EnqueueAsync(session, "note", "{}");
                throw new TimeZoneNotFoundException();
            },
            Ct));

        Assert.Equal(0, await jobs.CountAsync());
    }

    [Fact]
    public async Task A_job_is_run_with_its_payload_and_its_effect_commits_with_its_end()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync(payload: "remember");

        var run = await jobs.NotingWorker().RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(1, run);
        Assert.Equal(["remember"], await jobs.Store.NotesAsync());
        Assert.Equal(("succeeded", 1, null), (row.Status, row.Attempts, row.LastError));
        Assert.Equal(jobs.Time.GetUtcNow(), row.FinishedAt);
    }

    [Fact]
    public async Task A_job_that_must_wait_is_taken_again_when_it_asked_to_be_and_has_spent_no_attempt()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();
        var worker = jobs.Worker(new Handler("note", (_, _) => throw new PostponedJobException(TimeSpan.FromMinutes(3), "too early")));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await worker.RunBatchAsync(Ct));
            var row = await jobs.RowAsync(id);
            Assert.Equal(("queued", 0, "too early"), (row.Status, row.Attempts, row.LastError));
            jobs.Time.Advance(TimeSpan.FromSeconds(179));
            Assert.Equal(0, await worker.RunBatchAsync(Ct));
            jobs.Time.Advance(TimeSpan.FromSeconds(1));
        }

        await jobs.NotingWorker().RunBatchAsync(Ct);

        Assert.Equal("succeeded", (await jobs.RowAsync(id)).Status);
    }

    [Fact]
    public async Task An_effect_that_fails_leaves_nothing_and_the_job_to_be_tried_again()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();
        var worker = jobs.Worker(new Handler("note", (_, _) => Task.FromResult<JobEffect?>(async session =>
        {
            await InsertAsync(session, "half");
            throw new JobFailedException("in the effect");
        })));

        await worker.RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("failed", "in the effect"), (row.Status, row.LastError));
        Assert.Empty(await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task A_worker_whose_lease_ran_out_changes_nothing()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();
        var slow = (await jobs.ClaimAsync())!;
        jobs.Time.Advance(Lease);
        var quick = (await jobs.ClaimAsync())!;

        await Assert.ThrowsAsync<LeaseLostException>(() => jobs.Queue.CompleteAsync(slow, s => InsertAsync(s, "zombie"), Ct));
        await jobs.Queue.FailAsync(slow, new PermanentJobException("zombie"), Ct);
        await jobs.Queue.GiveBackAsync(slow, Ct);
        var between = await jobs.RowAsync(id);
        await jobs.Queue.CompleteAsync(quick, s => InsertAsync(s, "rightful"), Ct);
        await Assert.ThrowsAsync<LeaseLostException>(() => jobs.Queue.CompleteAsync(quick, s => InsertAsync(s, "twice"), Ct));

        Assert.Equal(("running", null), (between.Status, between.LastError));
        Assert.Equal(["rightful"], await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task A_job_under_lease_is_not_taken_by_anybody_else()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync();
        await jobs.ClaimAsync();
        jobs.Time.Advance(Lease - TimeSpan.FromSeconds(1));

        var taken = await jobs.ClaimAsync();

        Assert.Null(taken);
    }

    [Fact]
    public async Task A_job_whose_worker_lost_the_lease_while_running_is_dropped_silently()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync(payload: "mine");
        var worker = jobs.Worker(new Handler("note", async (job, ct) =>
        {
            jobs.Time.Advance(Lease);
            Assert.NotNull(await jobs.ClaimAsync());
            return await NoteAsync(job, ct);
        }));

        await worker.RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("running", 2L), (row.Status, row.Fence));
        Assert.Empty(await jobs.Store.NotesAsync());
    }

    [Fact]
    public async Task Failures_back_off_twice_as_long_each_time_and_the_eighth_is_the_last()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();
        var worker = jobs.Worker(new Handler("note", (_, _) => throw new JobFailedException("no luck")));
        List<double> delays = [];

        for (var attempt = 1; attempt <= 8; attempt++)
        {
            Assert.Equal(1, await worker.RunBatchAsync(Ct));
            var row = await jobs.RowAsync(id);
            delays.Add((row.DueAt - jobs.Time.GetUtcNow()).TotalSeconds);
            jobs.Time.Advance(row.DueAt - jobs.Time.GetUtcNow());
        }

        var last = await jobs.RowAsync(id);
        jobs.Time.Advance(TimeSpan.FromDays(30));
        Assert.Equal([2, 4, 8, 16, 32, 64, 128], delays[..7]);
        Assert.Equal(("dead", 8, "no luck"), (last.Status, last.Attempts, last.LastError));
        Assert.NotNull(last.FinishedAt);
        Assert.Equal(0, await worker.RunBatchAsync(Ct));
    }

    [Fact]
    public async Task A_failed_job_is_not_tried_before_its_time()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync();
        var worker = jobs.Worker(new Handler("note", (_, _) => throw new TimeZoneNotFoundException()));
        await worker.RunBatchAsync(Ct);
        jobs.Time.Advance(TimeSpan.FromSeconds(1.9));

        var run = await worker.RunBatchAsync(Ct);

        Assert.Equal(0, run);
    }

    [Fact]
    public async Task A_permanent_fault_is_dead_at_once()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync();

        await jobs.Worker(new Handler("note", (_, _) => throw new PermanentJobException("never"))).RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("dead", 1, "never"), (row.Status, row.Attempts, row.LastError));
    }

    [Fact]
    public async Task A_job_of_an_unknown_kind_is_dead_at_once_and_says_so()
    {
        using var jobs = await CreateAsync();
        var id = await jobs.EnqueueAsync(kind: "of-a-later-version");

        await jobs.NotingWorker().RunBatchAsync(Ct);

        var row = await jobs.RowAsync(id);
        Assert.Equal(("dead", "This version knows no job of this kind."), (row.Status, row.LastError));
    }

    [Fact]
    public async Task A_poisoned_job_does_not_stop_the_others()
    {
        using var jobs = await CreateAsync();
        for (var i = 0; i < 40; i++)
        {
            await jobs.EnqueueAsync(payload: i == 3 ? "poison" : $"{i:00}");
        }

        var worker = jobs.Worker(new Handler("note", (job, ct) => job.Payload == "poison" ? throw new TimeZoneNotFoundException() : NoteAsync(job, ct)));
        while (await worker.RunBatchAsync(Ct) > 0)
        {
        }

        Assert.Equal(39, await jobs.Store.CountAsync());
    }

    [Fact]
    public async Task Jobs_that_succeeded_are_forgotten_after_their_day_and_dead_ones_are_not()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync(payload: "done");
        await jobs.EnqueueAsync(kind: "unknown");
        await jobs.NotingWorker().RunBatchAsync(Ct);
        await jobs.NotingWorker().RunBatchAsync(Ct);

        var early = await jobs.Queue.PurgeAsync(Ct);
        jobs.Time.Advance(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(1));
        var late = await jobs.Queue.PurgeAsync(Ct);

        Assert.Equal((0, 1, 1), (early, late, await jobs.CountAsync()));
    }

    [Fact]
    public async Task A_committed_job_wakes_a_waiting_worker()
    {
        using var jobs = await CreateAsync();
        var waiting = jobs.Queue.WaitAsync(Ct);

        await jobs.EnqueueAsync();

        await waiting.WaitAsync(TimeSpan.FromSeconds(20), Ct);
    }

    [Fact]
    public async Task Open_jobs_are_counted_over_all_tenants()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync(payload: "1");
        await jobs.EnqueueAsync(kind: "unknown");
        await jobs.NotingWorker().RunBatchAsync(Ct);
        await jobs.NotingWorker().RunBatchAsync(Ct);
        await jobs.EnqueueAsync(new Memoir.Kit.Data.Tenant("other"));

        var open = await jobs.Queue.CountOpenAsync(Ct);

        Assert.Equal(1, open);
    }
}
