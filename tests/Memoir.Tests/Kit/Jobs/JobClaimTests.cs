using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Microsoft.Extensions.Options;
using static Memoir.Tests.Kit.Jobs.JobFixture;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>Who is next: tenants take turns, however much one of them has queued, and a clock that jumps stops nobody.</summary>
public sealed class JobClaimTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tenants_take_turns()
    {
        using var jobs = await CreateAsync();
        foreach (var tenant in (string[])["a", "a", "a", "a", "b", "b", "c"])
        {
            await jobs.EnqueueAsync(new Tenant(tenant));
            jobs.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        List<string> order = [];
        while (await jobs.ClaimAsync() is { } job)
        {
            order.Add(job.TenantId);
        }

        Assert.Equal(["a", "b", "c", "a", "b", "a", "a"], order);
    }

    [Fact]
    public async Task A_tenants_own_jobs_go_by_when_they_are_due()
    {
        using var jobs = await CreateAsync();
        foreach (var payload in (string[])["first", "second", "third"])
        {
            await jobs.EnqueueAsync(payload: payload);
            jobs.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        string[] order = [(await jobs.ClaimAsync())!.Payload, (await jobs.ClaimAsync())!.Payload, (await jobs.ClaimAsync())!.Payload];

        Assert.Equal(["first", "second", "third"], order);
    }

    [Theory]
    [InlineData("another")]
    [InlineData("Zoe")]
    public async Task Behind_fifty_thousand_jobs_of_one_tenant_anothers_job_is_next_but_one(string other)
    {
        using var jobs = await CreateAsync();
        await jobs.FloodAsync("flood", 50_000);
        await jobs.EnqueueAsync(new Tenant(other));

        string[] order = [(await jobs.ClaimAsync())!.TenantId, (await jobs.ClaimAsync())!.TenantId];

        Assert.Contains(other, order);
    }

    [Fact]
    public async Task Tenants_whose_jobs_all_wait_for_their_next_attempt_are_passed_over()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync(new Tenant("patient"));
        await jobs.Worker(new Handler("note", (_, _) => throw new JobFailedException("not now"))).RunBatchAsync(Ct);
        await jobs.EnqueueAsync(new Tenant("quick"));

        var job = await jobs.ClaimAsync();

        Assert.Equal("quick", job!.TenantId);
        Assert.Null(await jobs.ClaimAsync());
    }

    [Fact]
    public async Task A_clock_that_was_set_back_does_not_stop_the_queue()
    {
        using var jobs = await CreateAsync();
        var cutOff = await jobs.EnqueueAsync(payload: "cut off");
        await jobs.ClaimAsync();
        await jobs.EnqueueAsync(payload: "queued");
        jobs.Time.Advance(TimeSpan.FromHours(-2));

        while (await jobs.NotingWorker().RunBatchAsync(Ct) > 0)
        {
        }

        Assert.Equal(["cut off", "queued"], await jobs.Store.NotesAsync());
        Assert.Equal(2, (await jobs.RowAsync(cutOff)).Attempts);
    }

    [Fact]
    public async Task A_process_with_a_short_lease_takes_no_job_from_one_with_a_long_lease()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 1, JobLease = TimeSpan.FromHours(1) });
        using var other = new JobQueue(jobs.Store.Database, Options.Create(new JobOptions()), jobs.Time, jobs.Store.Meters);
        await jobs.EnqueueAsync();
        await jobs.ClaimAsync();

        Assert.Null(await other.ClaimAsync(cutOffToo: true, Ct));
        jobs.Time.Advance(TimeSpan.FromMinutes(50));
        Assert.Null(await other.ClaimAsync(cutOffToo: true, Ct));
    }

    [Fact]
    public async Task A_job_that_waits_is_not_kept_waiting_by_a_clock_that_was_set_back_by_less_than_a_lease()
    {
        using var jobs = await CreateAsync(new JobOptions { JobLanes = 1, JobLease = TimeSpan.FromHours(1) });
        await jobs.EnqueueAsync();
        jobs.Time.Advance(TimeSpan.FromMinutes(-30));

        Assert.NotNull(await jobs.ClaimAsync());
    }

    [Fact]
    public async Task A_small_step_back_of_the_clock_takes_no_job_from_its_worker()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync();
        await jobs.ClaimAsync();
        jobs.Time.Advance(TimeSpan.FromMinutes(-1));

        Assert.Null(await jobs.ClaimAsync());
    }
}
