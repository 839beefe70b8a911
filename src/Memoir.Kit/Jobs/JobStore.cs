using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>The worker's SQL about jobs. Claiming is cross-tenant: whose turn it is, is the question.</summary>
internal static class JobStore
{
    private const string Open = "status IN ('queued', 'failed', 'running')";
    private const string Waiting = "status IN ('queued', 'failed')";

    // A lease can be planned for longer than a wait.
    private const string Misdated = $"{Open} AND due_at > @latest AND (status <> 'running' OR due_at > @latestLease)";

#if FAULT_JOBS_WITHOUT_FENCE
    private const string Held = "";
#else
    private const string Held = "AND fence = @Fence AND status = 'running'";
#endif

    private const string Take = "UPDATE jobs SET status = 'running', due_at = @until, started_at = @now, attempts = attempts + 1, fence = fence + 1";
    private const string Taken = "RETURNING id, tenant_id, kind, payload, attempts, fence, trace_parent";

    public static Task InsertAsync(Session session, Guid id, string kind, string payload, DateTimeOffset now)
    {
        const string sql = """
            INSERT INTO jobs (tenant_id, id, kind, payload, status, attempts, fence, due_at, created_at, trace_parent)
            VALUES (@Tenant, @id, @kind, @payload, 'queued', 0, 0, @now, @now, @TraceParent)
            """;

        return session.SendAsync(sql, new { id, kind, payload, now, session.TraceParent });
    }

    public static async Task<JobsAhead> LookAsync(
        Session system, DateTimeOffset now, DateTimeOffset latest, DateTimeOffset latestLease)
    {
        const string sql = $"""
            SELECT CASE
                WHEN EXISTS (SELECT 1 FROM jobs WHERE {Open} AND due_at <= @now) THEN 1
                WHEN EXISTS (SELECT 1 FROM jobs WHERE {Misdated}) THEN 2
                ELSE 0 END
            """;

        return (JobsAhead)(await system.ScalarAsync(sql, new { now, latest, latestLease }) ?? 0);
    }

    public static Task<int> BringForwardAsync(Session system, DateTimeOffset now, DateTimeOffset latest, DateTimeOffset latestLease) =>
        system.ExecuteAsync($"UPDATE jobs SET due_at = @now WHERE {Misdated}", new { now, latest, latestLease });

    public static async Task<Job?> TakeCutOffAsync(Session system, DateTimeOffset now, DateTimeOffset until)
    {
        var sql = $"""
            WITH next AS (
                SELECT tenant_id, id FROM jobs WHERE status = 'running' AND due_at <= @now ORDER BY due_at LIMIT 1 {system.Dialect.SkipLocked})
            {Take} WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM next)
            {Taken}
            """;

        return await system.QueryAsync<Job>(sql, new { now, until }) is [var first, ..] ? first : null;
    }

    /// <summary>The next tenant, in the order of their names, that has something due; null at the end of the round.</summary>
    /// <remarks>It steps from tenant to tenant through the index, so that a long queue costs no more than a short one.</remarks>
    public static async Task<string?> FindTurnAsync(Session system, string last, DateTimeOffset now)
    {
        const string sql = $"""
            WITH RECURSIVE turns (tenant_id) AS (
                SELECT * FROM (
                    SELECT tenant_id FROM jobs WHERE {Waiting} AND tenant_id > @last ORDER BY tenant_id, due_at LIMIT 1) AS first_turn
                UNION ALL
                SELECT (
                    SELECT tenant_id FROM jobs WHERE {Waiting} AND tenant_id > turns.tenant_id ORDER BY tenant_id, due_at LIMIT 1)
                FROM turns WHERE turns.tenant_id IS NOT NULL)
            SELECT tenant_id FROM turns
            WHERE EXISTS (SELECT 1 FROM jobs WHERE {Waiting} AND jobs.tenant_id = turns.tenant_id AND due_at <= @now)
            LIMIT 1
            """;

        return await system.QueryAsync<string>(sql, new { last, now }) is [var first, ..] ? first : null;
    }

