using Memoir.Kit.Data;
using Memoir.Server.Memories;

namespace Memoir.Server.Analytics;

/// <summary>All SQL that sums up a tenant's memories.</summary>
internal static class AnalyticsStore
{
    private const int LongestText = 500;

    public static Task<IReadOnlyList<MemoryDay>> CountByDayAsync(Session session, DateTimeOffset since, DateTimeOffset until)
    {
        const string sql = """
            SELECT occurred_at / 86400000000 AS day, type, role, COUNT(*) AS memories
            FROM memories
            WHERE tenant_id = @Tenant AND occurred_at >= @since AND occurred_at <= @until
            GROUP BY 1, 2, 3
            """;

        return session.QueryAsync<MemoryDay>(sql, new { since, until });
    }

    public static async Task<long> CountConversationsAsync(Session session) => await session.ScalarAsync(
        "SELECT COUNT(DISTINCT conversation_id) FROM memories WHERE tenant_id = @Tenant AND conversation_id IS NOT NULL", new { }) ?? 0;

    /// <summary>What every memory's importance is made of, one by one and without its text.</summary>
    public static Task ScanImportanceAsync(Session session, Action<ImportanceParts> read)
    {
        const string sql = """
            SELECT importance_base, COALESCE(importance_override, -1.0), occurred_at, CASE WHEN archived_at IS NULL THEN 0 ELSE 1 END
            FROM memories WHERE tenant_id = @Tenant
            """;

        return session.ScanAsync(sql, new { }, row => read(new ImportanceParts(
            row.Real(0), row.Real(1) is >= 0 and var given ? given : null, Instants.FromMicroseconds(row.Number(2)), row.Number(3) == 1)));
    }

    /// <summary>The beginnings of the newest texts, newest first. However many there are, no more are looked at.</summary>
    public static async Task<IReadOnlyList<SampledText>> ListNewestAsync(Session session, DateTimeOffset since, DateTimeOffset until, int limit)
    {
        const string sql = """
            SELECT role, text, at FROM (
                SELECT sequence, role, substr(content, 1, CAST(@longest AS INTEGER)) AS text, occurred_at AS at FROM memories
                WHERE tenant_id = @Tenant ORDER BY sequence DESC LIMIT @limit) AS newest
            WHERE at >= @since AND at <= @until
            ORDER BY sequence DESC
            """;

        var portion = await session.QueryPortionAsync<SampledText>(
            sql, new { since, until, limit, longest = LongestText }, row => row.Text.Length, MemoryReader.MostCharacters);
        return portion.Items;
    }
}

/// <summary>What decides a memory's importance at a moment.</summary>
internal readonly record struct ImportanceParts(double Base, double? Given, DateTimeOffset OccurredAt, bool IsArchived);

/// <summary>The memories of one day, counted in days since 1970, that share a type and a role.</summary>
internal sealed record MemoryDay
{
    public required long Day { get; init; }

    public required string Type { get; init; }

    public string? Role { get; init; }

    public required long Memories { get; init; }
}

/// <summary>The beginning of a memory.</summary>
internal sealed record SampledText
{
    public string? Role { get; init; }

    public required string Text { get; init; }

    public required DateTimeOffset At { get; init; }
}
