using Memoir.Tests.Architecture;
using static Memoir.Tests.Kit.Jobs.JobFixture;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>What SQLite intends to do for each question to the queue: its planner says so whatever the size of the table.</summary>
public sealed class SqliteJobPlanTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_question_to_the_queue_and_to_its_lists_follows_an_index()
    {
        using var jobs = await CreateAsync();
        await jobs.FloodAsync("flood", 1_000);
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

    private static Dictionary<string, object> Anything { get; } = new(StringComparer.Ordinal)
    {
        ["now"] = 1L,
        ["latest"] = 2L,
        ["latestLease"] = 3L,
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
            ("Misdated", "{Open} AND due_at > @latest AND (status <> 'running' OR due_at > @latestLease)"),
            ("Open", "status IN ('queued', 'failed', 'running')"), ("Waiting", "status IN ('queued', 'failed')"), ("Held", ""), ("system.Dialect.SkipLocked", ""),
            ("Take", "UPDATE jobs SET status = 'running', due_at = @until"), ("Taken", "RETURNING id"), ("Columns", "id, kind"),
            ("Newest", "(created_at, id) < (@at, @id) AND (@kind IS NULL OR kind = @kind) ORDER BY created_at DESC, id DESC LIMIT @limit"),
        ];
        return parts.Aggregate(literal, (sql, part) => sql.Replace($"{{{part.Name}}}", part.Text, StringComparison.Ordinal));
    }

    private sealed record PlanStep
    {
        public required string Detail { get; init; }
    }
}
