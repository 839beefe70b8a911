using Memoir.Kit.Data;
using Memoir.Server.Memories.Lists;

namespace Memoir.Server.Memories.Periods;

/// <summary>All SQL about periods.</summary>
internal static class PeriodStore
{
    private const string Columns = """
        sequence, memory_id, version, type, user_id, scope, known_from, known_until, valid_from, valid_until, expires_at, doubted
        """;

    /// <summary>In place of an end that is not known, as the indexes on ends have it.</summary>
    private const string Endless = "9223372036854775807";

    private const string Qualified = """
        p.sequence, p.memory_id, p.version, p.type, p.user_id, p.scope, p.known_from, p.known_until, p.valid_from, p.valid_until, p.expires_at, p.doubted
        """;

    public static Task InsertManyAsync(Session session, IReadOnlyList<Period> periods)
    {
        const string sql = $"""
            INSERT INTO memory_periods (tenant_id, {Columns})
            VALUES (@Tenant, @Sequence, @MemoryId, @Version, @Type, @UserId, @Scope, @KnownFrom, @KnownUntil, @ValidFrom, @ValidUntil, @ExpiresAt, @Doubted)
            """;

        return session.SendManyAsync(sql, periods);
    }

    public static Task EndAsync(Session session, long sequence, DateTimeOffset now) => session.SendAsync(
        "UPDATE memory_periods SET known_until = @now WHERE tenant_id = @Tenant AND sequence = @sequence", new { sequence, now });

    /// <summary>A memory's, the first ones first.</summary>
    public static Task<IReadOnlyList<Period>> ListAsync(Session session, Guid memoryId, long after, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM memory_periods
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND sequence > @after ORDER BY sequence LIMIT @limit
            """;

        return session.QueryAsync<Period>(sql, new { memoryId, after, limit });
    }

    /// <summary>Those of some of a memory's versions.</summary>
    public static Task<IReadOnlyList<Period>> ListVersionsAsync(Session session, Guid memoryId, long first, long last)
    {
        const string sql = $"""
            SELECT {Columns} FROM memory_periods
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND version >= @first AND version <= @last ORDER BY sequence
            """;

        return session.QueryAsync<Period>(sql, new { memoryId, first, last });
    }

    /// <summary>What of a memory is still taken to be true, as far as it ends after a time: at most one is true at any time.</summary>
    public static Task<IReadOnlyList<Period>> ListKnownAsync(Session session, Guid memoryId, DateTimeOffset after)
    {
        const string sql = $"""
            SELECT {Columns} FROM memory_periods
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND known_until IS NULL AND COALESCE(valid_until, {Endless}) > @after
            """;

        return session.QueryAsync<Period>(sql, new { memoryId, after });
    }

    public static async Task<Period?> FindAsync(Session session, Guid memoryId, Moment moment)
    {
        const string sql = $"""
            SELECT {Columns} FROM memory_periods
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND known_from <= @KnownAt AND (known_until IS NULL OR known_until > @KnownAt)
                AND valid_from <= @AsOf AND (valid_until IS NULL OR valid_until > @AsOf)
            ORDER BY sequence DESC LIMIT 1
            """;

        return await session.FindAsync<Period>(sql, new { memoryId, moment.KnownAt, moment.AsOf });
    }

    public static Task<IReadOnlyList<Period>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences) => session.QueryAsync<Period>(
        $"SELECT {Columns} FROM memory_periods WHERE tenant_id = @Tenant AND sequence IN @sequences", new { sequences });

    /// <summary>A run of the tenant's order, for filling the index: without those of archived memories.</summary>
    public static Task<IReadOnlyList<Period>> ListAfterAsync(Session session, long sequence, int limit)
    {
        const string sql = $"""
            SELECT {Qualified} FROM memory_periods p JOIN memories m ON m.tenant_id = p.tenant_id AND m.id = p.memory_id
            WHERE p.tenant_id = @Tenant AND p.sequence > @sequence AND m.archived_at IS NULL
            ORDER BY p.sequence LIMIT @limit
            """;

        return session.QueryAsync<Period>(sql, new { sequence, limit });
    }

    /// <summary>What was true then and is not archived or expired, newest first; without a moment what is true now though something else was told after it.</summary>
    public static Task<IReadOnlyList<Period>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        const string then = """
            p.known_from <= @KnownAt AND (p.known_until IS NULL OR p.known_until > @KnownAt)
            AND p.valid_from <= @AsOf AND (p.valid_until IS NULL OR p.valid_until > @AsOf) AND p.sequence < @Below
            """;

        // Not by the primary key, which would be read from its end: of these there are few.
        const string current = $"""
            p.known_until IS NULL AND p.valid_from <= @AsOf AND COALESCE(p.valid_until, {Endless}) > @AsOf AND p.sequence + 0 < @Below
            """;
        var isNow = filter.Moment is null;
        var sql = $"""
            SELECT {Qualified} FROM memory_periods p JOIN memories m ON m.tenant_id = p.tenant_id AND m.id = p.memory_id
            WHERE p.tenant_id = @Tenant AND {(isNow ? current : then)} AND m.archived_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > @now)
                AND (p.doubted = 0 OR m.released_at IS NOT NULL)
            """
            + (filter.UserId is null ? "" : " AND p.user_id = @UserId")
            + (filter.SharedAlone ? " AND p.scope = 'shared'" : "")
            + (filter.Type is null ? "" : " AND p.type = @Type")
            + (filter.ConversationId is null ? "" : " AND m.conversation_id = @ConversationId")
            + (isNow ? " ORDER BY p.sequence + 0 DESC" : " ORDER BY p.sequence DESC") + " LIMIT @limit";
        return session.QueryAsync<Period>(sql, new
        {
            filter.UserId,
            filter.Type,
            filter.ConversationId,
            filter.Below,
            AsOf = filter.Moment?.AsOf ?? now,
            KnownAt = filter.Moment?.KnownAt ?? now,
            now,
            limit,
        });
    }

    /// <summary>The words of periods: those of their versions.</summary>
    public static Task<IReadOnlyList<VersionText>> ListTextsAsync(Session session, IReadOnlyList<long> sequences)
    {
        const string sql = """
            SELECT p.sequence, v.snapshot FROM memory_periods p
            JOIN memory_versions v ON v.tenant_id = p.tenant_id AND v.memory_id = p.memory_id AND v.version = p.version
            WHERE p.tenant_id = @Tenant AND p.sequence IN @sequences
            """;

        return session.QueryAsync<VersionText>(sql, new { sequences });
    }

    public static Task DeleteAsync(Session session, long sequence) => session.SendAsync(
        "DELETE FROM memory_periods WHERE tenant_id = @Tenant AND sequence = @sequence", new { sequence });
}

/// <summary>The words of a period.</summary>
internal sealed record VersionText
{
    public required long Sequence { get; init; }

    public required Json Snapshot { get; init; }
}
