using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Analytics;
using Memoir.Server.Documents;
using Memoir.Server.Memories;
using Memoir.Server.Privacy.Exchange;
using Memoir.Server.Retention.Holds;
using Memoir.Server.Tenants;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Writes down that an erasure begins, in the database and beside it, and proves that it is done.</summary>
internal sealed class ErasureRecords(
    Database database, ErasureReceipts receipts, ErasureLedger ledger, RunningExports exports, TimeProvider time)
{
    /// <summary>Older than a request lives: nobody is at it any more.</summary>
    private static readonly TimeSpan CutOff = TimeSpan.FromMinutes(2);

    /// <summary>
    /// From its commit on the subject is erased, whatever is killed. Asking again while it is being done, or when nothing was
    /// written since, no document of the subject and no search of it recorded, is the same erasure.
    /// </summary>
    /// <param name="tenant">Whose subject it is.</param>
    /// <param name="userId">The subject; null for the whole tenant.</param>
    /// <param name="writer">Who asks.</param>
    /// <param name="ct">Ends waiting.</param>
    /// <exception cref="Memoir.Kit.Http.ProblemException">409: a legal hold covers something of it.</exception>
    public async Task<ErasureRow> BeginAsync(Tenant tenant, string? userId, Writer writer, CancellationToken ct)
    {
        var subject = userId is null ? ErasureRow.WholeTenant : receipts.PseudonymOf(tenant, userId);
        var now = time.Now();
        var fresh = new ErasureRow
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant.Id,
            Subject = subject,
            KeyId = receipts.KeyId,
            IsWholeTenant = userId is null ? 1 : 0,
            RequestedAt = now,
            UpTo = 0,
            Actor = writer.Credential,
            RequestId = writer.RequestId,
            UserId = userId,
            Erased = new ErasedCounts().ToJson(),
            LastChange = 0,
        };
        var begun = await database.WriteAsync(tenant, async session =>
        {
            if (userId is not null && await ErasureStore.FindLastAsync(session, subject) is { } last
                && (last.CompletedAt is null || (last.LastChange == (await TenantCounters.FindAsync(session)).LastChange && !await SearchLog.NamesAsync(session, userId)
                    && !await SubjectDocuments.NamesAsync(session, userId))))
            {
                return last;
            }

            if ((userId is null ? await LegalHolds.FindAnyAsync(session) : await LegalHolds.FindOfUserAsync(session, userId)) is { } hold)
            {
                throw LegalHolds.Refusal(hold);
            }

            var row = fresh with { UpTo = await ErasureStore.LastSequenceAsync(session) };
            await ErasureStore.InsertAsync(session, row);
            return row;
        }, ct);

        // Also when it is done: its line may have failed. Asking again and again adds none.
        if (begun.CompletedAt is null || !await ledger.HasAsync(begun.Id, ct))
        {
            await ledger.AppendAsync(TombstoneOf(begun, begun.Receipt is { } receipt ? ErasureReceipts.TryParse(receipt) : null), CancellationToken.None);
        }

        if (begun.CompletedAt is null)
        {
            await exports.EndAsync(tenant, userId);
        }

        return begun;
    }

    /// <summary>Forgets the subject's name and signs.</summary>
    public async Task<ErasureRow> CompleteAsync(ErasureRow erasure, string action, CancellationToken ct)
    {
        await ledger.AppendAsync(TombstoneOf(erasure, receipt: null), CancellationToken.None); // Before it counts as done: nobody comes back for it afterwards.
        var now = time.Now();
        var done = await database.WriteAsync(erasure.Tenant, async session =>
        {
            var row = await ErasureStore.FindAsync(session, erasure.Id) ?? erasure;
            if (row.CompletedAt is not null)
            {
                return row; // Another process was quicker.
            }

            var receipt = receipts.Sign(row, now);
            row = row with
            {
                CompletedAt = now,
                LastChange = (await TenantCounters.FindAsync(session)).LastChange,
                Receipt = ErasureReceipts.Serialize(receipt),
                UserId = null,
            };
            await ErasureStore.CompleteAsync(session, row);
            var of = row.IsWholeTenant == 1 ? row.TenantId : row.Subject;
            await AuditLog.AppendAsync(
                session, new AuditRecord(row.Actor, action, of, (int)Math.Min(int.MaxValue, ErasedCounts.Of(row.Erased).Memories), row.RequestId), now);
            return row;
        }, ct);
        await ledger.AppendAsync(TombstoneOf(done, ErasureReceipts.Parse(done.Receipt!)), CancellationToken.None);
        return done;
    }

    public Task<ErasureRow?> FindAsync(Tenant tenant, Guid id, CancellationToken ct) =>
        database.ReadAsync(tenant, session => ErasureStore.FindAsync(session, id), ct);

    public Task<IReadOnlyList<ErasureRow>> ListAsync(Tenant tenant, DateTimeOffset at, Guid id, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => ErasureStore.ListAsync(session, at, id, limit), ct);

    /// <summary>How often what an export reads was erased; see <see cref="ErasureStore.CountAsync"/>.</summary>
    public Task<long> CountAsync(Session session, string? userId) =>
        ErasureStore.CountAsync(session, userId is null ? null : receipts.PseudonymsOf(session.Tenant, userId));

    /// <summary>Whether the subject, or anybody where none is named, is being erased.</summary>
    public async Task<bool> IsUnderWayAsync(Session session, string? userId) =>
        await ErasureStore.CountUnfinishedAsync(session, userId is null ? null : receipts.PseudonymsOf(session.Tenant, userId)) > 0;

    /// <summary>Cross-tenant: what was begun and not ended.</summary>
    public Task<IReadOnlyList<ErasureRow>> ListCutOffAsync(CancellationToken ct)
    {
        const int most = 100;
        return database.SystemReadAsync(system => ErasureStore.ListUnfinishedAsync(system, time.Now() - CutOff, most), ct);
    }

    /// <summary>Whether what a memory says was erased since it was stored: then nothing may bring it back.</summary>
    public async Task<bool> IsErasedAsync(Session session, string? userId, DateTimeOffset storedAt) => await ErasureStore.CountSinceAsync(
        session, userId is null ? [ErasureRow.WholeTenant] : receipts.PseudonymsOf(session.Tenant, userId), storedAt) > 0;

    /// <summary>What was erased in the session's tenant, as files beside a database have it.</summary>
    public static async Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(Session session) =>
        [.. (await ErasureStore.ListAllAsync(session)).Select(row => TombstoneOf(row, row.Receipt is { } receipt ? ErasureReceipts.TryParse(receipt) : null))];

    private static Tombstone TombstoneOf(ErasureRow row, ErasureReceipt? receipt) => new()
    {
        Id = row.Id,
        TenantId = row.TenantId,
        Subject = row.Subject,
        KeyId = row.KeyId,
        WholeTenant = row.IsWholeTenant == 1,
        At = row.RequestedAt,
        Receipt = receipt,
    };
}
