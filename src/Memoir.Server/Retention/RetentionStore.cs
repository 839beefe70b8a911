using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Retention.Holds;

namespace Memoir.Server.Retention;

/// <summary>All SQL about policies, runs, and which memories they concern.</summary>
internal static class RetentionStore
{
    private const string PolicyColumns = "max_age_days, importance_threshold, delete_after_days, max_items, keep_important_factor";
    private const string RunColumns = "id, actions, started_at, lease_until, done_to, archived, deleted, finished_at";

    private const string Facts = $"""
        SELECT * FROM (
            SELECT id, sequence, version, archived_at, archive_file,
                CASE WHEN expires_at <= @now AND {MemoryPeriods.StillHold} THEN NULL ELSE expires_at END AS expires_at,
                COALESCE(importance_override, importance_base) AS importance,
                CASE WHEN restored_at > occurred_at THEN restored_at ELSE occurred_at END AS since,
                {LegalHolds.IsHeld} AS is_held
            FROM memories WHERE tenant_id = @Tenant) AS facts
        """;

    private const string Live = "archived_at IS NULL AND (expires_at IS NULL OR expires_at > @now)";

    public static Task<StoredPolicy?> FindPolicyAsync(Session session) =>
        session.FindAsync<StoredPolicy>($"SELECT {PolicyColumns}, updated_at FROM retention_policies WHERE tenant_id = @Tenant", new { });

    public static Task PutPolicyAsync(Session session, RetentionPolicy policy, DateTimeOffset now)
    {
        const string sql = $"""
            INSERT INTO retention_policies (tenant_id, {PolicyColumns}, updated_at)
            VALUES (@Tenant, @MaxAgeDays, @ImportanceThreshold, @DeleteAfterDays, @MaxItems, @KeepImportantFactor, @now)
            ON CONFLICT (tenant_id) DO UPDATE SET max_age_days = excluded.max_age_days,
                importance_threshold = excluded.importance_threshold, delete_after_days = excluded.delete_after_days,
                max_items = excluded.max_items, keep_important_factor = excluded.keep_important_factor, updated_at = excluded.updated_at
            """;

        return session.ExecuteAsync(
            sql, new { policy.MaxAgeDays, policy.ImportanceThreshold, policy.DeleteAfterDays, policy.MaxItems, policy.KeepImportantFactor, now });
    }

    public static Task<int> DeletePolicyAsync(Session session) =>
        session.ExecuteAsync("DELETE FROM retention_policies WHERE tenant_id = @Tenant", new { });

    /// <summary>Cross-tenant: who has a policy of their own.</summary>
    public static Task<IReadOnlyList<string>> ListTenantsWithPolicyAsync(Session system, string after, int limit) =>
        system.QueryAsync<string>(
            "SELECT tenant_id FROM retention_policies WHERE tenant_id > @after ORDER BY tenant_id LIMIT @limit", new { after, limit });

    /// <summary>Cross-tenant: everybody who ever stored anything.</summary>
    public static Task<IReadOnlyList<string>> ListTenantsAsync(Session system, string after, int limit) =>
        system.QueryAsync<string>(
            "SELECT tenant_id FROM tenants WHERE last_sequence > 0 AND tenant_id > @after ORDER BY tenant_id LIMIT @limit", new { after, limit });

    public static Task<RetentionRun?> FindRunAsync(Session session) =>
        session.FindAsync<RetentionRun>($"SELECT {RunColumns} FROM retention_runs WHERE tenant_id = @Tenant", new { });

    /// <summary>Makes a run the tenant's.</summary>
    public static Task PutRunAsync(Session session, RetentionRun run)
    {
        const string sql = $"""
            INSERT INTO retention_runs (tenant_id, {RunColumns})
            VALUES (@Tenant, @Id, @Actions, @StartedAt, @LeaseUntil, @DoneTo, @Archived, @Deleted, @FinishedAt)
            ON CONFLICT (tenant_id) DO UPDATE SET id = excluded.id, actions = excluded.actions, started_at = excluded.started_at,
                lease_until = excluded.lease_until, done_to = excluded.done_to, archived = excluded.archived, deleted = excluded.deleted,
                finished_at = excluded.finished_at
            """;

        return session.ExecuteAsync(sql, run);
    }

