using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Access;
using Memoir.Server.Analytics;
using Memoir.Server.Memories;

namespace Memoir.Server.Admin;

/// <summary>Erases everything of a tenant, portion by portion, so that other tenants' writes go on meanwhile.</summary>
internal sealed class ErasureService(Database database, MemoryService memories, ApiKeyService keys, TimeProvider time)
{
    private const string Keys = "DELETE FROM api_keys WHERE tenant_id = @Tenant";

    private static readonly string[] Statements =
    [
        "DELETE FROM jobs WHERE tenant_id = @Tenant",
        "DELETE FROM idempotency_keys WHERE tenant_id = @Tenant",
        Keys,
    ];

    public async Task EraseTenantAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        if (await RevokeAllAsync(tenant, ct) && database.IsShared)
        {
            await Task.Delay(ApiKeyService.Trust, time, ct); // What other processes let in until then is erased with the rest.
        }

        var erased = await memories.ForgetAllAsync(tenant, ct);
        await database.WriteAsync(tenant, async session =>
        {
            foreach (var sql in Statements)
            {
                await session.ExecuteAsync(sql, new { });
            }

            await SearchLog.EraseAllAsync(session, time.Now());
            await AuditLog.AppendAsync(
                session, new AuditRecord(writer.Credential, "tenant.erase", tenant.Id, erased, writer.RequestId), time.Now());
            session.AfterCommit(keys.ForgetCached);
        }, ct);
    }

    /// <returns>Whether there were keys.</returns>
    private Task<bool> RevokeAllAsync(Tenant tenant, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        session.AfterCommit(keys.ForgetCached);
        return await session.ExecuteAsync(Keys, new { }) > 0;
    }, ct);
}