    public static async Task<Job?> TakeAsync(Session system, string tenant, DateTimeOffset now, DateTimeOffset until)
    {
        var sql = $"""
            WITH next AS (
                SELECT tenant_id, id FROM jobs
                WHERE tenant_id = @tenant AND {Waiting} AND due_at <= @now ORDER BY due_at LIMIT 1 {system.Dialect.SkipLocked})
            {Take} WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM next)
            {Taken}
            """;

        return await system.QueryAsync<Job>(sql, new { tenant, now, until }) is [var first, ..] ? first : null;
    }

    /// <returns>False when the lease was lost.</returns>
    public static async Task<bool> CompleteAsync(Session session, Job job, DateTimeOffset now)
    {
        const string sql = $"""
            UPDATE jobs SET status = 'succeeded', finished_at = @now, last_error = NULL
            WHERE tenant_id = @Tenant AND id = @Id {Held}
            """;

        return await session.ExecuteAsync(sql, new { job.Id, job.Fence, now }) == 1;
    }

    public static Task FailAsync(Session session, Job job, bool isDead, DateTimeOffset now, DateTimeOffset dueAt, string error)
    {
        const string sql = $"""
            UPDATE jobs SET status = @status, due_at = @dueAt, finished_at = @finishedAt, last_error = @error
            WHERE tenant_id = @Tenant AND id = @Id {Held}
            """;

        var args = new
        {
            job.Id,
            job.Fence,
            status = isDead ? "dead" : "failed",
            dueAt,
            finishedAt = isDead ? now : (DateTimeOffset?)null,
            error,
        };
        return session.ExecuteAsync(sql, args);
    }

    /// <summary>Puts a job back as if it had not been begun.</summary>
    public static Task GiveBackAsync(Session session, Job job, DateTimeOffset now)
    {
        const string sql = $"""
            UPDATE jobs SET status = CASE WHEN attempts > 1 THEN 'failed' ELSE 'queued' END, attempts = attempts - 1, due_at = @now
            WHERE tenant_id = @Tenant AND id = @Id {Held}
            """;

        return session.ExecuteAsync(sql, new { job.Id, job.Fence, now });
    }

    /// <summary>Puts a job back for later as if it had not been begun.</summary>
    public static Task PostponeAsync(Session session, Job job, DateTimeOffset dueAt, string reason)
    {
        const string sql = $"""
            UPDATE jobs SET status = 'queued', attempts = attempts - 1, due_at = @dueAt, last_error = @reason
            WHERE tenant_id = @Tenant AND id = @Id {Held}
            """;

        return session.ExecuteAsync(sql, new { job.Id, job.Fence, dueAt, reason });
    }

    public static async Task<bool> IsOpenAsync(Session session, string kind, string payload)
    {
        const string sql = $"SELECT 1 FROM jobs WHERE tenant_id = @Tenant AND kind = @kind AND payload = @payload AND {Open} LIMIT 1";

        return await session.ScalarAsync(sql, new { kind, payload }) is not null;
    }

    public static async Task<long> CountOpenAsync(Session system) =>
        await system.ScalarAsync($"SELECT COUNT(*) FROM jobs WHERE {Open}", new { }) ?? 0;

    public static async Task<long> CountOpenAsync(Session system, int limit) =>
        await system.ScalarAsync($"SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE {Open} LIMIT @limit) AS open_jobs", new { limit }) ?? 0;

    public static async Task<long> CountDeadAsync(Session system) =>
        await system.ScalarAsync("SELECT COUNT(*) FROM jobs WHERE status = 'dead'", new { }) ?? 0;

    public static Task<int> PurgeAsync(Session system, DateTimeOffset oldest)
    {
        const string sql = """
            DELETE FROM jobs WHERE (tenant_id, id) IN (
                SELECT tenant_id, id FROM jobs WHERE status = 'succeeded' AND finished_at < @oldest LIMIT 2000)
            """;

        return system.ExecuteAsync(sql, new { oldest });
    }
}

/// <summary>What a look at the queue tells before anybody takes the writer's time.</summary>
internal enum JobsAhead
{
    None = 0,
    Due = 1,

    /// <summary>Due later than anything is ever planned: the clock was set back since.</summary>
    Misdated = 2,
}
