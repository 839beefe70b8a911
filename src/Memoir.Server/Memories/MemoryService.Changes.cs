using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Memories.Repeats;
using Memoir.Server.Quality;
using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Memories;

/// <content>What memories become, were, and are again.</content>
internal sealed partial class MemoryService
{
    private const string Confirm = "confirm";
    private const string Release = "release";

    /// <summary>Changes a memory and keeps what it was. One in the archive stays there.</summary>
    /// <returns>The changed memory, or null when this tenant has none with that id.</returns>
    public Task<Memory?> ChangeAsync(Tenant tenant, Guid id, Func<Memory, Memory> change, Writer writer, CancellationToken ct) =>
        ChangeAsync(tenant, id, "patch", (_, old, _) => Task.FromResult<Memory?>(change(old)), writer, ct);

    /// <summary>Makes what a memory said in an older version what it says now; that it was changed meanwhile is kept, too.</summary>
    /// <returns>The memory, or null when this tenant has none with that id, or it has no such version.</returns>
    public Task<Memory?> RestoreVersionAsync(Tenant tenant, Guid id, long version, Writer writer, CancellationToken ct) =>
        ChangeAsync(tenant, id, "restore", async (session, old, text) =>
        {
            var snapshot = text?.Versions.GetValueOrDefault(version) ?? (await MemoryStore.FindSnapshotAsync(session, id, version))?.Text;
            return snapshot is null or "" ? null : MemorySnapshot.Restored(old, snapshot, gate.Now());
        }, writer, ct);

