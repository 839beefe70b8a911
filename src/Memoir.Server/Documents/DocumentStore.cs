using Memoir.Kit.Data;

namespace Memoir.Server.Documents;

/// <summary>All SQL about documents. Written to run unchanged on SQLite and PostgreSQL.</summary>
internal static class DocumentStore
{
    /// <summary>Of diffs in one answer, about.</summary>
    private const int MostCharacters = 1_000_000;

    private const string Columns = "id, kind, name, user_id, version, is_deleted, created_at, updated_at";
    private const string VersionColumns = "document_id, version, action, actor, at, diff, content, checksum, damaged_at";

    public static Task<DocumentRow?> FindAsync(Session session, DocumentKey key) => session.FindAsync<DocumentRow>(
        $"SELECT {Columns} FROM documents WHERE tenant_id = @Tenant AND kind = @Kind AND name = @Name", new { key.Kind, key.Name });

    public static Task InsertAsync(Session session, DocumentRow row)
    {
        const string sql = $"""
            INSERT INTO documents (tenant_id, {Columns})
            VALUES (@Tenant, @Id, @Kind, @Name, @UserId, @Version, @IsDeleted, @CreatedAt, @UpdatedAt)
            """;

        return session.SendAsync(sql, row);
    }

    public static Task UpdateAsync(Session session, DocumentRow row)
    {
        const string sql = """
            UPDATE documents SET version = @Version, is_deleted = @IsDeleted, updated_at = @UpdatedAt
            WHERE tenant_id = @Tenant AND id = @Id
            """;

        return session.SendAsync(sql, row);
    }

    public static Task InsertVersionAsync(Session session, DocumentVersion version)
    {
        const string sql = $"""
            INSERT INTO document_versions (tenant_id, {VersionColumns})
            VALUES (@Tenant, @DocumentId, @Version, @Action, @Actor, @At, @Diff, @Content, @Checksum, @DamagedAt)
            """;

        return session.SendAsync(sql, version);
    }

    public static Task<DocumentVersion?> FindVersionAsync(Session session, Guid id, long version)
    {
        const string sql = $"""
            SELECT {VersionColumns} FROM document_versions
            WHERE tenant_id = @Tenant AND document_id = @id AND version = @version
            """;

        return session.FindAsync<DocumentVersion>(sql, new { id, version });
    }

    /// <summary>The newest version up to this one.</summary>
    public static Task<DocumentVersion?> FindUpToAsync(Session session, Guid id, long upTo)
    {
        const string sql = $"""
            SELECT {VersionColumns} FROM document_versions
            WHERE tenant_id = @Tenant AND document_id = @id AND version <= @upTo
            ORDER BY version DESC LIMIT 1
            """;

        return session.FindAsync<DocumentVersion>(sql, new { id, upTo });
    }

    /// <summary>Newest first, without their contents.</summary>
    public static Task<Portion<DocumentVersionInfo>> ListVersionsAsync(Session session, Guid id, long below, int limit)
    {
        const string sql = """
            SELECT version, action, actor, at, diff, damaged_at FROM document_versions
            WHERE tenant_id = @Tenant AND document_id = @id AND version < @below
            ORDER BY version DESC LIMIT @limit
            """;

        return session.QueryPortionAsync<DocumentVersionInfo>(sql, new { id, below, limit }, version => version.Diff.Length, MostCharacters);
    }

    /// <summary>Notes when it was found; where nothing is left of the version, in a row that says so.</summary>
    /// <returns>1 when it was not known to be damaged.</returns>
    public static async Task<int> MarkDamagedAsync(Session session, Guid id, long version, DateTimeOffset now)
    {
        const string mark = """
            UPDATE document_versions SET damaged_at = @now
            WHERE tenant_id = @Tenant AND document_id = @id AND version = @version AND damaged_at IS NULL
            """;
        const string stand = $"""
            INSERT INTO document_versions (tenant_id, {VersionColumns})
            SELECT tenant_id, id, @version, @action, '', @now, '', '', @none, @now FROM documents
            WHERE tenant_id = @Tenant AND id = @id AND version >= @version
            ON CONFLICT DO NOTHING
            """;

        var marked = await session.ExecuteAsync(mark, new { id, version, now });
        return marked > 0 ? marked
            : await session.ExecuteAsync(stand, new { id, version, now, action = DocumentVersion.Lost, none = new string('0', 64) });
    }

