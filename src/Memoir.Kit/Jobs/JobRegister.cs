using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;

namespace Memoir.Kit.Jobs;

/// <summary>What a tenant may know of its jobs and do about those that failed.</summary>
public sealed class JobRegister(Database database, JobQueue queue, TimeProvider time)
{
    /// <summary>Jobs, newest first, from just before the given place on.</summary>
    public Task<IReadOnlyList<JobRecord>> ListAsync(
        Tenant tenant, string? status, string? kind, DateTimeOffset at, Guid id, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => JobRecordStore.ListAsync(session, status, kind, at, id, limit), ct);

    /// <returns>Null when this tenant has no such job.</returns>
    public Task<JobRecord?> FindAsync(Tenant tenant, Guid id, CancellationToken ct) =>
        database.ReadAsync(tenant, session => JobRecordStore.FindAsync(session, id), ct);

    /// <summary>Queues a job that failed or is dead as if it were new.</summary>
    /// <exception cref="ProblemException">There is no such job, or it stands otherwise: 409 <c>conflict</c>.</exception>
    public Task<JobRecord> RetryAsync(
        Tenant tenant, Guid id, string actor, string requestId, Companion<JobRecord>? companion, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(tenant, async session =>
        {
            if (companion is not null)
            {
                await companion.Before(session);
            }

            if (await JobRecordStore.RequeueAsync(session, id, now) == 0)
            {
                // Thrown, not returned: a refusal must not keep the idempotency key.
                throw await JobRecordStore.FindAsync(session, id) is { } other
                    ? Stands(other, "Only a job that failed or is dead can be tried again")
                    : NoSuchJob();
            }

            var job = (await JobRecordStore.FindAsync(session, id))!;
            await AuditLog.AppendAsync(session, new AuditRecord(actor, "job.retry", id.ToString(), 1, requestId), now);
            if (companion is not null)
            {
                await companion.After(session, job);
            }

            session.AfterCommit(queue.Signal);
            return job;
        }, ct);
    }

    /// <summary>Forgets a dead job.</summary>
    /// <exception cref="ProblemException">There is no such job, or it is not dead: 409 <c>conflict</c>.</exception>
    public Task DropAsync(Tenant tenant, Guid id, string actor, string requestId, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(tenant, async session =>
        {
            if (await JobRecordStore.DeleteDeadAsync(session, id) == 0)
            {
                throw await JobRecordStore.FindAsync(session, id) is { } other
                    ? Stands(other, "Only a dead job can be deleted")
                    : NoSuchJob();
            }

            await AuditLog.AppendAsync(session, new AuditRecord(actor, "job.delete", id.ToString(), 1, requestId), now);
        }, ct);
    }

    public static ProblemException NoSuchJob() => ProblemException.NotFound("There is no such job.");

    private static ProblemException Stands(JobRecord job, string rule) => new(Problem.Conflict, $"{rule}; this one is {job.Status}.");
}
