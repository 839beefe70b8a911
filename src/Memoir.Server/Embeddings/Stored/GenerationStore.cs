using Memoir.Kit.Data;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>All SQL about which generations of vectors a tenant has.</summary>
internal static class GenerationStore
{
    private const string Columns = "generation, provider, model, dimensions, role, is_chosen, since, embedded_to, embed_until";

    public static Task<IReadOnlyList<GenerationRow>> ListAsync(Session session)
    {
        const string sql = $"SELECT {Columns} FROM embedding_generations WHERE tenant_id = @Tenant ORDER BY generation";

        return session.QueryAsync<GenerationRow>(sql, new { });
    }

    public static Task PutAsync(Session session, GenerationRow row)
    {
        const string sql = $"""
            INSERT INTO embedding_generations (tenant_id, {Columns})
            VALUES (@Tenant, @Generation, @Provider, @Model, @Dimensions, @Role, @IsChosen, @Since, @EmbeddedTo, @EmbedUntil)
            ON CONFLICT (tenant_id, generation) DO UPDATE SET role = excluded.role, is_chosen = excluded.is_chosen,
                since = excluded.since, embedded_to = excluded.embedded_to, embed_until = excluded.embed_until
            """;

        return session.ExecuteAsync(sql, row);
    }

    public static Task SetRoleAsync(Session session, string generation, string role, DateTimeOffset now)
    {
        const string sql = """
            UPDATE embedding_generations SET role = @role, since = @now
            WHERE tenant_id = @Tenant AND generation = @generation
            """;

        return session.ExecuteAsync(sql, new { generation, role, now });
    }

    /// <returns>False when the generation is no longer in use, or another pass over the memories has begun.</returns>
    public static async Task<bool> AdvanceAsync(Session session, string generation, long from, long to)
    {
        const string sql = """
            UPDATE embedding_generations SET embedded_to = @to
            WHERE tenant_id = @Tenant AND generation = @generation AND role = 'current' AND embedded_to = @from
            """;

        return await session.ExecuteAsync(sql, new { generation, from, to }) == 1;
    }

    public static Task DeleteAsync(Session session, string generation) =>
        session.ExecuteAsync(
            "DELETE FROM embedding_generations WHERE tenant_id = @Tenant AND generation = @generation AND role = 'retired'", new { generation });

    /// <returns>How many there were.</returns>
    public static Task<int> EraseAsync(Session session) =>
        session.ExecuteAsync("DELETE FROM embedding_generations WHERE tenant_id = @Tenant", new { });

    /// <summary>The last place in the tenant's order; 0 when it never stored anything.</summary>
    public static async Task<long> LastSequenceAsync(Session session) =>
        await session.ScalarAsync("SELECT last_sequence FROM tenants WHERE tenant_id = @Tenant", new { }) ?? 0;

    public static async Task<long> CountMemoriesAsync(Session session) =>
        await session.ScalarAsync("SELECT COUNT(*) FROM memories WHERE tenant_id = @Tenant", new { }) ?? 0;

    public static async Task<long> CountVectorsAsync(Session session, string generation) =>
        await session.ScalarAsync("SELECT COUNT(*) FROM embeddings WHERE tenant_id = @Tenant AND generation = @generation", new { generation }) ?? 0;

    /// <summary>What of the tenant's memories has a vector of this generation; those not visited yet are pending, whatever an older one made of them.</summary>
    public static async Task<EmbeddingCounts> CountAsync(Session session, string generation, long unvisitedFrom, long unvisitedTo)
    {
        const string without = """
            SELECT COUNT(*) FROM memories
            WHERE tenant_id = @Tenant AND embedding_status = @status AND embedding_status IN ('failed', 'skipped')
                AND NOT (sequence > @unvisitedFrom AND sequence <= @unvisitedTo)
                AND NOT EXISTS (SELECT 1 FROM embeddings
                    WHERE tenant_id = @Tenant AND generation = @generation AND sequence = memories.sequence)
            """;

        var memories = await CountMemoriesAsync(session);
        var made = await CountVectorsAsync(session, generation);
        var failed = await session.ScalarAsync(without, new { generation, unvisitedFrom, unvisitedTo, status = "failed" }) ?? 0;
        var skipped = await session.ScalarAsync(without, new { generation, unvisitedFrom, unvisitedTo, status = "skipped" }) ?? 0;
        return new EmbeddingCounts(memories - skipped, made, failed, Math.Max(0, memories - skipped - made - failed));
    }

    /// <summary>Cross-tenant: every record, read once at the start.</summary>
    public static Task ScanAllAsync(Session system, Action<string, long, GenerationRow> read)
    {
        const string sql = $"""
            SELECT {Columns}, tenant_id,
                COALESCE((SELECT generation_change FROM tenants t WHERE t.tenant_id = embedding_generations.tenant_id), 0)
            FROM embedding_generations ORDER BY tenant_id, generation
            """;

        return system.ScanAsync(sql, new { }, row => read(row.Text(9), row.Number(10), new GenerationRow
        {
            Generation = row.Text(0),
            Provider = row.Text(1),
            Model = row.Text(2),
            Dimensions = row.Number(3),
            Role = row.Text(4),
            IsChosen = row.Number(5),
            Since = Instants.FromMicroseconds(row.Number(6)),
            EmbeddedTo = row.Number(7),
            EmbedUntil = row.Number(8),
        }));
    }

    /// <summary>Cross-tenant: whose vectors are not those of the generation that they should be, or not all of them, or too many.</summary>
    public static Task<IReadOnlyList<string>> ListUnfinishedTenantsAsync(Session system, string generation, bool isStored, string after, int limit)
    {
        const string sql = """
            SELECT tenant_id FROM tenants WHERE last_sequence > 0 AND tenant_id > @after
                AND ((@stored = 1 AND NOT EXISTS (SELECT 1 FROM embedding_generations g WHERE g.tenant_id = tenants.tenant_id AND g.role = 'current'))
                    OR EXISTS (SELECT 1 FROM embedding_generations g WHERE g.tenant_id = tenants.tenant_id
                        AND (g.role = 'retired' OR (g.role = 'current'
                            AND (g.embedded_to < g.embed_until OR (g.is_chosen = 0 AND g.generation <> @generation))))))
            ORDER BY tenant_id LIMIT @limit
            """;

        return system.QueryAsync<string>(sql, new { generation, stored = isStored ? 1 : 0, after, limit });
    }
}
