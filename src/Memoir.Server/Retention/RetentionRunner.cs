using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Memories.Repeats;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Retention;

/// <summary>
/// Takes a run one step further. A step looks at a page of memories, then changes a batch of them in one short write: other
/// writes go on between two steps, and what a step did stays done if the next one never comes.
/// </summary>
internal sealed class RetentionRunner(Database database, RecallIndexes indexes, RetentionArchive archive, RetentionClock clock, Meters meters)
{
    /// <summary>Memories that one write changes at most.</summary>
    public const int BatchSize = 200;

    /// <summary>How long a run that stands still is waited for.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    // More text than this is not put into one file, nor analysed for one write.
    private const long MostCharacters = 4_000_000;

    /// <summary>What a run decides by; leftovers of one that was cut off are gone after this.</summary>
    public async Task<RetentionRule> PrepareAsync(Tenant tenant, RetentionRun run, RetentionPolicy policy, CancellationToken ct)
    {
        await archive.SweepAsync(tenant, run.Id, ct);
        return await database.ReadAsync(tenant, session => RetentionRule.ReadAsync(session, run, policy), ct);
    }

    /// <returns>The run as it is after the step; it is finished when there was nothing left to do.</returns>
    /// <exception cref="ProblemException">409: it stood still for so long that another run has taken over.</exception>
    public async Task<RetentionRun> StepAsync(Tenant tenant, RetentionRun run, RetentionRule rule, Writer writer, CancellationToken ct)
    {
        var (items, doneTo, isLast) = await database.ReadAsync(tenant, session => PlanAsync(session, run, rule), ct);
        if (items.Count == 0)
        {
            return isLast ? await FinishAsync(tenant, run, ct) : run with { DoneTo = doneTo };
        }

        var texts = items.Select(item => item.Text).OfType<ArchivedText>().ToList();
        var file = texts.Count == 0 ? null : await archive.WriteAsync(tenant, texts, ct);
        var done = await database.WriteAsync(tenant, session => ApplyAsync(session, run, rule, items, file, doneTo, writer), ct);

        // Not after a failure: whether its commit was kept may not be known then, and the next run tidies up.
        await archive.EraseAsync(tenant, done is { } step ? [.. step.Left, step.IsFileWhole ? null : file] : [file], ct);
        return done?.Run ?? throw new ProblemException(Problem.Conflict, "Another run of retention has taken over.");
    }

    /// <summary>What the next batch is about, read before the write that changes it.</summary>
    private async Task<(IReadOnlyList<Item> Items, long DoneTo, bool IsLast)> PlanAsync(Session session, RetentionRun run, RetentionRule rule)
    {
        var page = await RetentionStore.ListAfterAsync(session, rule, run.StartedAt, run.DoneTo, BatchSize);
        var decided = page.Select(facts => (Facts: facts, Decision: rule.Decide(run, facts))).Where(item => item.Decision is not null).ToList();
        var going = decided.Where(item => item.Decision!.Action == RetentionAction.Archive).Select(item => item.Facts.Sequence).ToList();
        var rows = (going.Count == 0 ? [] : await MemoryReader.ListBySequenceAsync(session, going)).ToDictionary(row => row.Sequence);
        var items = new List<Item>(decided.Count);
        var characters = 0L;
        foreach (var (facts, decision) in decided)
        {
            var row = rows.GetValueOrDefault(facts.Sequence);
            var text = row is not null && archive.IsOn ? await RetentionArchive.CollectAsync(session, row) : null;
            items.Add(new Item(facts, decision!, row is null ? null : MemoryReader.Analyse(row with { ArchivedAt = run.StartedAt }), text));
            characters += text?.Characters ?? row?.Content.Length ?? 0;
            if (characters >= MostCharacters && items.Count < decided.Count)
            {
                return (items, facts.Sequence, false);
            }
        }

        return (items, page.Count == 0 ? run.DoneTo : page[^1].Sequence, page.Count < BatchSize);
    }

