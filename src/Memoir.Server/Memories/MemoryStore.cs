using Memoir.Kit.Data;
using Memoir.Server.Memories.Lists;

namespace Memoir.Server.Memories;

/// <summary>All SQL about memories. Written to run unchanged on SQLite and PostgreSQL.</summary>
internal static class MemoryStore
{
    private const string Columns = """
        id, sequence, version, type, user_id, conversation_id, role, name, external_id, key, content, value, metadata, tags, scope,
        importance_base, importance_override, source, source_class, writer, channel,
        occurred_at, stored_at, updated_at, valid_from, valid_until, verified_at, review_after, expires_at, archived_at, archive_file, restored_at,
        embedding_status, masked, content_hash, duplicate_of, quarantine, released_at
        """;

    public static Task InsertManyAsync(Session session, IReadOnlyList<Memory> memories)
    {
        const string sql = $"""
            INSERT INTO memories (tenant_id, {Columns})
            VALUES (@Tenant, @Id, @Sequence, @Version, @Type, @UserId, @ConversationId, @Role, @Name, @ExternalId, @Key, @Content, @Value, @Metadata, @Tags, @Scope,
                @ImportanceBase, @ImportanceOverride, @Source, @SourceClass, @Writer, @Channel,
                @OccurredAt, @StoredAt, @UpdatedAt, @ValidFrom, @ValidUntil, @VerifiedAt, @ReviewAfter, @ExpiresAt, @ArchivedAt, @ArchiveFile, @RestoredAt,
                @EmbeddingStatus, @Masked, @ContentHash, @DuplicateOf, @Quarantine, @ReleasedAt)
            """;

        return session.SendManyAsync(sql, memories);
    }

    public static Task UpdateAsync(Session session, Memory memory)
    {
        const string sql = """
            UPDATE memories SET version = @Version, type = @Type, user_id = @UserId, conversation_id = @ConversationId, role = @Role,
                name = @Name, content = @Content, value = @Value, metadata = @Metadata, tags = @Tags, scope = @Scope, importance_base = @ImportanceBase,
                importance_override = @ImportanceOverride, source = @Source, source_class = @SourceClass, writer = @Writer,
                channel = @Channel, occurred_at = @OccurredAt, updated_at = @UpdatedAt, valid_from = @ValidFrom, valid_until = @ValidUntil,
                verified_at = @VerifiedAt, review_after = @ReviewAfter, expires_at = @ExpiresAt, archived_at = @ArchivedAt,
                archive_file = @ArchiveFile, restored_at = @RestoredAt, embedding_status = @EmbeddingStatus,
                masked = @Masked, content_hash = @ContentHash, duplicate_of = @DuplicateOf, quarantine = @Quarantine, released_at = @ReleasedAt
            WHERE tenant_id = @Tenant AND id = @Id
            """;

        return session.SendAsync(sql, memory);
    }

    public static Task ConfirmAsync(Session session, Memory memory) => session.SendAsync(
        "UPDATE memories SET verified_at = @VerifiedAt, review_after = @ReviewAfter WHERE tenant_id = @Tenant AND id = @Id",
        new { memory.Id, memory.VerifiedAt, memory.ReviewAfter });

    public static Task InsertVersionAsync(Session session, Guid memoryId, MemoryVersion version)
    {
        const string sql = """
            INSERT INTO memory_versions (tenant_id, memory_id, version, action, actor, at, snapshot)
            VALUES (@Tenant, @memoryId, @Version, @Action, @Actor, @At, @Snapshot)
            """;

        return session.SendAsync(sql, new { memoryId, version.Version, version.Action, version.Actor, version.At, version.Snapshot });
    }

    public static Task<Portion<MemoryVersion>> ListVersionsAsync(Session session, Guid memoryId, long below, int limit)
    {
        const string sql = """
            SELECT version, action, actor, at, snapshot FROM memory_versions
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND version < @below
            ORDER BY version DESC LIMIT @limit
            """;

        return session.QueryPortionAsync<MemoryVersion>(sql, new { memoryId, below, limit }, v => v.Snapshot.Text.Length, MemoryReader.MostCharacters);
    }

    public static async Task<Json?> FindSnapshotAsync(Session session, Guid memoryId, long version)
    {
        const string sql = """
            SELECT version, action, actor, at, snapshot FROM memory_versions
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND version = @version
            """;

        return (await session.FindAsync<MemoryVersion>(sql, new { memoryId, version }))?.Snapshot;
    }

    public static Task<Memory?> FindAsync(Session session, Guid id)
    {
        const string sql = $"SELECT {Columns} FROM memories WHERE tenant_id = @Tenant AND id = @id";

        return session.FindAsync<Memory>(sql, new { id });
    }

