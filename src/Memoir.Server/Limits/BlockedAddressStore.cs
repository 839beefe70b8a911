using Memoir.Kit.Data;

namespace Memoir.Server.Limits;

/// <summary>All SQL about blocked addresses, in sessions of the default tenant.</summary>
internal static class BlockedAddressStore
{
    private const string Columns = "address, blocked_at, until";

    /// <returns>False when it is blocked already.</returns>
    public static async Task<bool> BlockAsync(Session session, BlockedAddress blocked)
    {
        const string sql = """
            INSERT INTO blocked_addresses (tenant_id, address, blocked_at, until)
            VALUES (@Tenant, @Address, @BlockedAt, @Until)
            ON CONFLICT (tenant_id, address) DO UPDATE SET blocked_at = excluded.blocked_at, until = excluded.until
            WHERE blocked_addresses.until <= excluded.blocked_at
            """;

        return await session.ExecuteAsync(sql, blocked) == 1;
    }

    public static Task<IReadOnlyList<BlockedAddress>> ListAsync(Session session, string after, DateTimeOffset now, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM blocked_addresses
            WHERE tenant_id = @Tenant AND address > @after AND until > @now
            ORDER BY address LIMIT @limit
            """;

        return session.QueryAsync<BlockedAddress>(sql, new { after, now, limit });
    }

    /// <returns>Whether it was blocked.</returns>
    public static async Task<bool> LiftAsync(Session session, string address, DateTimeOffset now) =>
        await session.ExecuteAsync(
            "DELETE FROM blocked_addresses WHERE tenant_id = @Tenant AND address = @address AND until > @now", new { address, now }) == 1;

    /// <summary>Forgets those whose time is over.</summary>
    public static Task<int> PurgeAsync(Session session, DateTimeOffset now) =>
        session.ExecuteAsync("DELETE FROM blocked_addresses WHERE tenant_id = @Tenant AND until <= @now", new { now });
}