    /// <summary>Takes down that a memory is still so. Its words and its history stay as they are.</summary>
    /// <param name="tenant">Whose memory it is.</param>
    /// <param name="id">Which.</param>
    /// <param name="review">Makes of the time from which on it should be asked again the next one.</param>
    /// <param name="writer">Who says so.</param>
    /// <param name="ct">Ends waiting.</param>
    /// <returns>The memory, or null when this tenant has none with that id.</returns>
    public async Task<Memory?> ConfirmAsync(Tenant tenant, Guid id, Func<DateTimeOffset?, DateTimeOffset?> review, Writer writer, CancellationToken ct)
    {
        var now = gate.Now();
        Memory Confirmed(Memory memory) => memory with { VerifiedAt = now, ReviewAfter = review(memory.ReviewAfter) };

        var (found, isDone) = await database.WriteAsync<(Memory?, bool)>(tenant, async session =>
        {
            var row = await FindCurrentAsync(session, id);
            if (row is null or { IsOfPeriod: true })
            {
                return (null, row is null);
            }

            var confirmed = Confirmed(row);
            await MemoryStore.ConfirmAsync(session, confirmed);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "memory.confirm", id.ToString(), 1, writer.RequestId), now);
            return (await SettledAsync(session, await vectors.InAsync(session), await archive.FillAsync(tenant, confirmed, ct)), true);
        }, ct);

        // What is true though something else was told after it becomes what was told last.
        return isDone ? found : await ChangeAsync(tenant, id, Confirm, (_, old, _) => Task.FromResult<Memory?>(Confirmed(old)), writer, ct);
    }

    /// <summary>What a memory said at another moment.</summary>
    /// <returns>Null when this tenant has none with that id, or it said nothing then.</returns>
    public Task<Memory?> FindAsync(Tenant tenant, Guid id, Moment moment, CancellationToken ct) =>
        database.ReadAsync(tenant, async session =>
        {
            if (await MemoryStore.FindAsync(session, id) is not { } row)
            {
                return null;
            }

            var text = row.ArchiveFile is { } file ? await archive.GetAsync(tenant, id, file, ct) : null;
            var then = !moment.Has(row) ? await PeriodReader.FindAsync(session, row, moment, text) : text is null ? row : row with { Content = text.Content };
            return then?.IsOverAt(gate.Now()) == false ? then : null;
        }, ct);

    /// <summary>Lets a memory out of the quarantine for good. One that was let out already stays as it is.</summary>
    /// <returns>The memory, or null when this tenant has none with that id that is or was in quarantine.</returns>
    public Task<Memory?> ReleaseAsync(Tenant tenant, Guid id, Writer writer, CancellationToken ct) =>
        ChangeAsync(tenant, id, Release, (_, old, _) => Task.FromResult(
            old.Quarantine is not null ? old with { Quarantine = null, ReleasedAt = gate.Now() } : old.ReleasedAt is null ? null : old), writer, ct);

    private Task<Memory?> ChangeAsync(
        Tenant tenant, Guid id, string action, Func<Session, Memory, ArchivedText?, Task<Memory?>> change, Writer writer, CancellationToken ct) =>
        ArchivedTexts.WriteAsync(archive, tenant, texts => database.WriteAsync(tenant, async session =>
        {
            var row = await MemoryStore.FindAsync(session, id);
            var text = row?.ArchiveFile is { } file ? texts.Of(id, file) : null;
            row = text is null ? row : row! with { Content = text.Content };
            if (row is null || (await CurrentOfAsync(session, row, text) ?? (row.IsOverAt(gate.Now()) ? null : row)) is not { } old)
            {
                return null;
            }

            var changed = await change(session, old, text);
            if (changed is null)
            {
                return null;
            }

            changed = await gate.ScreenAsync(session, old, changed, isVersion: action == "restore");
            if (changed == old)
            {
                return await SettledAsync(session, await vectors.InAsync(session), old); // Nothing to keep a version of.
            }

            var now = MemoryPeriods.After(row, gate.Now());
            var isReworded = changed.Content != row.Content;
            if (isReworded && row.ArchivedAt is not null)
            {
                throw new ProblemException(Problem.Conflict, "This memory is archived. Bring it back before its text is changed.");
            }

            var isOther = changed.Content != old.Content || changed.Value != old.Value; // Which nobody has confirmed.
            changed = isOther ? changed with { VerifiedAt = null } : changed;
            changed = gate.Changed(old, changed);
            changed = (old.IsOfPeriod ? MemoryPeriods.AsRow(changed, row) : changed) with { Version = row.Version + 1, UpdatedAt = now };
            var write = await indexes.BeginAsync(session);
            var inUse = await vectors.InAsync(session, write.Counters.GenerationChange);
            if (isReworded)
            {
                changed = changed with
                {
                    ImportanceBase = Importance.Base(changed.Role, changed.Content),
                    EmbeddingStatus = MemoryVectors.StatusOf(inUse, changed.Content),
                };
                await MemoryVectors.ForgetAsync(session, row.Sequence);
            }

            await MemoryStore.InsertVersionAsync(session, id, MemorySnapshot.Of(row, action, writer.Credential, now));
            changed = await MemoryPeriods.TellAsync(session, write, row, corrected: old, changed);
            await MemoryStore.UpdateAsync(session, changed.ArchiveFile is null ? changed : changed with { Content = "" });
            var vector = isReworded ? GenerationVector.None : await MemoryVectors.FindAsync(session, inUse, row.Sequence);
            await write.ReplaceAsync(MemoryReader.Analyse(changed), changed.Version, changed.Content, vector);
            if (changed.IsHidden != row.IsHidden)
            {
                await MemoryPeriods.ShowAsync(session, write, changed);
            }

            await vectors.RequestAsync(session, isReworded && changed.EmbeddingStatus == EmbeddingStatus.Pending ? [id] : []);
            await DuplicateLinks.PassOnAsync(session, write, MemoryGate.SaysOther(old, changed) ? [id] : []);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, ActionOf(action), id.ToString(), 1, writer.RequestId), now);
            return await SettledAsync(session, inUse, changed);
        }, ct), ct);

    /// <summary>What a memory was before its changes, newest first.</summary>
    /// <returns>Null when this tenant has no memory with that id.</returns>
    public Task<Portion<MemoryVersion>?> ListVersionsAsync(Tenant tenant, Guid id, long below, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, async session =>
        {
            if (await MemoryStore.FindAsync(session, id) is not { } memory
                || (memory.IsOverAt(gate.Now()) && await CurrentOfAsync(session, memory, text: null) is null))
            {
                return null;
            }

            var found = await MemoryStore.ListVersionsAsync(session, id, below, limit);
            var (first, last) = found.Items.Count == 0 ? (0, 0) : (found.Items[^1].Version, found.Items[0].Version);
            var periods = (await PeriodReader.ListVersionsAsync(session, id, first, last)).ToLookup(period => period.Version);
            found = found with { Items = [.. found.Items.Select(version => version with { Periods = [.. periods[version.Version]] })] };
            return memory.ArchiveFile is { } file
                ? found with { Items = (await archive.GetAsync(tenant, id, file, ct)).Fill(found.Items) }
                : found;
        }, ct);

    /// <summary>How the audit calls what was done.</summary>
    private static string ActionOf(string action) => action switch
    {
        Confirm => "memory.confirm",
        Release => "memory.release",
        _ => "memory.change",
    };
}