    /// <summary>Those of the tenant's memories that have one of these external ids, by it.</summary>
    public static async Task<Dictionary<string, Memory>> FindByExternalIdAsync(Session session, IReadOnlyList<string> externalIds)
    {
        const string sql = $"SELECT {Columns} FROM memories WHERE tenant_id = @Tenant AND external_id IN @externalIds";

        var found = externalIds.Count == 0 ? [] : await session.QueryAsync<Memory>(sql, new { externalIds });
        return found.ToDictionary(memory => memory.ExternalId!, StringComparer.Ordinal);
    }

    /// <summary>The memories under one of these keys that are one of these users', or everybody's where the user is empty.</summary>
    public static Task<IReadOnlyList<Memory>> FindByKeyAsync(Session session, IReadOnlyList<string> keys, IReadOnlyList<string> users)
    {
        const string sql = $"SELECT {Columns} FROM memories WHERE tenant_id = @Tenant AND key IN @keys AND COALESCE(user_id, '') IN @users ORDER BY sequence";

        return session.QueryAsync<Memory>(sql, new { keys, users });
    }

    public static Task<IReadOnlyList<Memory>> ListBySequenceAsync(Session session, IReadOnlyList<long> sequences)
    {
        const string sql = $"SELECT {Columns} FROM memories WHERE tenant_id = @Tenant AND sequence IN @sequences";

        return session.QueryAsync<Memory>(sql, new { sequences });
    }

    /// <summary>The rows of the memories whose periods have these places.</summary>
    public static Task<IReadOnlyList<Memory>> ListOfPeriodsAsync(Session session, IReadOnlyList<long> places)
    {
        const string sql = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND id IN (SELECT memory_id FROM memory_periods WHERE tenant_id = @Tenant AND sequence IN @places)
            """;

        return session.QueryAsync<Memory>(sql, new { places });
    }

    /// <summary>One by one: a list of ids after IN would not be given to the engine in the form in which ids are stored.</summary>
    public static async Task<IReadOnlyList<Memory>> ListByIdAsync(Session session, IReadOnlyList<Guid> ids)
    {
        var found = new List<Memory>(ids.Count);
        foreach (var id in ids)
        {
            if (await FindAsync(session, id) is { } memory)
            {
                found.Add(memory);
            }
        }

        return found;
    }

    /// <summary>A run of the tenant's order, for filling the index.</summary>
    public static Task<IReadOnlyList<Memory>> ListAfterAsync(Session session, long sequence, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND sequence > @sequence
            ORDER BY sequence LIMIT @limit
            """;

        return session.QueryAsync<Memory>(sql, new { sequence, limit });
    }

