using Memoir.Kit.Data;

namespace Memoir.Server.Analytics;

/// <summary>All SQL about recorded searches.</summary>
internal static class SearchLogStore
{
    private const string Columns = "tenant_id, id, at, user_id, conversation_id, query, hits, degraded, milliseconds";

    /// <summary>A write whose outcome was not known is done again.</summary>
    private const string Insert = $"""
        INSERT INTO search_log ({Columns})
        VALUES (@Tenant, @Id, @At, @UserId, @ConversationId, @Query, @Hits, @Degraded, @Milliseconds)
        ON CONFLICT (tenant_id, id) DO NOTHING
        """;

    public static Task InsertManyAsync(Session session, IReadOnlyList<SearchRecord> records) => session.SendManyAsync(Insert, records);

    /// <returns>False when it is there already.</returns>
    public static async Task<bool> InsertAsync(Session session, SearchRecord record) => await session.ExecuteAsync(Insert, record) == 1;

    public static Task<IReadOnlyList<SearchRecord>> ListAsync(Session session, Guid after, int limit) => session.QueryAsync<SearchRecord>(
        $"SELECT {Columns} FROM search_log WHERE tenant_id = @Tenant AND id > @after ORDER BY id LIMIT @limit", new { after, limit });

    public static Task<IReadOnlyList<SearchRecord>> ListOfUserAsync(Session session, string userId, Guid after, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM search_log
            WHERE tenant_id = @Tenant AND user_id = @userId AND id > @after
            ORDER BY id LIMIT @limit
            """;

        return session.QueryAsync<SearchRecord>(sql, new { userId, after, limit });
    }

    /// <returns>When searches were erased last; 0 for never, null for a tenant that is not known.</returns>
    public static Task<long?> FindErasedAtAsync(Session session) =>
        session.ScalarAsync("SELECT searches_erased_at FROM tenants WHERE tenant_id = @Tenant", new { });

    public static Task SetErasedAtAsync(Session session, DateTimeOffset now) =>
        session.ExecuteAsync("UPDATE tenants SET searches_erased_at = @now WHERE tenant_id = @Tenant", new { now });

    public static Task<int> DeleteAllAsync(Session session) =>
        session.ExecuteAsync("DELETE FROM search_log WHERE tenant_id = @Tenant", new { });

    public static Task<int> DeleteUserAsync(Session session, string userId) =>
        session.ExecuteAsync("DELETE FROM search_log WHERE tenant_id = @Tenant AND user_id = @userId", new { userId });

    public static async Task<bool> HasUserAsync(Session session, string userId) =>
        await session.ScalarAsync("SELECT 1 FROM search_log WHERE tenant_id = @Tenant AND user_id = @userId LIMIT 1", new { userId }) is not null;

    public static Task<IReadOnlyList<string>> ListUsersAsync(Session session) =>
        session.QueryAsync<string>("SELECT DISTINCT user_id FROM search_log WHERE tenant_id = @Tenant AND user_id IS NOT NULL", new { });

    public static async Task<bool> HasOlderAsync(Session session, DateTimeOffset oldest) =>
        await session.ScalarAsync("SELECT 1 FROM search_log WHERE tenant_id = @Tenant AND at < @oldest LIMIT 1", new { oldest }) is not null;

    public static Task<int> DeleteOlderAsync(Session session, DateTimeOffset oldest, int limit)
    {
        const string sql = """
            DELETE FROM search_log WHERE tenant_id = @Tenant AND id IN (
                SELECT id FROM search_log WHERE tenant_id = @Tenant AND at < @oldest LIMIT @limit)
            """;

        return session.ExecuteAsync(sql, new { oldest, limit });
    }

    /// <summary>Cross-tenant: a run of the names of all tenants.</summary>
    public static Task<IReadOnlyList<string>> ListTenantsAsync(Session system, string after, int limit) => system.QueryAsync<string>(
        "SELECT tenant_id FROM tenants WHERE tenant_id > @after ORDER BY tenant_id LIMIT @limit", new { after, limit });

    public static Task<IReadOnlyList<SearchDay>> CountByDayAsync(Session session, DateTimeOffset since, DateTimeOffset until)
    {
        const string sql = """
            SELECT at / 86400000000 AS day, COUNT(*) AS searches, COUNT(CASE WHEN hits = 0 THEN 1 END) AS without_result,
                COUNT(CASE WHEN degraded = 1 THEN 1 END) AS degraded
            FROM search_log
            WHERE tenant_id = @Tenant AND at >= @since AND at <= @until
            GROUP BY 1 ORDER BY 1
            """;

        return session.QueryAsync<SearchDay>(sql, new { since, until });
    }

    /// <summary>The newest searches, newest first.</summary>
    public static Task<IReadOnlyList<AskedText>> ListNewestAsync(Session session, DateTimeOffset since, DateTimeOffset until, bool isEmpty, int limit)
    {
        const string sql = """
            SELECT query AS text, at FROM search_log
            WHERE tenant_id = @Tenant AND at >= @since AND at <= @until AND (@isEmpty = 0 OR hits = 0)
            ORDER BY at DESC, id DESC LIMIT @limit
            """;

        return session.QueryAsync<AskedText>(sql, new { since, until, isEmpty = isEmpty ? 1 : 0, limit });
    }
}

/// <summary>The searches of one day, counted in days since 1970.</summary>
internal sealed record SearchDay
{
    public required long Day { get; init; }

    public required long Searches { get; init; }

    public required long WithoutResult { get; init; }

    public required long Degraded { get; init; }
}

/// <summary>Something that was asked, and when.</summary>
internal sealed record AskedText
{
    public required string Text { get; init; }

    public required DateTimeOffset At { get; init; }
}
