using Memoir.Kit.Data;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>All SQL about the records of erasures.</summary>
internal static class ErasureStore
{
    private const string Columns = """
        id, tenant_id, subject, key_id, is_whole_tenant, requested_at, up_to, actor, request_id, user_id, erased, completed_at,
        last_change, receipt, rewritten_at
        """;

    public static Task InsertAsync(Session session, ErasureRow row)
    {
        const string sql = """
            INSERT INTO erasures (tenant_id, id, subject, key_id, is_whole_tenant, requested_at, up_to, actor, request_id, user_id,
                erased, completed_at, last_change, receipt)
            VALUES (@Tenant, @Id, @Subject, @KeyId, @IsWholeTenant, @RequestedAt, @UpTo, @Actor, @RequestId, @UserId,
                @Erased, @CompletedAt, @LastChange, @Receipt)
            ON CONFLICT DO NOTHING
            """;

        return session.SendAsync(sql, row);
    }

    public static Task<ErasureRow?> FindAsync(Session session, Guid id) =>
        session.FindAsync<ErasureRow>($"SELECT {Columns} FROM erasures WHERE tenant_id = @Tenant AND id = @id", new { id });

    /// <summary>The last one of a subject.</summary>
    public static Task<ErasureRow?> FindLastAsync(Session session, string subject)
    {
        const string sql = $"""
            SELECT {Columns} FROM erasures
            WHERE tenant_id = @Tenant AND subject = @subject
            ORDER BY requested_at DESC, id DESC LIMIT 1
            """;

        return session.FindAsync<ErasureRow>(sql, new { subject });
    }

    /// <summary>Newest first, from just before a place in that order.</summary>
    public static Task<IReadOnlyList<ErasureRow>> ListAsync(Session session, DateTimeOffset at, Guid id, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM erasures
            WHERE tenant_id = @Tenant AND (requested_at, id) < (@at, @id)
            ORDER BY requested_at DESC, id DESC LIMIT @limit
            """;

        return session.QueryAsync<ErasureRow>(sql, new { at, id, limit });
    }

    /// <summary>All of the tenant, oldest first.</summary>
    public static Task<IReadOnlyList<ErasureRow>> ListAllAsync(Session session) =>
        session.QueryAsync<ErasureRow>($"SELECT {Columns} FROM erasures WHERE tenant_id = @Tenant ORDER BY requested_at, id", new { });

    /// <summary>How often this subject, or all, was erased: a reader that finds another number than before reads what was erased.</summary>
    /// <param name="session">A session that reads.</param>
    /// <param name="subjects">The pseudonyms that one subject has; null for any.</param>
    public static async Task<long> CountAsync(Session session, IReadOnlyList<string>? subjects) => subjects is null
        ? await session.ScalarAsync("SELECT COUNT(*) FROM erasures WHERE tenant_id = @Tenant", new { }) ?? 0
        : (await session.QueryAsync<long>("SELECT requested_at FROM erasures WHERE tenant_id = @Tenant AND subject IN @subjects", new { subjects })).Count;

    public static async Task<long> CountUnfinishedAsync(Session session, IReadOnlyList<string>? subjects) => subjects is null
        ? await session.ScalarAsync("SELECT COUNT(*) FROM erasures WHERE tenant_id = @Tenant AND completed_at IS NULL", new { }) ?? 0
        : (await session.QueryAsync<long>(
            "SELECT requested_at FROM erasures WHERE tenant_id = @Tenant AND subject IN @subjects AND completed_at IS NULL", new { subjects })).Count;

    public static async Task AddAsync(Session session, Guid id, ErasedCounts more)
    {
        if (await FindAsync(session, id) is { } row)
        {
            await session.SendAsync(
                "UPDATE erasures SET erased = @Erased WHERE tenant_id = @Tenant AND id = @id", new { id, Erased = (ErasedCounts.Of(row.Erased) + more).ToJson() });
        }
    }

    /// <summary>Keeps the proof and forgets the name; once.</summary>
    public static async Task<bool> CompleteAsync(Session session, ErasureRow done)
    {
        const string sql = """
            UPDATE erasures SET completed_at = @CompletedAt, last_change = @LastChange, receipt = @Receipt, user_id = NULL
            WHERE tenant_id = @Tenant AND id = @Id AND completed_at IS NULL
            """;

        return await session.ExecuteAsync(sql, done) == 1;
    }

    public static async Task<long> LastSequenceAsync(Session session) =>
        await session.ScalarAsync("SELECT last_sequence FROM tenants WHERE tenant_id = @Tenant", new { }) ?? 0;

    public static async Task<long> CountSinceAsync(Session session, IReadOnlyList<string> subjects, DateTimeOffset since) => (await session.QueryAsync<long>(
        "SELECT requested_at FROM erasures WHERE tenant_id = @Tenant AND subject IN @subjects AND requested_at >= @since", new { subjects, since })).Count;

    /// <summary>Cross-tenant: what nobody has finished since.</summary>
    public static Task<IReadOnlyList<ErasureRow>> ListUnfinishedAsync(Session system, DateTimeOffset before, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM erasures WHERE completed_at IS NULL AND requested_at < @before
            ORDER BY requested_at LIMIT @limit
            """;

        return system.QueryAsync<ErasureRow>(sql, new { before, limit });
    }

    /// <summary>Cross-tenant: what is done, and not yet out of the files.</summary>
    public static Task<IReadOnlyList<ErasureRow>> ListUnwrittenAsync(Session system, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM erasures WHERE rewritten_at IS NULL AND completed_at IS NOT NULL
            ORDER BY completed_at LIMIT @limit
            """;

        return system.QueryAsync<ErasureRow>(sql, new { limit });
    }

    /// <summary>Cross-tenant: the files were written anew after these were done.</summary>
    public static Task<int> MarkRewrittenAsync(Session system, DateTimeOffset upTo, DateTimeOffset now) => system.ExecuteAsync(
        "UPDATE erasures SET rewritten_at = @now WHERE rewritten_at IS NULL AND completed_at <= @upTo", new { upTo, now });
}
