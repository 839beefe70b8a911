using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Access;
using Memoir.Server.Memories;

namespace Memoir.Server.Admin;

/// <summary>Erases everything of a tenant, portion by portion, so that other tenants' writes go on meanwhile.</summary>
internal sealed class ErasureService(Database database, MemoryService memories, ApiKeyService keys, TimeProvider time)
{
    private static readonly string[] Statements =
    [
        "DELETE FROM jobs WHERE tenant_id = @Tenant",
        "DELETE FROM idempotency_keys WHERE tenant_id = @Tenant",
        "DELETE FROM api_keys WHERE tenant_id = @Tenant",
    ];

    public async Task EraseTenantAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        var erased = await memories.ForgetAllAsync(tenant, ct);
        await database.WriteAsync(tenant, async session =>
        {
            foreach (var sql in Statements)
            {
                await session.ExecuteAsync(sql, new { });
            }

            await AuditLog.AppendAsync(
                session, new AuditRecord(writer.Credential, "tenant.erase", tenant.Id, erased, writer.RequestId), time.Now());
            session.AfterCommit(keys.ForgetCached);
        }, ct);
    }
}
