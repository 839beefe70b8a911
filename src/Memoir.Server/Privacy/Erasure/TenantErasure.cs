using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Access;
using Memoir.Server.Analytics;
using Memoir.Server.Documents;
using Memoir.Server.Memories;
using Memoir.Server.Retention.Holds;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Erases everything of a tenant, portion by portion, so that other tenants' writes go on meanwhile.</summary>
internal sealed class TenantErasure(Database database, MemoryService memories, ApiKeyService keys, ErasureRecords records, TimeProvider time)
{
    /// <exception cref="Memoir.Kit.Http.ProblemException">409: the tenant has a legal hold.</exception>
    public async Task EraseAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        var revoked = await RevokeAllAsync(tenant, writer, ct);

        // From here on a caller who hangs up leaves an erasure, which is gone on with, and not only a tenant without keys.
        if (revoked > 0 && database.IsShared)
        {
            await Task.Delay(ApiKeyService.Trust, time, CancellationToken.None); // What other processes let in until then is erased with the rest.
        }

        var erasure = await records.BeginAsync(tenant, userId: null, writer, CancellationToken.None);
        if (revoked > 0)
        {
            await database.WriteAsync(tenant, session => ErasureStore.AddAsync(session, erasure.Id, new ErasedCounts { Keys = revoked }), CancellationToken.None);
        }

        await ContinueAsync(erasure, ct);
    }

    /// <summary>Does what is left of one that has begun.</summary>
    public async Task ContinueAsync(ErasureRow erasure, CancellationToken ct)
    {
        await memories.ForgetAllAsync(
            erasure.Tenant, erasure.UpTo,
            (session, gone) => ErasureStore.AddAsync(
                session, erasure.Id, new ErasedCounts { Memories = gone.Memories, Versions = gone.Versions, Vectors = gone.Vectors }),
            ct);
        while (await database.WriteAsync(erasure.Tenant, async session =>
        {
            var gone = await SubjectDocuments.EraseAsync(session, userId: null, upTo: null);
            await ErasureStore.AddAsync(session, erasure.Id, ErasedCounts.Of(gone));
            return gone;
        }, ct) is not { Documents: 0, Versions: 0 })
        {
        }

        await database.WriteAsync(erasure.Tenant, async session =>
        {
            var rest = await SubjectStore.DeleteRestAsync(session);
            await ErasureStore.AddAsync(session, erasure.Id, rest with { Searches = await SearchLog.EraseAllAsync(session, time.Now()) });
            session.AfterCommit(keys.ForgetCached);
        }, ct);
        await records.CompleteAsync(erasure, "tenant.erase", ct);
    }

    /// <returns>How many keys there were.</returns>
    private Task<int> RevokeAllAsync(Tenant tenant, Writer writer, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        if (await LegalHolds.FindAnyAsync(session) is { } hold)
        {
            throw LegalHolds.Refusal(hold);
        }

        session.AfterCommit(keys.ForgetCached);
        var revoked = await SubjectStore.DeleteKeysAsync(session);
        if (revoked > 0)
        {
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "key.revoke", null, revoked, writer.RequestId), time.Now());
        }

        return revoked;
    }, ct);
}