    /// <summary>The memories after a place in the tenant's order for which a run may do something; which of them, the policy decides.</summary>
    public static Task<IReadOnlyList<RetentionFacts>> ListAfterAsync(Session session, RetentionRule rule, DateTimeOffset now, long after, int limit)
    {
        const string sql = $"""
            {Facts}
            WHERE sequence > @after AND (expires_at <= @now OR archived_at <= @overAt
                OR (archived_at IS NULL AND (since <= @importantAt OR (importance < @threshold AND since <= @oldAt))))
            ORDER BY sequence LIMIT @limit
            """;

        var (policy, oldAt) = (rule.Policy, rule.Policy.OldAt(now));
        return session.QueryAsync<RetentionFacts>(sql, new
        {
            after,
            limit,
            now,
            overAt = policy.OverAt(now),
            importantAt = policy.OldAtIfImportant(now),
            threshold = policy.ImportanceThreshold,
            oldAt = rule.ExcessTo is { } last && last.Since > oldAt ? last.Since : oldAt,
        });
    }

    public static Task<IReadOnlyList<RetentionFacts>> ListAsync(Session session, IReadOnlyList<long> sequences, DateTimeOffset now) =>
        session.QueryAsync<RetentionFacts>($"{Facts} WHERE sequence IN @sequences ORDER BY sequence", new { sequences, now });

    /// <summary>How many memories there are out of the archive, and how many of them go for their age.</summary>
    public static async Task<RetentionCounts> CountAsync(Session session, RetentionPolicy policy, DateTimeOffset now)
    {
        const string sql = $"""
            SELECT COUNT(*),
                COALESCE(SUM(CASE WHEN is_held = 0 AND importance < @threshold AND since <= @oldAt THEN 1 ELSE 0 END), 0),
                COALESCE(SUM(CASE WHEN is_held = 0 AND importance >= @threshold AND since <= @importantAt THEN 1 ELSE 0 END), 0)
            FROM ({Facts}) AS live WHERE {Live}
            """;

        var counts = new RetentionCounts(0, 0, 0);
        await session.ScanAsync(
            sql,
            new { now, threshold = policy.ImportanceThreshold, oldAt = policy.OldAt(now), importantAt = policy.OldAtIfImportant(now) },
            row => counts = new RetentionCounts(row.Number(0), row.Number(1), row.Number(2)));
        return counts;
    }

    /// <summary>The place of the last one of so many, in the order in which unimportant memories go; of all of them when they are fewer.</summary>
    public static async Task<RetentionPlace?> FindPlaceAsync(Session session, RetentionPolicy policy, DateTimeOffset now, long count)
    {
        const string sql = $"""
            SELECT since, importance, sequence FROM (
                {Facts} WHERE {Live} AND is_held = 0 AND importance < @threshold
                ORDER BY since, importance, sequence LIMIT @count) AS going
            ORDER BY since DESC, importance DESC, sequence DESC LIMIT 1
            """;

        RetentionPlace? place = null;
        await session.ScanAsync(
            sql, new { now, threshold = policy.ImportanceThreshold, count },
            row => place = new RetentionPlace(Instants.FromMicroseconds(row.Number(0)), row.Real(1), row.Number(2)));
        return place;
    }

    /// <summary>A memory leaves the default search; its vectors go with it, and are made anew when it comes back.</summary>
    public static Task ArchiveAsync(Session session, long sequence, DateTimeOffset now)
    {
        const string sql = """
            UPDATE memories SET archived_at = @now, version = version + 1, embedding_status = 'skipped'
            WHERE tenant_id = @Tenant AND sequence = @sequence
            """;

        return session.SendAsync(sql, new { sequence, now });
    }

    public static async Task DeleteAsync(Session session, Guid id)
    {
        await session.SendAsync("DELETE FROM memories WHERE tenant_id = @Tenant AND id = @id", new { id });
        await session.SendAsync("DELETE FROM memory_versions WHERE tenant_id = @Tenant AND memory_id = @id", new { id });
    }
}

/// <summary>A policy as it is stored for a tenant.</summary>
internal sealed record StoredPolicy
{
    public required long MaxAgeDays { get; init; }

    public required double ImportanceThreshold { get; init; }

    public required long DeleteAfterDays { get; init; }

    public long? MaxItems { get; init; }

    public double? KeepImportantFactor { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public RetentionPolicy ToPolicy() => new()
    {
        MaxAgeDays = MaxAgeDays,
        ImportanceThreshold = ImportanceThreshold,
        DeleteAfterDays = DeleteAfterDays,
        MaxItems = MaxItems,
        KeepImportantFactor = KeepImportantFactor,
    };
}

/// <param name="Live">Memories out of the archive.</param>
/// <param name="Old">Unimportant ones of them that are old and not held.</param>
/// <param name="OldThoughImportant">Important ones of them that are old enough to go, and not held.</param>
internal readonly record struct RetentionCounts(long Live, long Old, long OldThoughImportant);
