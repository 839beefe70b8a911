using Memoir.Kit.Data;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>All SQL about stored vectors. A vector belongs to a generation; different generations are never compared.</summary>
internal static class EmbeddingStore
{
    public static Task PutAsync(Session session, string generation, long sequence, byte[] vector, long change)
    {
        var sql = $"""
            INSERT INTO embeddings (tenant_id, generation, sequence, vector, change)
            VALUES (@Tenant, @generation, @sequence, {VectorColumn.Written(session)}, @change)
            ON CONFLICT (tenant_id, sequence, generation) DO UPDATE SET vector = excluded.vector, change = excluded.change
            """;

        return session.Dialect == Dialect.Postgres
            ? session.SendAsync(sql, new { generation, sequence, vector = VectorColumn.ToFloats(vector), change })
            : session.SendAsync(sql, new { generation, sequence, vector, change });
    }

    public static async Task<byte[]> FindAsync(Session session, string generation, long sequence)
    {
        var sql = $"""
            SELECT {VectorColumn.Read(session)} FROM embeddings
            WHERE tenant_id = @Tenant AND sequence = @sequence AND generation = @generation
            """;

        byte[] found = [];
        await session.ScanAsync(sql, new { generation, sequence }, row => found = VectorColumn.Encoded(session, row.Bytes(0)).ToArray());
        return found;
    }

    /// <summary>Forgets a memory's vectors of every generation.</summary>
    public static Task DeleteAsync(Session session, long sequence)
    {
        const string sql = "DELETE FROM embeddings WHERE tenant_id = @Tenant AND sequence = @sequence";

        return session.SendAsync(sql, new { sequence });
    }

    public static Task<int> DeletePortionAsync(Session session, long upTo, int limit)
    {
        const string sql = """
            DELETE FROM embeddings WHERE (tenant_id, sequence, generation) IN (
                SELECT tenant_id, sequence, generation FROM embeddings
                WHERE tenant_id = @Tenant AND sequence <= @upTo LIMIT @limit)
            """;

        return session.ExecuteAsync(sql, new { upTo, limit });
    }

    /// <returns>How many went.</returns>
    public static Task<int> DeleteGenerationPortionAsync(Session session, string generation, int limit)
    {
        const string sql = """
            DELETE FROM embeddings WHERE tenant_id = @Tenant AND generation = @generation AND sequence IN (
                SELECT sequence FROM embeddings WHERE tenant_id = @Tenant AND generation = @generation ORDER BY sequence LIMIT @limit)
            """;

        return session.ExecuteAsync(sql, new { generation, limit });
    }

    public static async Task<bool> ExistsAsync(Session session, string generation, long sequence)
    {
        const string sql = "SELECT 1 FROM embeddings WHERE tenant_id = @Tenant AND sequence = @sequence AND generation = @generation";

        return await session.ScalarAsync(sql, new { generation, sequence }) is not null;
    }

    public static Task ScanAsync(Session session, string generation, Action<long, ReadOnlySpan<byte>> read)
    {
        var sql = $"""
            SELECT sequence, {VectorColumn.Read(session)} FROM embeddings
            WHERE tenant_id = @Tenant AND generation = @generation
            ORDER BY sequence
            """;

        return session.ScanAsync(sql, new { generation }, row => read(row.Number(0), VectorColumn.Encoded(session, row.Bytes(1))));
    }

    /// <summary>The vectors that were stored after a change. The index on them has no others, and so says the statement.</summary>
    public static Task ScanAfterAsync(Session session, string generation, long change, Action<long, ReadOnlySpan<byte>> read)
    {
        var sql = $"""
            SELECT sequence, {VectorColumn.Read(session)} FROM embeddings
            WHERE tenant_id = @Tenant AND generation = @generation AND change > @change AND change > 0
            ORDER BY change, sequence
            """;

        return session.ScanAsync(sql, new { generation, change }, row => read(row.Number(0), VectorColumn.Encoded(session, row.Bytes(1))));
    }
}
