using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Tests.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>A queue with a manual clock on a database of its own, and handlers that do what the test says.</summary>
internal sealed class JobFixture : IDisposable
{
    public static readonly TimeSpan Lease = new JobOptions().JobLease;

    private JobFixture(TestDatabase store, JobOptions options)
    {
        Store = store;
        Queue = new JobQueue(store.Database, Options.Create(options), Time, store.Meters);
    }

    public ManualTime Time { get; } = new();

    public TestDatabase Store { get; }

    public JobQueue Queue { get; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>One lane unless the test is about several, so that jobs run in order.</summary>
    public static Task<JobFixture> CreateAsync() => CreateAsync(new JobOptions { JobLanes = 1 });

    public static async Task<JobFixture> CreateAsync(JobOptions options)
    {
        var fixture = new JobFixture(await OpenAsync(), options);
        await fixture.Store.Database.MigrateAsync(typeof(Program).Assembly, fixture.Time, Ct);
        return fixture;
    }

    public Task<Guid> EnqueueAsync(string kind = "note", string payload = "{}") => EnqueueAsync(Acme, kind, payload);

    public Task<Guid> EnqueueAsync(Tenant tenant, string kind = "note", string payload = "{}") =>
        Store.Database.WriteAsync(tenant, session => Queue.EnqueueAsync(session, kind, payload), Ct);

    /// <summary>Takes a job and does nothing more about it, as a worker that is killed.</summary>
    public Task<Job?> ClaimAsync() => Queue.ClaimAsync(cutOffToo: true, Ct);

    public JobWorker Worker(params IJobHandler[] handlers) => new(Queue, handlers, Store.Meters, NullLogger<JobWorker>.Instance);

    /// <summary>Handlers that write a note per job.</summary>
    public JobWorker NotingWorker() => Worker(new Handler("note", NoteAsync));

    public static Task<JobEffect?> NoteAsync(Job job, CancellationToken ct) =>
        Task.FromResult<JobEffect?>(session => InsertAsync(session, $"{job.Payload}"));

    public async Task<JobRow> RowAsync(Guid id) => await Store.Database.SystemReadAsync(
        session => session.FindAsync<JobRow>(
            "SELECT status, attempts, fence, due_at, finished_at, last_error FROM jobs WHERE id = @id", new { id }),
        Ct) ?? throw new InvalidOperationException("There is no such job.");

    public async Task<long> CountAsync() =>
        await Store.Database.SystemReadAsync(session => session.ScalarAsync("SELECT COUNT(*) FROM jobs", new { }), Ct) ?? 0;

    /// <summary>Many jobs at once, due an hour ago.</summary>
    public Task<int> FloodAsync(string tenant, int count)
    {
        var sql = $$"""
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @count)
            INSERT INTO jobs (tenant_id, id, kind, payload, status, attempts, fence, due_at, created_at)
            SELECT @Tenant, {{(TestEngines.Current == TestEngine.Sqlite ? "randomblob(16)" : "gen_random_uuid()")}}, 'note', '{}', 'queued', 0, 0, @due, @due FROM numbers
            """;

        var due = Time.GetUtcNow() - TimeSpan.FromHours(1);
        return Store.Database.WriteAsync(new Tenant(tenant), session => session.ExecuteAsync(sql, new { count, due }), Ct);
    }

    public void Dispose()
    {
        Queue.Dispose();
        Store.Dispose();
    }

    internal sealed class Handler(string kind, Func<Job, CancellationToken, Task<JobEffect?>> run) : IJobHandler
    {
        public string Kind => kind;

        public Task<JobEffect?> RunAsync(Job job, CancellationToken ct) => run(job, ct);
    }

    internal sealed record JobRow
    {
        public required string Status { get; init; }

        public required long Attempts { get; init; }

        public required long Fence { get; init; }

        public required DateTimeOffset DueAt { get; init; }

        public DateTimeOffset? FinishedAt { get; init; }

        public string? LastError { get; init; }
    }
}
