using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>The SQL of a tenant's view of its jobs.</summary>
internal static class JobRecordStore
{
    private const string Columns = "id, kind, status, attempts, due_at, created_at, started_at, finished_at, last_error";
    private const string Newest = "(created_at, id) < (@at, @id) AND (@kind IS NULL OR kind = @kind) ORDER BY created_at DESC, id DESC LIMIT @limit";

    /// <summary>Newest first, from just before a place in that order; jobs made in the same microsecond by their ids.</summary>
    public static Task<IReadOnlyList<JobRecord>> ListAsync(Session session, string? status, string? kind, DateTimeOffset at, Guid id, int limit)
    {
        // Two texts, so that each can follow its index.
        const string all = $"SELECT {Columns} FROM jobs WHERE tenant_id = @Tenant AND {Newest}";
        const string some = $"SELECT {Columns} FROM jobs WHERE tenant_id = @Tenant AND status = @status AND {Newest}";

        return status is null
            ? session.QueryAsync<JobRecord>(all, new { kind, at, id, limit })
            : session.QueryAsync<JobRecord>(some, new { status, kind, at, id, limit });
    }

    public static Task<JobRecord?> FindAsync(Session session, Guid id) =>
        session.FindAsync<JobRecord>($"SELECT {Columns} FROM jobs WHERE tenant_id = @Tenant AND id = @id", new { id });

    /// <returns>How many there were to queue again: one or none.</returns>
    public static Task<int> RequeueAsync(Session session, Guid id, DateTimeOffset now)
    {
        const string sql = """
            UPDATE jobs SET status = 'queued', attempts = 0, due_at = @now, started_at = NULL, finished_at = NULL, last_error = NULL
            WHERE tenant_id = @Tenant AND id = @id AND status IN ('failed', 'dead')
            """;

        return session.ExecuteAsync(sql, new { id, now });
    }

    /// <returns>How many dead ones there were to forget: one or none.</returns>
    public static Task<int> DeleteDeadAsync(Session session, Guid id) =>
        session.ExecuteAsync("DELETE FROM jobs WHERE tenant_id = @Tenant AND id = @id AND status = 'dead'", new { id });
}
