using Memoir.Kit.Data;

namespace Memoir.Server.Access;

/// <summary>All SQL about keys. Finding one by its prefix is cross-tenant: who calls is not known before.</summary>
internal static class ApiKeyStore
{
    private const string Columns = "id, tenant_id, prefix, hash, name, scopes, created_at, expires_at, last_used_at, rate_limit";

    public static Task InsertAsync(Session session, ApiKey key)
    {
        const string sql = """
            INSERT INTO api_keys (tenant_id, id, prefix, hash, name, scopes, created_at, expires_at, rate_limit)
            VALUES (@Tenant, @Id, @Prefix, @Hash, @Name, @Scopes, @CreatedAt, @ExpiresAt, @RateLimit)
            """;

        return session.ExecuteAsync(sql, key);
    }

    public static Task<ApiKey?> FindByPrefixAsync(Session system, string prefix)
    {
        const string sql = $"SELECT {Columns} FROM api_keys WHERE prefix = @prefix";

        return system.FindAsync<ApiKey>(sql, new { prefix });
    }

    public static Task<IReadOnlyList<ApiKey>> ListAsync(Session session, Guid after, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM api_keys
            WHERE tenant_id = @Tenant AND id > @after
            ORDER BY id LIMIT @limit
            """;

        return session.QueryAsync<ApiKey>(sql, new { after, limit });
    }

    public static Task<ApiKey?> FindAsync(Session session, Guid id)
    {
        const string sql = $"SELECT {Columns} FROM api_keys WHERE tenant_id = @Tenant AND id = @id";

        return session.FindAsync<ApiKey>(sql, new { id });
    }

    public static Task<int> DeleteAsync(Session session, Guid id) =>
        session.ExecuteAsync("DELETE FROM api_keys WHERE tenant_id = @Tenant AND id = @id", new { id });

    /// <summary>Notes a use, unless another process noted a later one.</summary>
    public static Task TouchAsync(Session session, Guid id, DateTimeOffset at)
    {
        const string sql = """
            UPDATE api_keys SET last_used_at = @at
            WHERE tenant_id = @Tenant AND id = @id AND (last_used_at IS NULL OR last_used_at < @at)
            """;

        return session.ExecuteAsync(sql, new { id, at });
    }
}
