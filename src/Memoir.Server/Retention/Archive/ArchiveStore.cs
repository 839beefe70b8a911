using Memoir.Kit.Data;

namespace Memoir.Server.Retention.Archive;

/// <summary>The SQL about which texts stand in which file.</summary>
internal static class ArchiveStore
{
    /// <summary>The memories whose text stands in a file.</summary>
    public static async Task<HashSet<Guid>> ListMemoriesAsync(Session session, string file)
    {
        var ids = new HashSet<Guid>();
        await session.ScanAsync(
            "SELECT id FROM memories WHERE tenant_id = @Tenant AND archive_file = @file", new { file }, row => ids.Add(row.Id(0)));
        return ids;
    }

    public static async Task<HashSet<string>> ListFilesAsync(Session session) =>
        [.. await session.QueryAsync<string>("SELECT DISTINCT archive_file FROM memories WHERE tenant_id = @Tenant AND archive_file IS NOT NULL", new { })];

    /// <summary>Whether a run other than the caller's own may be between writing a file and saying so in the database.</summary>
    public static async Task<bool> IsBeingWrittenAsync(Session session, DateTimeOffset now, Guid own)
    {
        const string sql = "SELECT 1 FROM retention_runs WHERE tenant_id = @Tenant AND finished_at IS NULL AND lease_until > @now AND id <> @own";

        return await session.ScalarAsync(sql, new { now, own }) is not null;
    }

    /// <summary>Cross-tenant: who may have files.</summary>
    public static Task<IReadOnlyList<string>> ListTenantsAsync(Session system, string after, int limit) =>
        system.QueryAsync<string>(
            "SELECT tenant_id FROM tenants WHERE last_sequence > 0 AND tenant_id > @after ORDER BY tenant_id LIMIT @limit", new { after, limit });

    public static Task SetTextAsync(Session session, Guid id, string content) =>
        session.SendAsync("UPDATE memories SET content = @content, archive_file = NULL WHERE tenant_id = @Tenant AND id = @id", new { id, content });

    public static Task SetSnapshotAsync(Session session, Guid id, long version, string snapshot)
    {
        const string sql = """
            UPDATE memory_versions SET snapshot = @snapshot
            WHERE tenant_id = @Tenant AND memory_id = @id AND version = @version AND snapshot = ''
            """;

        return session.SendAsync(sql, new { id, version, snapshot });
    }

    public static async Task<Dictionary<long, string>> ListSnapshotsAsync(Session session, Guid id)
    {
        var found = new Dictionary<long, string>();
        await session.ScanAsync(
            "SELECT version, snapshot FROM memory_versions WHERE tenant_id = @Tenant AND memory_id = @id ORDER BY version", new { id },
            row => found[row.Number(0)] = row.Text(1));
        return found;
    }

    /// <returns>Null when the memory is gone, or its text still stands in a file.</returns>
    public static async Task<ArchivedText?> FindBroughtBackAsync(Session session, Guid id) =>
        await session.QueryAsync<string>("SELECT content FROM memories WHERE tenant_id = @Tenant AND id = @id AND archive_file IS NULL", new { id }) is [var content, ..]
            ? new ArchivedText(id, content, await ListSnapshotsAsync(session, id))
            : null;

    /// <summary>Forgets a text that stands in a file from now on.</summary>
    public static async Task ForgetTextAsync(Session session, ArchivedText text, string file)
    {
        await session.SendAsync("UPDATE memories SET content = '', archive_file = @file WHERE tenant_id = @Tenant AND id = @Id", new { text.Id, file });
        foreach (var version in text.Versions.Keys)
        {
            await session.SendAsync(
                "UPDATE memory_versions SET snapshot = '' WHERE tenant_id = @Tenant AND memory_id = @Id AND version = @version", new { text.Id, version });
        }
    }
}
