using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Memories;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Retention;

/// <summary>Policies, and the runs that follow them: requests and jobs enter here alike.</summary>
internal sealed class RetentionService(
    Database database, RetentionRunner runner, RetentionClock clock, JobQueue jobs, IOptions<RetentionOptions> options)
{
    private const int PreviewPage = 1000;

    private readonly RetentionPolicy _standard = new()
    {
        MaxAgeDays = options.Value.MaxAgeDays,
        ImportanceThreshold = options.Value.ImportanceThreshold,
        DeleteAfterDays = options.Value.DeleteAfterDays,
    };

    /// <returns>The tenant's policy, and when it was stored; null when it is the server's.</returns>
    public Task<(RetentionPolicy Policy, DateTimeOffset? StoredAt)> FindPolicyAsync(Tenant tenant, CancellationToken ct) =>
        database.ReadAsync(tenant, FindPolicyAsync, ct);

    public Task<DateTimeOffset> PutPolicyAsync(Tenant tenant, RetentionPolicy policy, Writer writer, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            var now = await clock.ReadAsync(session);
            await RetentionStore.PutPolicyAsync(session, policy, now);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "retention.policy", tenant.Id, 1, writer.RequestId), now);
            return now;
        }, ct);

    /// <summary>Goes back to the server's policy; the schedule leaves the tenant alone unless the settings name it.</summary>
    /// <returns>False when the tenant had none of its own.</returns>
    public Task<bool> DropPolicyAsync(Tenant tenant, Writer writer, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        if (await RetentionStore.DeletePolicyAsync(session) == 0)
        {
            return false;
        }

        var now = await clock.ReadAsync(session);
        await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "retention.policy.delete", tenant.Id, 1, writer.RequestId), now);
        return true;
    }, ct);

    /// <summary>What a run would do at this moment.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="actions">What it may do.</param>
    /// <param name="after">The place behind which items are listed; all are counted.</param>
    /// <param name="limit">How many are listed.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="ProblemException">503: the clocks disagree.</exception>
    public Task<RetentionPreview> PreviewAsync(Tenant tenant, IReadOnlyList<string> actions, long after, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, async session =>
        {
            var run = NewRun(Guid.Empty, actions, await clock.RequireAsync(session));
            var rule = await RetentionRule.ReadAsync(session, run, (await FindPolicyAsync(session)).Policy);
            var items = new List<(long Sequence, RetentionItem Item)>();
            var (archived, deleted, done) = (0L, 0L, 0L);
            IReadOnlyList<RetentionFacts> page;
            do
            {
                page = await RetentionStore.ListAfterAsync(session, rule, run.StartedAt, done, PreviewPage);
                foreach (var memory in page)
                {
                    done = memory.Sequence;
                    if (rule.Decide(run, memory) is not { Action: { } action } decision)
                    {
                        continue;
                    }

                    (archived, deleted) = action == RetentionAction.Archive ? (archived + 1, deleted) : (archived, deleted + 1);
                    if (memory.Sequence > after && items.Count <= limit)
                    {
                        items.Add((memory.Sequence, new RetentionItem(memory.Id, action, decision.Reason)));
                    }
                }
            }
            while (page.Count == PreviewPage);

            return new RetentionPreview(archived, deleted, items);
        }, ct);

    /// <summary>Runs to the end. When the caller goes or its time is up, a job goes on.</summary>
    /// <exception cref="ProblemException">409: a run of this tenant is under way; 503: the clocks disagree.</exception>
    public async Task<RetentionRun> RunAsync(Tenant tenant, IReadOnlyList<string> actions, Writer writer, CancellationToken ct)
    {
        var run = await TakeAsync(tenant, job: null, actions, ct)
            ?? throw new ProblemException(Problem.Conflict, "A run of retention is under way for this tenant; ask again when it has ended.");
        try
        {
            var rule = await PrepareAsync(tenant, run, ct);
            while (run.FinishedAt is null)
            {
                run = await runner.StepAsync(tenant, run, rule, writer, ct);
            }

            return run;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await database.WriteAsync(tenant, session => HandOverAsync(session, run), CancellationToken.None);
            throw;
        }
    }

    /// <summary>Begins a run, or takes up the job's own one where it was left.</summary>
    /// <returns>Null while another run of this tenant is under way.</returns>
    /// <exception cref="ProblemException">503: the clocks disagree.</exception>
    public async Task<(RetentionRun Run, RetentionRule Rule)?> BeginAsync(Tenant tenant, Guid? job, IReadOnlyList<string> actions, CancellationToken ct) =>
        await TakeAsync(tenant, job, actions, ct) is { } run ? (run, await PrepareAsync(tenant, run, ct)) : null;

    private Task<RetentionRun?> TakeAsync(Tenant tenant, Guid? job, IReadOnlyList<string> actions, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            var now = await clock.RequireAsync(session);
            var last = await RetentionStore.FindRunAsync(session);
            if (last is { FinishedAt: null } && last.Id != job && last.LeaseUntil > now)
            {
                return null;
            }

            var begun = last is { FinishedAt: null } && last.Id == job
                ? last with { LeaseUntil = now + RetentionRunner.Lease }
                : NewRun(job ?? Guid.CreateVersion7(now), actions, now);
            await RetentionStore.PutRunAsync(session, begun);
            return begun;
        }, ct);

    private async Task<RetentionRule> PrepareAsync(Tenant tenant, RetentionRun run, CancellationToken ct)
    {
        var (policy, _) = await FindPolicyAsync(tenant, ct);
        return await runner.PrepareAsync(tenant, run, policy, ct);
    }

    public Task<RetentionRun> StepAsync(Tenant tenant, RetentionRun run, RetentionRule rule, Writer writer, CancellationToken ct) =>
        runner.StepAsync(tenant, run, rule, writer, ct);

    /// <summary>Leaves the rest of a run to a job of its own.</summary>
    public async Task HandOverAsync(Session session, RetentionRun run)
    {
        if (await RetentionStore.FindRunAsync(session) is { FinishedAt: null } current && current.Id == run.Id)
        {
            await RetentionStore.PutRunAsync(session, current with { Id = await jobs.EnqueueAsync(session, RetentionJob.JobKind, current.Actions) });
        }
    }

    private async Task<(RetentionPolicy Policy, DateTimeOffset? StoredAt)> FindPolicyAsync(Session session) =>
        await RetentionStore.FindPolicyAsync(session) is { } stored ? (stored.ToPolicy(), stored.UpdatedAt) : (_standard, null);

    private static RetentionRun NewRun(Guid id, IReadOnlyList<string> actions, DateTimeOffset now) => new()
    {
        Id = id,
        Actions = string.Join(',', RetentionAction.All.Where(actions.Contains)),
        StartedAt = now,
        LeaseUntil = now + RetentionRunner.Lease,
        DoneTo = 0,
        Archived = 0,
        Deleted = 0,
    };
}

/// <summary>What a run would do.</summary>
/// <param name="Archived">How many it would archive.</param>
/// <param name="Deleted">How many it would delete.</param>
/// <param name="Items">Those that were asked for, and one more where there are more, with their places.</param>
internal sealed record RetentionPreview(long Archived, long Deleted, IReadOnlyList<(long Sequence, RetentionItem Item)> Items);