    /// <summary>A run of the tenant's order, of the memories that lack a vector of a generation: those in the archive need none.</summary>
    public static Task<IReadOnlyList<Memory>> ListWithoutVectorAsync(Session session, string generation, long after, long upTo, int limit)
    {
        const string sql = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND sequence > @after AND sequence <= @upTo AND archived_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM embeddings
                    WHERE tenant_id = @Tenant AND generation = @generation AND sequence = memories.sequence)
            ORDER BY sequence LIMIT @limit
            """;

        return session.QueryAsync<Memory>(sql, new { generation, after, upTo, limit });
    }

    /// <summary>Brings the status of memories that have their vector already in line with it.</summary>
    public static Task<int> CompleteEmbeddedAsync(Session session, string generation, long after, long upTo)
    {
        const string sql = """
            UPDATE memories SET embedding_status = 'completed'
            WHERE tenant_id = @Tenant AND sequence > @after AND sequence <= @upTo AND embedding_status <> 'completed'
                AND EXISTS (SELECT 1 FROM embeddings
                    WHERE tenant_id = @Tenant AND generation = @generation AND sequence = memories.sequence)
            """;

        return session.ExecuteAsync(sql, new { generation, after, upTo });
    }

    public static Task ScanContentAsync(Session session, Action<long, string> read) =>
        session.ScanAsync(
            "SELECT sequence, content FROM memories WHERE tenant_id = @Tenant AND archived_at IS NULL ORDER BY sequence", new { },
            row => read(row.Number(0), row.Text(1)));

    public static Task<Portion<Memory>> ListConversationAsync(
        Session session, string conversationId, DateTimeOffset at, long sequence, bool ascending, int limit)
    {
        const string forward = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND conversation_id = @conversationId AND (occurred_at, sequence) > (@at, @sequence)
            ORDER BY occurred_at, sequence LIMIT @limit
            """;
        const string backward = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND conversation_id = @conversationId AND (occurred_at, sequence) < (@at, @sequence)
            ORDER BY occurred_at DESC, sequence DESC LIMIT @limit
            """;

        return session.QueryPortionAsync<Memory>(
            ascending ? forward : backward, new { conversationId, at, sequence, limit }, MemoryReader.CharactersOf, MemoryReader.MostCharacters);
    }

    /// <summary>Reads the index on (conversation, time) alone, and of it only the conversations of this page.</summary>
    public static Task<IReadOnlyList<Conversation>> ListConversationsAsync(Session session, string after, int limit)
    {
        const string sql = """
            SELECT conversation_id, COUNT(*) AS messages, MIN(occurred_at) AS first_at, MAX(occurred_at) AS last_at
            FROM memories
            WHERE tenant_id = @Tenant AND conversation_id > @after
            GROUP BY conversation_id ORDER BY conversation_id LIMIT @limit
            """;

        return session.QueryAsync<Conversation>(sql, new { after, limit });
    }

    /// <summary>What is neither archived nor expired, is true, and either in quarantine or not, newest first.</summary>
    public static Task<Portion<Memory>> ListAsync(Session session, MemoryFilter filter, DateTimeOffset now, int limit)
    {
        const string visible = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND sequence < @Below AND archived_at IS NULL AND (expires_at IS NULL OR expires_at > @now)
            """;
        const string current = " AND (valid_from IS NULL OR valid_from <= @now) AND (valid_until IS NULL OR valid_until > @now)";
        const string then = """
             AND updated_at <= @KnownAt AND COALESCE(valid_from, occurred_at) <= @AsOf AND (valid_until IS NULL OR valid_until > @AsOf)
            """;
        var sql = visible
            + (filter.Moment is null ? current : then)
            + (filter.InQuarantine ? " AND quarantine IS NOT NULL" : " AND quarantine IS NULL")
            + (filter.UserId is null ? "" : " AND user_id = @UserId")
            + (filter.SharedAlone ? " AND scope = 'shared'" : "")
            + (filter.Type is null ? "" : filter.Type == MemoryType.Message ? " AND type = @Type" : " AND type = @Type AND type <> 'message'")
            + (filter.ConversationId is null ? "" : " AND conversation_id = @ConversationId")
            + " ORDER BY sequence DESC LIMIT @limit";
        return session.QueryPortionAsync<Memory>(
            sql, new { filter.UserId, filter.Type, filter.ConversationId, filter.Below, now, filter.Moment?.KnownAt, filter.Moment?.AsOf, limit }, MemoryReader.CharactersOf, MemoryReader.MostCharacters);
    }

    /// <summary>Of all but messages; reads the index on types alone.</summary>
    public static Task<IReadOnlyList<TypeCount>> CountByTypeAsync(Session session) => session.QueryAsync<TypeCount>(
        "SELECT type, COUNT(*) AS count FROM memories WHERE tenant_id = @Tenant AND type <> 'message' GROUP BY type", new { });

    public static Task<IReadOnlyList<TypeCount>> CountByTypeAsync(Session session, string userId) => session.QueryAsync<TypeCount>(
        "SELECT type, COUNT(*) AS count FROM memories WHERE tenant_id = @Tenant AND user_id = @userId GROUP BY type", new { userId });

    public static async Task<long> CountAsync(Session session) =>
        await session.ScalarAsync("SELECT COUNT(*) FROM memories WHERE tenant_id = @Tenant", new { }) ?? 0;

    public static async Task DeleteAsync(Session session, Memory memory)
    {
        await session.SendAsync("DELETE FROM memories WHERE tenant_id = @Tenant AND id = @Id", new { memory.Id });
        await session.SendAsync("DELETE FROM memory_versions WHERE tenant_id = @Tenant AND memory_id = @Id", new { memory.Id });
    }

    /// <summary>Deletes one portion of a tenant's memories with their versions.</summary>
    /// <returns>How many went.</returns>
    public static async Task<(int Memories, int Versions)> DeletePortionAsync(Session session, long upTo, int limit)
    {
        const string portion = "SELECT id FROM memories WHERE tenant_id = @Tenant AND sequence <= @upTo ORDER BY sequence LIMIT @limit";
        var versions = await session.ExecuteAsync(
            $"DELETE FROM memory_versions WHERE tenant_id = @Tenant AND memory_id IN ({portion})", new { upTo, limit });
        await session.ExecuteAsync($"DELETE FROM memory_periods WHERE tenant_id = @Tenant AND memory_id IN ({portion})", new { upTo, limit });
        return (await session.ExecuteAsync($"DELETE FROM memories WHERE tenant_id = @Tenant AND id IN ({portion})", new { upTo, limit }), versions);
    }

    public static Task SetEmbeddingStatusAsync(Session session, Guid id, string status) =>
        session.ExecuteAsync(
            "UPDATE memories SET embedding_status = @status WHERE tenant_id = @Tenant AND id = @id", new { id, status });
}
