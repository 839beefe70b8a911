using Memoir.Kit.Data;

namespace Memoir.Kit.Audit;

/// <summary>The SQL of reading the trail.</summary>
internal static class AuditStore
{
    /// <summary>Newest first, from just before a place in that order; records of the same microsecond by their ids.</summary>
    public static Task<IReadOnlyList<AuditEntry>> ListAsync(Session session, AuditFilter filter, DateTimeOffset at, Guid id, int limit)
    {
        // An action without its second part means all of its family: '/' comes next after the full stop.
        const string sql = """
            SELECT id, at, actor, action, subject, count, request_id, address, position, hash FROM audit_records
            WHERE tenant_id = @Tenant AND (at, id) < (@at, @id) AND at >= @since
                AND (@Actor IS NULL OR actor = @Actor)
                AND (@Action IS NULL OR action = @Action OR (action > @Action || '.' AND action < @Action || '/'))
                AND (@Subject IS NULL OR subject = @Subject)
                AND (@RequestId IS NULL OR request_id = @RequestId)
            ORDER BY at DESC, id DESC LIMIT @limit
            """;

        var since = filter.Since ?? Instants.FromMicrosecondsClamped(long.MinValue);
        return session.QueryAsync<AuditEntry>(sql, new { at, id, since, filter.Actor, filter.Action, filter.Subject, filter.RequestId, limit });
    }
}