    /// <returns>Null when the run is not the tenant's any more: nothing was changed.</returns>
    private async Task<Step?> ApplyAsync(
        Session session, RetentionRun run, RetentionRule rule, IReadOnlyList<Item> items, string? file, long doneTo, Writer writer)
    {
        var now = await clock.ReadAsync(session);
        if (await RetentionStore.FindRunAsync(session) is not { FinishedAt: null } current || current.Id != run.Id || current.LeaseUntil <= now)
        {
            return null;
        }

        // Asked again in the write itself: what was changed or held since it was planned stays for the next run.
        var facts = (await RetentionStore.ListAsync(session, [.. items.Select(item => item.Facts.Sequence)], run.StartedAt)).ToDictionary(memory => memory.Sequence);
        var write = await indexes.BeginAsync(session);
        var repeated = await DuplicateLinks.ListRepeatedAsync(session, [.. facts.Keys]);
        var going = new Dictionary<Guid, bool>();
        var (archived, moved) = (0, 0);
        var deleted = new List<string?>();
        foreach (var item in items)
        {
            if (!facts.TryGetValue(item.Facts.Sequence, out var memory) || memory.Version != item.Facts.Version || rule.Decide(run, memory) != item.Decision)
            {
                continue;
            }

            going[memory.Id] = item.Decision.Action == RetentionAction.Delete;
            await MemoryVectors.ForgetAsync(session, memory.Sequence);
            if (item.Decision.Action == RetentionAction.Delete)
            {
                await MemoryPeriods.ForgetAsync(session, write, memory.Id);
                await RetentionStore.DeleteAsync(session, memory.Id);
                await write.RemoveAsync(memory.Sequence, memory.Version + 1);
                deleted.Add(memory.ArchiveFile);
                continue;
            }

            await MemoryPeriods.HideAsync(session, write, memory.Id);
            await RetentionStore.ArchiveAsync(session, memory.Sequence, run.StartedAt);
            await write.ReplaceAsync(item.Analysed!, memory.Version + 1, "", GenerationVector.None);
            archived++;
            if (item.Text is not null)
            {
                await RetentionArchive.MovedAsync(session, item.Text, file!);
                moved++;
            }
        }

        await DuplicateLinks.PassOnAsync(session, write, repeated.Where(id => going.TryGetValue(id, out var isGone) && isGone)); // When all that goes in this step is gone.
        await DuplicateLinks.PassOnAsync(session, write, repeated.Where(id => going.TryGetValue(id, out var isGone) && !isGone), liveAlone: true);
        await archive.NoteGoneAsync(session, deleted);
        await AuditAsync(session, writer, RetentionAction.Archive, archived, now);
        await AuditAsync(session, writer, RetentionAction.Delete, deleted.Count, now);
        var next = run with
        {
            DoneTo = doneTo,
            LeaseUntil = now + Lease,
            Archived = run.Archived + archived,
            Deleted = run.Deleted + deleted.Count,
        };
        await RetentionStore.PutRunAsync(session, next);
        session.AfterCommit(() => meters.Retained(archived, deleted.Count));
        return new Step(next, deleted, moved == items.Count(item => item.Text is not null));
    }

    private Task<RetentionRun> FinishAsync(Tenant tenant, RetentionRun run, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        var finished = run with { FinishedAt = await clock.ReadAsync(session) };
        if (await RetentionStore.FindRunAsync(session) is { } current && current.Id == run.Id)
        {
            await RetentionStore.PutRunAsync(session, finished);
        }

        session.AfterCommit(() => meters.RetentionRunFinished(finished.FinishedAt.Value - finished.StartedAt));
        return finished;
    }, ct);

    private static Task AuditAsync(Session session, Writer writer, string action, int count, DateTimeOffset now) => count == 0
        ? Task.CompletedTask
        : AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, $"retention.{action}", null, count, writer.RequestId), now);

    private sealed record Item(RetentionFacts Facts, RetentionDecision Decision, AnalysedMemory? Analysed, ArchivedText? Text);

    /// <param name="Run">The run after it.</param>
    /// <param name="Left">Files that hold the texts of what was deleted; null where the text was in the database.</param>
    /// <param name="IsFileWhole">Whether everything in the new file is archived.</param>
    private sealed record Step(RetentionRun Run, IReadOnlyList<string?> Left, bool IsFileWhole);
}
