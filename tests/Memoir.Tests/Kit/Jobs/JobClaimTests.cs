using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Tests.Architecture;
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
        await FloodAsync(jobs, "flood", 50_000);
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
    public async Task Every_question_to_the_queue_and_to_its_lists_follows_an_index()
    {
        using var jobs = await CreateAsync();
        await FloodAsync(jobs, "flood", 1_000);
        var statements =
            from file in (string[])["JobStore.cs", "JobRecordStore.cs"]
            from literal in SourceText.Literals(Path.Combine(SourceText.Source, "Memoir.Kit", "Jobs", file))
            where literal.Contains("jobs", StringComparison.Ordinal) || literal.Contains("{Take}", StringComparison.Ordinal)
            where literal.Contains("WHERE", StringComparison.Ordinal)
            select Whole(literal);

        var plans = new List<string>();
        foreach (var sql in statements)
        {
            var steps = await jobs.Store.Database.SystemReadAsync(
                session => session.QueryAsync<PlanStep>($"EXPLAIN QUERY PLAN {sql}", Anything), Ct);
            plans.AddRange(steps.Select(step => $"{step.Detail} in {sql}"));
        }

        Assert.Contains(plans, plan => plan.StartsWith("SEARCH jobs USING INDEX jobs_turn", StringComparison.Ordinal));
        Assert.DoesNotContain(plans, plan => plan.Contains("TEMP B-TREE", StringComparison.Ordinal));
        Assert.DoesNotContain(plans, plan =>
            plan.StartsWith("SCAN jobs", StringComparison.Ordinal) && !plan.Contains("SELECT COUNT(*)", StringComparison.Ordinal));
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
    public async Task A_small_step_back_of_the_clock_takes_no_job_from_its_worker()
    {
        using var jobs = await CreateAsync();
        await jobs.EnqueueAsync();
        await jobs.ClaimAsync();
        jobs.Time.Advance(TimeSpan.FromMinutes(-1));

        Assert.Null(await jobs.ClaimAsync());
    }

    private static Dictionary<string, object> Anything { get; } = new(StringComparer.Ordinal)
    {
        ["now"] = 1L,
        ["latest"] = 2L,
        ["until"] = 2L,
        ["last"] = "",
        ["tenant"] = "flood",
        ["Tenant"] = "flood",
        ["oldest"] = 1L,
        ["status"] = "dead",
        ["kind"] = "note",
        ["at"] = 3L,
        ["id"] = new byte[16],
        ["limit"] = 51,
        ["Id"] = new byte[16],
        ["error"] = "",
        ["dueAt"] = 1L,
        ["finishedAt"] = 1L,
    };

    /// <summary>The statement with its shared parts put in, as the compiler does.</summary>
    private static string Whole(string literal)
    {
        (string Name, string Text)[] parts =
        [
            ("Open", "status IN ('queued', 'failed', 'running')"), ("Waiting", "status IN ('queued', 'failed')"), ("Held", ""),
            ("Take", "UPDATE jobs SET status = 'running', due_at = @until"), ("Taken", "RETURNING id"), ("Columns", "id, kind"),
            ("Newest", "(created_at, id) < (@at, @id) AND (@kind IS NULL OR kind = @kind) ORDER BY created_at DESC, id DESC LIMIT @limit"),
        ];
        return parts.Aggregate(literal, (sql, part) => sql.Replace($"{{{part.Name}}}", part.Text, StringComparison.Ordinal));
    }

    private static Task<int> FloodAsync(JobFixture jobs, string tenant, int count)
    {
        const string sql = """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @count)
            INSERT INTO jobs (tenant_id, id, kind, payload, status, attempts, fence, due_at, created_at)
            SELECT @Tenant, randomblob(16), 'note', '{}', 'queued', 0, 0, @due, @due FROM numbers
            """;

        var due = jobs.Time.GetUtcNow() - TimeSpan.FromHours(1);
        return jobs.Store.Database.WriteAsync(new Tenant(tenant), session => session.ExecuteAsync(sql, new { count, due }), Ct);
    }

    private sealed record PlanStep
    {
        public required string Detail { get; init; }
    }
}
