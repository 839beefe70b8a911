using Memoir.Kit.Data;

namespace Memoir.Kit.Audit.Chain;

/// <summary>A record's place and hash, about to be written.</summary>
internal sealed record ChainLink(Guid Id, long Position, byte[] Hash);

/// <summary>Whose records wait to be sealed, and since when.</summary>
internal sealed record UnsealedTail
{
    public required string TenantId { get; init; }

    public required DateTimeOffset Oldest { get; init; }
}

/// <summary>The SQL of the chain.</summary>
internal static class ChainStore
{
    private const string Columns = "id, at, actor, action, subject, count, request_id, address, position, hash";

    /// <param name="system">A system session.</param>
    public static Task<IReadOnlyList<UnsealedTail>> ListTailsAsync(Session system) => system.QueryAsync<UnsealedTail>(
        "SELECT tenant_id, MIN(at) AS oldest FROM audit_records WHERE position IS NULL GROUP BY tenant_id", new { });

    /// <summary>The tenant with records that comes next in the order of names; null after the last.</summary>
    /// <param name="system">A system session.</param>
    /// <param name="after">The tenant before.</param>
    public static async Task<string?> FindTenantAfterAsync(Session system, string after)
    {
        const string sql = "SELECT tenant_id FROM audit_records WHERE tenant_id > @after ORDER BY tenant_id LIMIT 1";

        return await system.QueryAsync<string>(sql, new { after }) is [var tenant, ..] ? tenant : null;
    }

    /// <summary>The last sealed record; null before the first.</summary>
    public static Task<AuditEntry?> FindHeadAsync(Session session) => session.FindAsync<AuditEntry>(
        $"SELECT {Columns} FROM audit_records WHERE tenant_id = @Tenant AND position IS NOT NULL ORDER BY position DESC LIMIT 1", new { });

    public static Task<IReadOnlyList<AuditEntry>> ListUnsealedAsync(Session session, int limit) => session.QueryAsync<AuditEntry>(
        $"SELECT {Columns} FROM audit_records WHERE tenant_id = @Tenant AND position IS NULL ORDER BY at, id LIMIT @limit", new { limit });

    /// <summary>Writes places behind the one that was last, unless somebody else has sealed since: then nothing.</summary>
    /// <returns>Whether they were written.</returns>
    public static async Task<bool> AppendAsync(Session session, long last, IReadOnlyList<ChainLink> links)
    {
        const string seal = """
            UPDATE audit_records SET position = @Position, hash = @Hash
            WHERE tenant_id = @Tenant AND id = @Id AND position IS NULL
            """;
        const string first = $"""
            {seal} AND @last = COALESCE((SELECT MAX(position) FROM audit_records WHERE tenant_id = @Tenant AND position IS NOT NULL), 0)
            """;

        if (await session.ExecuteAsync(first, new { links[0].Id, links[0].Position, links[0].Hash, last }) == 0)
        {
            return false;
        }

        foreach (var link in links.Skip(1))
        {
            await session.SendAsync(seal, link);
        }

        return true;
    }

    /// <summary>The chain in its order, from behind a place. Whatever stands there: a damaged table may hold a place twice, or none that could be.</summary>
    public static Task<IReadOnlyList<AuditEntry>> ListChainAsync(Session session, long position, Guid id, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM audit_records
            WHERE tenant_id = @Tenant AND position IS NOT NULL AND (position, id) > (@position, @id)
            ORDER BY position, id LIMIT @limit
            """;

        return session.QueryAsync<AuditEntry>(sql, new { position, id, limit });
    }

    public static async Task<(long Sealed, long Unsealed)> CountAsync(Session session)
    {
        const string done = "SELECT COUNT(*) FROM audit_records WHERE tenant_id = @Tenant AND position IS NOT NULL";
        const string open = "SELECT COUNT(*) FROM audit_records WHERE tenant_id = @Tenant AND position IS NULL";

        return (await session.ScalarAsync(done, new { }) ?? 0, await session.ScalarAsync(open, new { }) ?? 0);
    }
}
