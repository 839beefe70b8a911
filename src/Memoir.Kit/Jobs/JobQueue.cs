using System.Globalization;
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
    /// <summary>The channel on which processes that share a database tell each other of new jobs.</summary>
    private const string Arrived = "memoir_jobs";

    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(5);

    // Another process may have a longer lease than this one, while settings change from one to the next.
    private static readonly TimeSpan LongestLease = TimeSpan.Parse(JobOptions.LongestLease, CultureInfo.InvariantCulture);

    // Processes whose clocks differ by less do not take each other's jobs for misdated.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    private readonly JobOptions _options = options.Value;
    private readonly SemaphoreSlim _arrivals = new(0, 1);

    /// <summary>Whose job was taken last. A hint, not a promise: a closure that runs again only moves the round on.</summary>
    private string _turn = "";

    /// <summary>How many jobs a worker runs at once.</summary>
    public int Lanes => _options.JobLanes;

    /// <summary>Ends before the lease does, so that a job that is cut off can still be written about.</summary>
    public TimeSpan LongestAttempt => _options.JobLease * 0.9;

    /// <summary>Adds a job to the caller's transaction; the worker is woken after the commit.</summary>
    public async Task<Guid> EnqueueAsync(Session session, string kind, string payload)
    {
        var now = time.Now();
        var id = Guid.CreateVersion7(now);
        await JobStore.InsertAsync(session, id, kind, payload, now);
        if (session.Dialect.Notify is { } notify)
        {
            await session.SendAsync($"{notify} {Arrived}", new { }); // The workers of other processes hear it with the commit.
        }

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
            // A lane has been told already, and tells the next one when it finds work.
        }
    }

    /// <summary>Hears of jobs that other processes add, until it is stopped; what it misses is found by polling.</summary>
    public Task ListenAsync(CancellationToken ct) => database.ListenAsync(Arrived, Signal, ct);

    /// <summary>Waits for an arrival, at most one poll interval.</summary>
    public Task WaitAsync(CancellationToken ct) => _arrivals.WaitAsync(_options.JobPollInterval, ct);

    /// <summary>The time that one attempt has.</summary>
    public CancellationTokenSource StartLimit() => new(LongestAttempt, time);

    /// <summary>
    /// Takes one due job under a lease: one that was cut off, else the oldest of the tenant whose turn it is. Every claim raises
    /// the fence, so that a worker whose lease ran out can change nothing.
    /// </summary>
    /// <param name="cutOffToo">Whether a job that was cut off may be taken; a worker runs one of these at a time.</param>
    /// <param name="ct">Ends the wait.</param>
    public async Task<Job?> ClaimAsync(bool cutOffToo, CancellationToken ct)
    {
        var now = time.Now();
        var (latest, latestLease) = (now + ClockSkew + LongestBackOff, now + ClockSkew + LongestLease);
        var ahead = await database.SystemReadAsync(session => JobStore.LookAsync(session, now, latest, latestLease), ct);
        if (ahead is JobsAhead.None)
        {
            return null; // The usual case must not take the writer's time.
        }

        if (ahead is JobsAhead.Misdated)
        {
            await database.SystemWriteAsync(session => JobStore.BringForwardAsync(session, now, latest, latestLease), ct);
        }

        return await database.SystemWriteAsync(session => ClaimAsync(session, cutOffToo, now), ct);
    }

    /// <summary>True when its last allowed attempt was cut off before anything could be written about it.</summary>
    public bool IsExhausted(Job job) => job.Attempts > _options.JobMaxAttempts;

    /// <summary>Commits a job's effect together with its completion; neither happens when the lease was lost.</summary>
    /// <exception cref="LeaseLostException">Another worker holds the job now.</exception>
    public Task CompleteAsync(Job job, JobEffect? effect, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(
            job.Tenant,
            async session =>
            {
                if (!await JobStore.CompleteAsync(session, job, now))
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
    public Task FailAsync(Job job, Exception cause, CancellationToken ct)
    {
        var now = time.Now();
        var isDead = cause is PermanentJobException || job.Attempts >= _options.JobMaxAttempts;
        var dueAt = now + TimeSpan.FromSeconds(Math.Min(LongestBackOff.TotalSeconds, Math.Pow(2, job.Attempts)));
        return database.WriteAsync(job.Tenant, session => JobStore.FailAsync(session, job, isDead, now, dueAt, JobErrors.Of(cause)), ct);
    }

    /// <summary>Puts back a job that the worker itself interrupted; the attempt is not counted.</summary>
    public Task GiveBackAsync(Job job, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(job.Tenant, session => JobStore.GiveBackAsync(session, job, now), ct);
    }

    /// <summary>Puts a job back that could do nothing now and is not to blame: the attempt does not count. It waits no longer than after a failure.</summary>
    public Task PostponeAsync(Job job, TimeSpan wait, string reason, CancellationToken ct)
    {
        var dueAt = time.Now() + (wait < LongestBackOff ? wait : LongestBackOff);
        return database.WriteAsync(job.Tenant, session => JobStore.PostponeAsync(session, job, dueAt, reason), ct);
    }

    /// <summary>Whether a job with this payload waits or runs in the session's tenant.</summary>
    public static Task<bool> IsOpenAsync(Session session, string kind, string payload) => JobStore.IsOpenAsync(session, kind, payload);

    /// <summary>Jobs that wait or run, of all tenants; the metrics are told, of the dead ones too.</summary>
    public async Task<long> CountOpenAsync(CancellationToken ct)
    {
        var (open, dead) = await database.SystemReadAsync(
            async session => (await JobStore.CountOpenAsync(session), await JobStore.CountDeadAsync(session)), ct);
        meters.JobsQueued = () => open;
        meters.JobsDead = () => dead;
        return open;
    }

    /// <summary>The same for who only asks whether there are many: it counts no further than told, and tells no metric.</summary>
    public Task<long> CountOpenAsync(int limit, CancellationToken ct) =>
        database.SystemReadAsync(session => JobStore.CountOpenAsync(session, limit), ct);

    /// <summary>Forgets jobs that succeeded long ago.</summary>
    public Task<int> PurgeAsync(CancellationToken ct)
    {
        var oldest = time.Now() - _options.JobsKept;
        return database.SystemWriteAsync(session => JobStore.PurgeAsync(session, oldest), ct);
    }

    public void Dispose() => _arrivals.Dispose();

    private async Task<Job?> ClaimAsync(Session session, bool cutOffToo, DateTimeOffset now)
    {
        var until = now + _options.JobLease;
        if (cutOffToo && await JobStore.TakeCutOffAsync(session, now, until) is { } cutOff)
        {
            return cutOff with { WasCutOff = true };
        }

        var tenant = await JobStore.FindTurnAsync(session, _turn, now) ?? await JobStore.FindTurnAsync(session, "", now);
        if (tenant is null)
        {
            return null;
        }

        _turn = tenant;
        return await JobStore.TakeAsync(session, tenant, now, until);
    }
}
