using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Quality;

/// <summary>The policies of tenants. They are read where something was found, and are kept nowhere else: a change holds from its commit on, in every process.</summary>
internal sealed class QualityPolicies(Database database, IOptions<QualityOptions> options, TimeProvider time)
{
    private readonly SensitivePolicy _standard = new(options.Value.Secrets, options.Value.PersonalData);

    /// <returns>The tenant's policy, and when it was stored; null when it is the server's.</returns>
    public Task<(SensitivePolicy Policy, DateTimeOffset? StoredAt)> FindAsync(Tenant tenant, CancellationToken ct) => database.ReadAsync(tenant, FindAsync, ct);

    public async Task<(SensitivePolicy Policy, DateTimeOffset? StoredAt)> FindAsync(Session session) =>
        await QualityStore.FindAsync(session) is { } stored ? (new SensitivePolicy(stored.Secrets, stored.PersonalData), stored.UpdatedAt) : (_standard, null);

    public Task<DateTimeOffset> PutAsync(Tenant tenant, SensitivePolicy policy, Writer writer, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(tenant, async session =>
        {
            await QualityStore.PutAsync(session, policy, now);
            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "quality.policy", tenant.Id, 1, writer.RequestId), now);
            return now;
        }, ct);
    }

    /// <summary>Refuses, unless it was answered before.</summary>
    public Task RefuseAsync(Tenant tenant, Func<Session, Task> answered, ProblemException refusal, CancellationToken ct) => database.WriteAsync(tenant, async session =>
    {
        await answered(session);
        throw refusal;
    }, ct);

    /// <summary>Goes back to the server's policy.</summary>
    /// <returns>False when the tenant had none of its own.</returns>
    public Task<bool> DropAsync(Tenant tenant, Writer writer, CancellationToken ct)
    {
        var now = time.Now();
        return database.WriteAsync(tenant, async session =>
        {
            if (await QualityStore.DeleteAsync(session) == 0)
            {
                return false;
            }

            await AuditLog.AppendAsync(session, new AuditRecord(writer.Credential, "quality.policy.delete", tenant.Id, 1, writer.RequestId), now);
            return true;
        }, ct);
    }
}
