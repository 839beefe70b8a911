using Memoir.Kit.Data;

namespace Memoir.Server.Retention.Holds;

/// <summary>All SQL about legal holds.</summary>
internal static class LegalHoldStore
{
    private const string Columns = "name, kind, subject, memory_id, reason, placed_by, created_at";

    public static Task PutAsync(Session session, LegalHold hold)
    {
        const string sql = $"""
            INSERT INTO legal_holds (tenant_id, {Columns})
            VALUES (@Tenant, @Name, @Kind, @Subject, @MemoryId, @Reason, @PlacedBy, @CreatedAt)
            ON CONFLICT (tenant_id, name) DO UPDATE SET reason = excluded.reason
            """;

        return session.ExecuteAsync(sql, hold);
    }

    public static Task<LegalHold?> FindAsync(Session session, string name) =>
        session.FindAsync<LegalHold>($"SELECT {Columns} FROM legal_holds WHERE tenant_id = @Tenant AND name = @name", new { name });

    public static Task<IReadOnlyList<LegalHold>> ListAsync(Session session, string after, int limit) =>
        session.QueryAsync<LegalHold>(
            $"SELECT {Columns} FROM legal_holds WHERE tenant_id = @Tenant AND name > @after ORDER BY name LIMIT @limit", new { after, limit });

    public static Task<int> DeleteAsync(Session session, string name) =>
        session.ExecuteAsync("DELETE FROM legal_holds WHERE tenant_id = @Tenant AND name = @name", new { name });

    public static async Task<bool> HasMemoryAsync(Session session, Guid id) =>
        await session.ScalarAsync("SELECT 1 FROM memories WHERE tenant_id = @Tenant AND id = @id", new { id }) is not null;

    /// <summary>The first hold that covers a memory.</summary>
    public static Task<string?> FindForMemoryAsync(Session session, Guid id)
    {
        const string sql = """
            SELECT h.name FROM legal_holds h JOIN memories m ON m.tenant_id = h.tenant_id AND m.id = @id
            WHERE h.tenant_id = @Tenant AND (h.kind = 'tenant' OR h.memory_id = m.id
                OR (h.kind = 'user' AND h.subject = m.user_id) OR (h.kind = 'conversation' AND h.subject = m.conversation_id))
            ORDER BY h.name LIMIT 1
            """;

        return FirstAsync(session, sql, new { id });
    }

    /// <summary>The first hold that covers a user, or any memory of that user.</summary>
    public static Task<string?> FindForUserAsync(Session session, string userId)
    {
        const string sql = """
            SELECT h.name FROM legal_holds h
            WHERE h.tenant_id = @Tenant AND (h.kind = 'tenant' OR (h.kind = 'user' AND h.subject = @userId)
                OR (h.memory_id IS NOT NULL AND EXISTS (
                    SELECT 1 FROM memories m WHERE m.tenant_id = @Tenant AND m.id = h.memory_id AND m.user_id = @userId))
                OR (h.kind = 'conversation' AND EXISTS (
                    SELECT 1 FROM memories m WHERE m.tenant_id = @Tenant AND m.conversation_id = h.subject AND m.user_id = @userId)))
            ORDER BY h.name LIMIT 1
            """;

        return FirstAsync(session, sql, new { userId });
    }

    public static Task<string?> FindAnyAsync(Session session) =>
        FirstAsync(session, "SELECT name FROM legal_holds WHERE tenant_id = @Tenant ORDER BY name LIMIT 1", new { });

    private static async Task<string?> FirstAsync(Session session, string sql, object args) =>
        await session.QueryAsync<string>(sql, args) is [var first, ..] ? first : null;
}
