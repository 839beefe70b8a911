using Microsoft.Extensions.Options;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;

namespace Memoir.Kit.Jobs;

/// <summary>
/// A durable queue in the same database as the data: enqueueing is part of the caller's transaction, so a stored memory
/// without its job, or a job without its memory, cannot exist.
/// </summary>
public sealed class JobQueue(Database database, IOptions<JobOptions> options, TimeProvider time, Meters meters) : IDisposable
{
    private const string Due = "status IN ('queued', 'failed', 'running') AND due_at <= @now";

    // What was cut off in the middle is taken before the others and alone: if the job is what kills the process, it must
    // not use up the attempts of jobs that were only near it.
    private const string OneCutOff = "status = 'running' AND due_at <= @now ORDER BY due_at LIMIT 1";
    private const string Waiting = "status IN ('queued', 'failed') AND due_at <= @now ORDER BY due_at LIMIT @JobBatchSize";

    private readonly JobOptions _options = options.Value;
    private readonly SemaphoreSlim _arrivals = new(0, 1);

    /// <summary>Adds a job to the caller's transaction; the worker is woken after the commit.</summary>
    public async Task<Guid> EnqueueAsync(Session session, string kind, string payload)
    {
        const string sql = """
            INSERT INTO jobs (tenant_id, id, kind, payload, status, attempts, fence, due_at, created_at, trace_parent)
            VALUES (@Tenant, @id, @kind, @payload, 'queued', 0, 0, @now, @now, @TraceParent)
            """;

        var now = time.Now();
        var id = Guid.CreateVersion7(now);
        await session.ExecuteAsync(sql, new { id, kind, payload, now, session.TraceParent });
        session.AfterCommit(Signal);
        return id;
    }

    public void Signal()
    {
        try
        {
            _arrivals.Release();
        }
        catch (SemaphoreFullException)
        {
            // The worker has been told already.
        }
    }

    /// <summary>Waits for an arrival, at most one poll interval.</summary>
    public Task WaitAsync(CancellationToken ct) => _arrivals.WaitAsync(_options.JobPollInterval, ct);

    /// <summary>Takes due jobs under a lease. Every claim raises the fence, so that a worker whose lease ran out can change nothing.</summary>
    public async Task<IReadOnlyList<Job>> ClaimAsync(CancellationToken ct)
    {
        const string anyDue = $"SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE {Due} LIMIT 1) AS due";
        const string taken = "status = 'running', due_at = @leasedUntil, started_at = @now, attempts = attempts + 1, fence = fence + 1";
        const string columns = "id, tenant_id, kind, payload, attempts, fence, trace_parent";
        const string takeCutOff = $"UPDATE jobs SET {taken} WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM jobs WHERE {OneCutOff}) RETURNING {columns}";
        const string takeWaiting = $"UPDATE jobs SET {taken} WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM jobs WHERE {Waiting}) RETURNING {columns}";

        var now = time.Now();
        if (await database.SystemReadAsync(session => session.ScalarAsync(anyDue, new { now }), ct) is 0)
        {
            return []; // The usual case must not take the writer's time.
        }

        var args = new { now, leasedUntil = now + _options.JobLease, _options.JobBatchSize };
        return await database.SystemWriteAsync(
            async session => await session.QueryAsync<Job>(takeCutOff, args) is { Count: > 0 } one
                ? one
                : await session.QueryAsync<Job>(takeWaiting, args),
            ct);
    }

    /// <summary>True when its last allowed attempt was cut off before anything could be written about it.</summary>
    public bool IsExhausted(Job job) => job.Attempts > _options.JobMaxAttempts;

    /// <summary>Commits a job's effect together with its completion; neither happens when the lease was lost.</summary>
    public Task CompleteAsync(Job job, JobEffect? effect, CancellationToken ct)
    {
        const string sql = """
            UPDATE jobs SET status = 'succeeded', finished_at = @now, last_error = NULL
            WHERE tenant_id = @Tenant AND id = @Id AND fence = @Fence AND status = 'running'
            """;

        var now = time.Now();
        return database.WriteAsync(
            job.Tenant,
            async session =>
            {
                if (await session.ExecuteAsync(sql, new { job.Id, job.Fence, now }) == 0)
                {
                    throw new LeaseLostException();
                }

                if (effect is not null)
                {
                    await effect(session);
                }
            },
            ct);
    }

    /// <summary>Plans the next attempt, with exponential back-off, or parks the job among the dead.</summary>
    public Task FailAsync(Job job, string error, bool permanent, CancellationToken ct)
    {
        const string sql = """
            UPDATE jobs SET status = @status, due_at = @dueAt, finished_at = @finishedAt, last_error = @error
            WHERE tenant_id = @Tenant AND id = @Id AND fence = @Fence AND status = 'running'
            """;

        var now = time.Now();
        var isDead = permanent || job.Attempts >= _options.JobMaxAttempts;
        var delay = TimeSpan.FromSeconds(Math.Min(300, Math.Pow(2, job.Attempts)));
        var args = new
        {
            job.Id,
            job.Fence,
            status = isDead ? "dead" : "failed",
            dueAt = now + delay,
            finishedAt = isDead ? now : (DateTimeOffset?)null,
            error,
        };
        return database.WriteAsync(job.Tenant, session => session.ExecuteAsync(sql, args), ct);
    }

    /// <summary>Jobs that wait or run, of all tenants.</summary>
    public async Task<long> CountOpenAsync(CancellationToken ct)
    {
        const string sql = "SELECT COUNT(*) FROM jobs WHERE status IN ('queued', 'failed', 'running')";

        var open = await database.SystemReadAsync(session => session.ScalarAsync(sql, new { }), ct) ?? 0;
        meters.JobsQueued = () => open;
        return open;
    }

    /// <summary>Forgets jobs that succeeded long ago.</summary>
    public Task<int> PurgeAsync(CancellationToken ct) =>
        database.SystemWriteAsync(
            session => session.ExecuteAsync(
                """
                DELETE FROM jobs WHERE (tenant_id, id) IN (
                    SELECT tenant_id, id FROM jobs WHERE status = 'succeeded' AND finished_at < @oldest LIMIT 2000)
                """,
                new { oldest = time.Now() - _options.JobsKept }),
            ct);

    public void Dispose() => _arrivals.Dispose();
}

/// <summary>Another worker holds the job now; whatever this one computed is dropped.</summary>
public sealed class LeaseLostException() : Exception("The job's lease ran out and another worker took it.");
