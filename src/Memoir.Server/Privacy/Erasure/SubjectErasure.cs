using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Server.Memories;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Erases a subject: at once where it has little, else by a job.</summary>
internal sealed class SubjectErasure(
    Database database, ErasureRecords records, SubjectEraser eraser, JobQueue jobs, IOptions<PrivacyOptions> options) : IJobHandler
{
    public const string JobKind = "erase-subject";
    public const string Action = "erasure.subject";

    /// <summary>What one run of the job takes; well within its lease.</summary>
    private const int MostPerRun = 20_000;

    public string Kind => JobKind;

    /// <returns>The erasure, and the job that goes on with it where it is not done.</returns>
    public async Task<(ErasureRow Erasure, Guid? Job)> EraseAsync(Tenant tenant, string userId, Writer writer, CancellationToken ct)
    {
        var erasure = await records.BeginAsync(tenant, userId, writer, ct);
        if (erasure.CompletedAt is not null)
        {
            return (erasure, null);
        }

        return await eraser.RunAsync(erasure, options.Value.ErasureInRequest, ct)
            ? (await records.CompleteAsync(erasure, Action, ct), null)
            : (erasure, await EnqueueAsync(erasure, ct));
    }

    /// <summary>A further run for one that was cut off, unless one waits already.</summary>
    public Task ResumeAsync(ErasureRow erasure, CancellationToken ct) => database.WriteAsync(erasure.Tenant, async session =>
    {
        if (!await JobQueue.IsOpenAsync(session, JobKind, erasure.Id.ToString()))
        {
            await jobs.EnqueueAsync(session, JobKind, erasure.Id.ToString());
        }
    }, ct);

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        var id = Guid.TryParse(job.Payload, out var named) ? named : throw new PermanentJobException("The job names no erasure.");
        if (await records.FindAsync(job.Tenant, id, ct) is not { CompletedAt: null } erasure)
        {
            return null;
        }

        if (await eraser.RunAsync(erasure, MostPerRun, ct))
        {
            await records.CompleteAsync(erasure, Action, ct);
            return null;
        }

        return session => jobs.EnqueueAsync(session, JobKind, job.Payload);
    }

    private Task<Guid> EnqueueAsync(ErasureRow erasure, CancellationToken ct) =>
        database.WriteAsync(erasure.Tenant, session => jobs.EnqueueAsync(session, JobKind, erasure.Id.ToString()), ct);
}
