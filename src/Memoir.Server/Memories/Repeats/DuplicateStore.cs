using Memoir.Kit.Data;

namespace Memoir.Server.Memories.Repeats;

/// <summary>All SQL about which memory repeats which.</summary>
internal static class DuplicateStore
{
    /// <summary>The places of the memories with one of these hashes that others may repeat; doubted messages are repeated by none, however many there are.</summary>
    public static async Task<IReadOnlyList<long>> FindFirstsAsync(Session session, IReadOnlyList<long> hashes, DateTimeOffset now)
    {
        const string standing = """
            duplicate_of IS NULL AND archived_at IS NULL AND (expires_at IS NULL OR expires_at > @now) AND (quarantine IS NULL OR type <> 'message')
            """;
        const string firsts = $"FROM memories WHERE tenant_id = @Tenant AND content_hash IN @hashes AND {standing}";
        if (session.MayAssume)
        {
            // Nearly everything is said for the first time, and then a trip is saved.
            await session.AssumeAsync($"SELECT COUNT(*) FROM (SELECT 1) AS one WHERE NOT EXISTS (SELECT 1 {firsts})", new { hashes, now });
            return [];
        }

        if (session.Dialect == Dialect.Sqlite)
        {
            // One statement that is compiled already, for each: a list would be compiled anew for every length.
            var found = new List<long>();
            foreach (var hash in hashes)
            {
                await session.ScanAsync($"SELECT sequence FROM memories WHERE tenant_id = @Tenant AND content_hash = @hash AND {standing}", new { hash, now }, row => found.Add(row.Number(0)));
            }

            return found;
        }

        return await session.QueryAsync<long>($"SELECT sequence {firsts}", new { hashes, now });
    }

    /// <summary>Those of the memories at these places that others repeat.</summary>
    public static async Task<IReadOnlyList<Guid>> ListRepeatedAsync(Session session, IReadOnlyList<long> sequences)
    {
        const string sql = """
            SELECT id FROM memories
            WHERE tenant_id = @Tenant AND sequence IN @sequences
                AND EXISTS (SELECT 1 FROM memories AS later WHERE later.tenant_id = @Tenant AND later.duplicate_of = memories.id)
            """;

        return [.. (await session.QueryAsync<RepeatedMemory>(sql, new { sequences })).Select(memory => memory.Id)];
    }

    /// <summary>The place of the oldest memory that repeats another one, of those that are not in the archive where there are such.</summary>
    public static Task<long?> FindHeirAsync(Session session, Guid first)
    {
        const string sql = """
            SELECT sequence FROM memories
            WHERE tenant_id = @Tenant AND duplicate_of = @first
            ORDER BY CASE WHEN archived_at IS NULL THEN 0 ELSE 1 END, sequence LIMIT 1
            """;

        return session.ScalarAsync(sql, new { first });
    }

    public static Task RelinkAsync(Session session, Guid first, Guid heir) => session.ExecuteAsync(
        "UPDATE memories SET duplicate_of = @heir WHERE tenant_id = @Tenant AND duplicate_of = @first", new { first, heir });

    /// <summary>Of memories that repeat one that is gone: each stands for itself.</summary>
    public static Task FreeOrphansAsync(Session session)
    {
        const string sql = """
            UPDATE memories SET duplicate_of = NULL, version = version + 1
            WHERE tenant_id = @Tenant AND duplicate_of IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM memories AS firsts WHERE firsts.tenant_id = @Tenant AND firsts.id = memories.duplicate_of)
            """;

        return session.ExecuteAsync(sql, new { });
    }

    private sealed record RepeatedMemory
    {
        public required Guid Id { get; init; }
    }
}
