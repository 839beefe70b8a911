using Memoir.Kit.Data;
using Memoir.Server.Access;
using Memoir.Server.Analytics;
using Memoir.Server.Memories;
using Memoir.Server.Retention.Holds;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Erases everything of a tenant, portion by portion, so that other tenants' writes go on meanwhile.</summary>
internal sealed class TenantErasure(Database database, MemoryService memories, ApiKeyService keys, ErasureRecords records, TimeProvider time)
{
    /// <exception cref="Memoir.Kit.Http.ProblemException">409: the tenant has a legal hold.</exception>
    public async Task EraseAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        if (await RevokeAllAsync(tenant, ct) && database.IsShared)
        {
            await Task.Delay(ApiKeyService.Trust, time, ct); // What other processes let in until then is erased with the rest.
        }

        await ContinueAsync(await records.BeginAsync(tenant, userId: null, writer, ct), ct);
    }

    /// <summary>Does what is left of one that has begun.</summary>
    public async Task ContinueAsync(ErasureRow erasure, CancellationToken ct)
    {
        await memories.ForgetAllAsync(
            erasure.Tenant, erasure.UpTo,
            (session, gone) => ErasureStore.AddAsync(
                session, erasure.Id, new ErasedCounts { Memories = gone.Memories, Versions = gone.Versions, Vectors = gone.Vectors }),
            ct);
        await database.WriteAsync(erasure.Tenant, async session =>
        {
            var rest = await SubjectStore.DeleteRestAsync(session);
            await ErasureStore.AddAsync(session, erasure.Id, rest with { Searches = await SearchLog.EraseAllAsync(session, time.Now()) });
            session.AfterCommit(keys.ForgetCached);
        }, ct);
        await records.CompleteAsync(erasure, "tenant.erase", ct);
    }

    /// <returns>Whether there were keys.</returns>
    private Task<bool> RevokeAllAsync(Tenant tenant, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        if (await LegalHolds.FindAnyAsync(session) is { } hold)
        {
            throw LegalHolds.Refusal(hold);
        }

        session.AfterCommit(keys.ForgetCached);
        return await SubjectStore.DeleteKeysAsync(session) > 0;
    }, ct);
}
