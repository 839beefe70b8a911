using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Memories;
using Memoir.Server.Retention;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>A run that is cut off in the middle, once or time and again, ends as one that was not.</summary>
public sealed class CutOffRunTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_run_that_is_cut_off_after_some_batches_ends_as_if_it_had_not_been(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var memories = Mixed(server, 1500);
        foreach (var tenant in (string[])["acme", "umbrella"])
        {
            await FillAsync(server, memories, tenant);
            await server.PutPolicyAsync(deleteAfter: 0, maxItems: 300, tenant: tenant);
        }

        await server.RunAsync();
        await QueueAsync(server, "umbrella");
        for (var batches = 1; batches <= 2; batches++)
        {
            var asked = 0;
            server.DatabaseClock.Asked = () =>
            {
                // Once to begin, then once in the write of each batch.
                if (asked++ > batches)
                {
                    throw new IOException("The power is gone.");
                }
            };
            await server.RunJobsAsync();
            var done = await CountAsync(server);
            Assert.True(done is > 0 and < 1000, $"{done} are done after {batches} batches");
            server.Time.Advance(TimeSpan.FromMinutes(1));
        }

        server.DatabaseClock.Asked = () => { };
        await server.RunJobsAsync();

        Assert.Equal(await StandAsync(server, "acme"), await StandAsync(server, "umbrella"));
        Assert.Equal(0, await OpenJobsAsync(server));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_long_run_is_several_jobs_of_which_each_takes_up_where_the_last_one_ended(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, [.. Enumerable.Range(0, 10_300).Select(_ => Row(server.Time.GetUtcNow().AddDays(-40), 0.1))]);
        await QueueAsync(server, "acme");

        await server.RunJobsAsync();

        var archivedAt = (await AllAsync(server)).Select(memory => memory.ArchivedAt).Distinct().Single();
        Assert.Equal(server.Time.GetUtcNow(), archivedAt);
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM jobs WHERE tenant_id = 'acme' AND kind = 'retention' AND status = 'succeeded'"));
        Assert.Equal(0, await OpenJobsAsync(server));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_caller_who_goes_in_the_middle_leaves_the_rest_to_a_job(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, Mixed(server, 1500));
        using var caller = new CancellationTokenSource();
        var asked = 0;
        server.DatabaseClock.Asked = () =>
        {
            if (asked++ == 2)
            {
                caller.Cancel();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            server.Services.GetRequiredService<RetentionService>().RunAsync(Acme, Both, new Writer("operator", "rest", "r1"), caller.Token));

        Assert.Equal(1, await OpenJobsAsync(server));
        await server.RunJobsAsync();
        Assert.Equal((0, 0), (await server.RunAsync(dryRun: true)).Counts());
        Assert.Equal(0, await OpenJobsAsync(server));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_job_whose_clocks_disagree_fails_with_the_reason_and_is_tried_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        await QueueAsync(server, "acme");
        server.DatabaseClock.Skew = TimeSpan.FromDays(2);

        await server.RunJobsAsync();

        var job = Assert.Single((await server.As("acme").ReadAsync("/v1/jobs?status=failed")).Items());
        Assert.Contains("clocks", job.Text("error"), StringComparison.Ordinal);
        server.DatabaseClock.Skew = TimeSpan.Zero;
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await server.RunJobsAsync();
        Assert.NotNull((await AllAsync(server)).Single().ArchivedAt);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_job_waits_for_a_run_that_is_under_way(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        var service = server.Services.GetRequiredService<RetentionService>();
        var (run, rule) = (await service.BeginAsync(Acme, job: null, Both, Ct))!.Value;
        await QueueAsync(server, "acme");

        await server.RunJobsAsync();
        Assert.Equal(1, await OpenJobsAsync(server));
        while (run.FinishedAt is null)
        {
            run = await service.StepAsync(Acme, run, rule, new Writer("test", "test", "r1"), Ct);
        }

        server.Time.Advance(TimeSpan.FromMinutes(2));
        await server.RunJobsAsync();
        Assert.Equal((1L, 0L), (run.Archived, await OpenJobsAsync(server)));
    }

    private static List<Memory> Mixed(TestApp server, int count)
    {
        var random = new Random(17);
        return [.. Enumerable.Range(0, count).Select(_ => Row(server.Time.GetUtcNow().AddDays(-random.Next(1, 60)), random.Next(4) == 0 ? 0.7 : random.NextDouble() * 0.3) with
        {
            ArchivedAt = random.Next(5) == 0 ? server.Time.GetUtcNow().AddDays(-1) : null,
        })];
    }

    private static Task QueueAsync(TestApp server, string tenant) => server.Services.GetRequiredService<Database>().WriteAsync(
        new Tenant(tenant), session => server.Services.GetRequiredService<JobQueue>().EnqueueAsync(session, RetentionJob.JobKind, "archive,delete"), Ct);

    private static Task<long> OpenJobsAsync(TestApp server) =>
        RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM jobs WHERE tenant_id = 'acme' AND status IN ('queued', 'running', 'failed')");

    private static Task<long> CountAsync(TestApp server) => RawDatabase.CountAsync(
        server, "umbrella", "SELECT COALESCE(SUM(archived + deleted), 0) FROM retention_runs WHERE tenant_id = 'umbrella'");

    private static async Task<List<(DateTimeOffset, double, bool)>> StandAsync(TestApp server, string tenant) =>
        [.. (await AllAsync(server, tenant)).Select(memory => (memory.OccurredAt, memory.ImportanceBase, memory.ArchivedAt is not null))];
}
