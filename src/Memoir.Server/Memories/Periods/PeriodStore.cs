using Memoir.Kit.Data;
using Memoir.Server.Memories.Lists;

namespace Memoir.Server.Memories.Periods;

/// <summary>All SQL about periods. Those of archived memories are asked for by the memory alone.</summary>
internal static class PeriodStore
{
    private const string Columns = "sequence, memory_id, version, type, user_id, scope, known_from, known_until, valid_from, valid_until";

    /// <summary>In place of an end that is not known, as the index on ends has it.</summary>
    private const string Endless = "9223372036854775807";

    private const string Qualified = """
        p.sequence, p.memory_id, p.version, p.type, p.user_id, p.scope, p.known_from, p.known_until, p.valid_from, p.valid_until
        """;

    public static Task InsertManyAsync(Session session, IReadOnlyList<Period> periods)
    {
        const string sql = $"""
            INSERT INTO memory_periods (tenant_id, {Columns})
            VALUES (@Tenant, @Sequence, @MemoryId, @Version, @Type, @UserId, @Scope, @KnownFrom, @KnownUntil, @ValidFrom, @ValidUntil)
            """;

        return session.SendManyAsync(sql, periods);
    }

    public static Task EndAsync(Session session, long sequence, DateTimeOffset now) => session.SendAsync(
        "UPDATE memory_periods SET known_until = @now WHERE tenant_id = @Tenant AND sequence = @sequence", new { sequence, now });

    public static Task<IReadOnlyList<Period>> ListAsync(Session session, Guid memoryId) => session.QueryAsync<Period>(
        $"SELECT {Columns} FROM memory_periods WHERE tenant_id = @Tenant AND memory_id = @memoryId ORDER BY sequence", new { memoryId });

    /// <summary>What of a memory is still taken to be true.</summary>
    public static Task<IReadOnlyList<Period>> ListKnownAsync(Session session, Guid memoryId)
    {
        const string sql = $"""
            SELECT {Columns} FROM memory_periods
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND known_until IS NULL ORDER BY sequence
            """;

        return session.QueryAsync<Period>(sql, new { memoryId });
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

    /// <summary>A run of the tenant's order, for filling the index.</summary>
    public static Task<IReadOnlyList<Period>> ListAfterAsync(Session session, long sequence, int limit)
    {
        const string sql = $"""
            SELECT {Qualified} FROM memory_periods p JOIN memories m ON m.tenant_id = p.tenant_id AND m.id = p.memory_id
            WHERE p.tenant_id = @Tenant AND p.sequence > @sequence AND m.archived_at IS NULL
            ORDER BY p.sequence LIMIT @limit
            """;

        return session.QueryAsync<Period>(sql, new { sequence, limit });
    }

    /// <summary>What was true then, newest first; without a moment what is true now though it was not told last.</summary>
    public static Task<IReadOnlyList<Period>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        const string then = """
            p.known_from <= @KnownAt AND (p.known_until IS NULL OR p.known_until > @KnownAt)
            AND p.valid_from <= @AsOf AND (p.valid_until IS NULL OR p.valid_until > @AsOf)
            """;
        const string current = $"p.known_until IS NULL AND p.valid_from <= @AsOf AND COALESCE(p.valid_until, {Endless}) > @AsOf";
        var sql = $"""
            SELECT {Qualified} FROM memory_periods p JOIN memories m ON m.tenant_id = p.tenant_id AND m.id = p.memory_id
            WHERE p.tenant_id = @Tenant AND {(filter.Moment is null ? current : then)} AND p.sequence + 0 < @Below AND m.archived_at IS NULL
            """
            + (filter.UserId is null ? "" : " AND p.user_id = @UserId")
            + (filter.SharedAlone ? " AND p.scope = 'shared'" : "")
            + (filter.Type is null ? "" : " AND p.type = @Type")
            + (filter.ConversationId is null ? "" : " AND m.conversation_id = @ConversationId")
            + " ORDER BY p.sequence + 0 DESC LIMIT @limit"; // Not by the primary key, which would be read from its end: there are few of them, or a user's.
        return session.QueryAsync<Period>(sql, new
        {
            filter.UserId,
            filter.Type,
            filter.ConversationId,
            filter.Below,
            AsOf = filter.Moment?.AsOf ?? now,
            KnownAt = filter.Moment?.KnownAt ?? now,
            limit,
        });
    }

    public static Task<IReadOnlyList<VersionText>> ListTextsAsync(Session session, IReadOnlyList<long> sequences)
    {
        const string sql = """
            SELECT p.sequence, v.snapshot FROM memory_periods p
            JOIN memory_versions v ON v.tenant_id = p.tenant_id AND v.memory_id = p.memory_id AND v.version = p.version
            WHERE p.tenant_id = @Tenant AND p.sequence IN @sequences
            """;

        return session.QueryAsync<VersionText>(sql, new { sequences });
    }

    public static Task DeleteAsync(Session session, Guid memoryId) => session.SendAsync(
        "DELETE FROM memory_periods WHERE tenant_id = @Tenant AND memory_id = @memoryId", new { memoryId });

    public static Task DeleteAsync(Session session, Guid memoryId, long version) => session.SendAsync(
        "DELETE FROM memory_periods WHERE tenant_id = @Tenant AND memory_id = @memoryId AND version = @version", new { memoryId, version });
}

/// <summary>The words of a period: those of its version.</summary>
internal sealed record VersionText
{
    public required long Sequence { get; init; }

    public required Json Snapshot { get; init; }
}