    public static Task PruneAsync(Session session, Guid id, long upTo) => session.SendAsync(
        "DELETE FROM document_versions WHERE tenant_id = @Tenant AND document_id = @id AND version <= @upTo", new { id, upTo });

    /// <summary>Those of a kind that are not deleted, by their names.</summary>
    public static Task<IReadOnlyList<DocumentRow>> ListByNameAsync(Session session, string kind, string after, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM documents
            WHERE tenant_id = @Tenant AND kind = @kind AND name > @after AND is_deleted = 0
            ORDER BY name LIMIT @limit
            """;

        return session.QueryAsync<DocumentRow>(sql, new { kind, after, limit });
    }

    /// <summary>Documents in the order of their ids, those of one user alone where one is named, begun up to a moment.</summary>
    public static Task<IReadOnlyList<DocumentRow>> ListAsync(Session session, string? userId, DateTimeOffset upTo, Guid after, int limit)
    {
        const string all = $"SELECT {Columns} FROM documents WHERE tenant_id = @Tenant AND id > @after AND created_at <= @upTo ORDER BY id LIMIT @limit";
        const string own = $"SELECT {Columns} FROM documents WHERE tenant_id = @Tenant AND user_id = @userId AND id > @after AND created_at <= @upTo ORDER BY id LIMIT @limit";

        return userId is null
            ? session.QueryAsync<DocumentRow>(all, new { upTo, after, limit })
            : session.QueryAsync<DocumentRow>(own, new { userId, upTo, after, limit });
    }

    /// <summary>The versions behind one, oldest first.</summary>
    public static Task<Portion<DocumentVersion>> ListWholeVersionsAsync(Session session, Guid id, long after, int limit, long weight)
    {
        const string sql = $"""
            SELECT {VersionColumns} FROM document_versions
            WHERE tenant_id = @Tenant AND document_id = @id AND version > @after
            ORDER BY version LIMIT @limit
            """;

        return session.QueryPortionAsync<DocumentVersion>(sql, new { id, after, limit }, version => version.Content.Length + version.Diff.Length, weight);
    }

    public static Task<DocumentRow?> FindByIdAsync(Session session, Guid id) =>
        session.FindAsync<DocumentRow>($"SELECT {Columns} FROM documents WHERE tenant_id = @Tenant AND id = @id", new { id });

    public static async Task<bool> HasUserAsync(Session session, string userId) =>
        await session.ScalarAsync("SELECT 1 FROM documents WHERE tenant_id = @Tenant AND user_id = @userId LIMIT 1", new { userId }) is not null;

    public static Task<IReadOnlyList<string>> ListUsersAsync(Session session) =>
        session.QueryAsync<string>("SELECT DISTINCT user_id FROM documents WHERE tenant_id = @Tenant AND user_id IS NOT NULL", new { });

    /// <returns>How many versions went; fewer than <paramref name="limit"/> when there are no more.</returns>
    public static Task<int> DeleteVersionsAsync(Session session, Guid id, int limit)
    {
        const string sql = """
            DELETE FROM document_versions WHERE tenant_id = @Tenant AND document_id = @id AND version IN (
                SELECT version FROM document_versions WHERE tenant_id = @Tenant AND document_id = @id ORDER BY version LIMIT @limit)
            """;

        return session.ExecuteAsync(sql, new { id, limit });
    }

    public static Task DeleteAsync(Session session, Guid id) =>
        session.SendAsync("DELETE FROM documents WHERE tenant_id = @Tenant AND id = @id", new { id });
}
