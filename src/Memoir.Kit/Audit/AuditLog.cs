using Memoir.Kit.Data;

namespace Memoir.Kit.Audit;

/// <summary>One change that somebody made: who, what, to which thing, when, under which request.</summary>
/// <param name="Actor">The credential, never a secret: <c>operator</c>, <c>loopback</c>, <c>key:&lt;prefix&gt;</c>, <c>job:&lt;kind&gt;</c>.</param>
/// <param name="Action">What was done, for example <c>message.store</c>.</param>
/// <param name="Subject">The id of the thing that changed, or null when there are several.</param>
/// <param name="Count">How many things changed.</param>
/// <param name="RequestId">The request that caused it.</param>
public sealed record AuditRecord(string Actor, string Action, string? Subject, int Count, string RequestId);

/// <summary>Append-only records of changes, committed with the change they describe.</summary>
public static class AuditLog
{
    public static Task AppendAsync(Session session, AuditRecord record, DateTimeOffset now)
    {
        const string sql = """
            INSERT INTO audit_records (tenant_id, id, at, actor, action, subject, count, request_id)
            VALUES (@Tenant, @Id, @now, @Actor, @Action, @Subject, @Count, @RequestId)
            """;

        return session.SendAsync(
            sql,
            new { Id = Guid.CreateVersion7(now), now, record.Actor, record.Action, record.Subject, record.Count, record.RequestId });
    }
}
