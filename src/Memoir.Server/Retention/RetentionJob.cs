using Memoir.Kit.Jobs;
using Memoir.Server.Memories;

namespace Memoir.Server.Retention;

/// <summary>A tenant's run in the background. A long one is several jobs, each of which leaves the rest to the next.</summary>
internal sealed class RetentionJob(RetentionService retention) : IJobHandler
{
    public const string JobKind = "retention";

    // Well within a lease: other tenants' jobs have their turn in between.
    private const int MostSteps = 50;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    public string Kind => JobKind;

    public async Task<JobEffect?> RunAsync(Job job, CancellationToken ct)
    {
        var (run, rule) = await retention.BeginAsync(job.Tenant, job.Id, job.Payload.Split(','), ct)
            ?? throw new PostponedJobException(Pause, "Another run of retention is under way.");
        var writer = new Writer($"job:{JobKind}", JobKind, job.Id.ToString());
        for (var step = 0; step < MostSteps && run.FinishedAt is null; step++)
        {
            run = await retention.StepAsync(job.Tenant, run, rule, writer, ct);
        }

        return run.FinishedAt is null ? session => retention.HandOverAsync(session, run) : null;
    }
}
