using Memoir.Kit.Data;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>A memory's whole row, as it leaves and comes back.</summary>
internal sealed record ExchangedMemory
{
    public required Guid Id { get; init; }

    public required long Sequence { get; init; }

    public required long Version { get; init; }

    public required string Type { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    public string? Role { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    public string? Key { get; init; }

    public required string Content { get; init; }

    public string? Value { get; init; }

    public required Json Metadata { get; init; }

    public string? Tags { get; init; }

    public required double ImportanceBase { get; init; }

    public double? ImportanceOverride { get; init; }

    public required string Scope { get; init; }

    public string? Source { get; init; }

    public required string SourceClass { get; init; }

    public required string Writer { get; init; }

    public required string Channel { get; init; }

    public string? DerivedFrom { get; init; }

    public required DateTimeOffset OccurredAt { get; init; }

    public required DateTimeOffset StoredAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset? ValidFrom { get; init; }

    public DateTimeOffset? ValidUntil { get; init; }

    public DateTimeOffset? VerifiedAt { get; init; }

    public DateTimeOffset? ReviewAfter { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? ArchivedAt { get; init; }

    public Guid? SupersededBy { get; init; }

    public DateTimeOffset? RestoredAt { get; init; }

    /// <summary>Where its text stands when it is not in the database.</summary>
    public string? ArchiveFile { get; init; }

    public required string EmbeddingStatus { get; init; }

    public string? Masked { get; init; }

    public long? ContentHash { get; init; }

    public Guid? DuplicateOf { get; init; }

    public string? Quarantine { get; init; }

    public DateTimeOffset? ReleasedAt { get; init; }
}

/// <summary>A version's row.</summary>
internal sealed record ExchangedVersion
{
    public required Guid MemoryId { get; init; }

    public required long Version { get; init; }

    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    public required Json Snapshot { get; init; }
}

/// <summary>All SQL of exports and of their way back.</summary>
internal static class ExchangeStore
{
    private const string Columns = """
        id, sequence, version, type, user_id, conversation_id, role, name, external_id, key, content, value, metadata, tags,
        importance_base, importance_override, scope, source, source_class, writer, channel, derived_from,
        occurred_at, stored_at, updated_at, valid_from, valid_until, verified_at, review_after, expires_at, archived_at, superseded_by, restored_at,
        archive_file, embedding_status, masked, content_hash, duplicate_of, quarantine, released_at
        """;

    public static async Task<long> LastSequenceAsync(Session session) =>
        await session.ScalarAsync("SELECT last_sequence FROM tenants WHERE tenant_id = @Tenant", new { }) ?? 0;

    public static Task<Portion<ExchangedMemory>> ListAsync(Session session, string? userId, long after, long upTo, int limit, long weight)
    {
        const string all = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND sequence > @after AND sequence <= @upTo
            ORDER BY sequence LIMIT @limit
            """;
        const string own = $"""
            SELECT {Columns} FROM memories
            WHERE tenant_id = @Tenant AND sequence > @after AND sequence <= @upTo AND user_id = @userId
            ORDER BY sequence LIMIT @limit
            """;

        return userId is null
            ? session.QueryPortionAsync<ExchangedMemory>(all, new { after, upTo, limit }, WeightOf, weight)
            : session.QueryPortionAsync<ExchangedMemory>(own, new { userId, after, upTo, limit }, WeightOf, weight);
    }

    public static Task<Portion<ExchangedVersion>> ListVersionsAsync(Session session, Guid memoryId, long after, int limit, long weight)
    {
        const string sql = """
            SELECT memory_id, version, action, actor, at, snapshot FROM memory_versions
            WHERE tenant_id = @Tenant AND memory_id = @memoryId AND version > @after
            ORDER BY version LIMIT @limit
            """;

        return session.QueryPortionAsync<ExchangedVersion>(sql, new { memoryId, after, limit }, version => version.Snapshot.Text.Length, weight);
    }

    public static Task<ExchangedMemory?> FindAsync(Session session, Guid id) =>
        session.FindAsync<ExchangedMemory>($"SELECT {Columns} FROM memories WHERE tenant_id = @Tenant AND id = @id", new { id });

    public static async Task<bool> IsTakenAsync(Session session, string externalId) =>
        await session.ScalarAsync("SELECT 1 FROM memories WHERE tenant_id = @Tenant AND external_id = @externalId", new { externalId }) is not null;

    public static async Task<bool> IsKeyTakenAsync(Session session, string type, string key, string? user)
    {
        const string sql = """
            SELECT 1 FROM memories
            WHERE tenant_id = @Tenant AND key = @key AND type = @type AND COALESCE(user_id, '') = @user
            """;

        return await session.ScalarAsync(sql, new { type, key, user = user ?? "" }) is not null;
    }

    public static Task InsertManyAsync(Session session, IReadOnlyList<ExchangedMemory> memories)
    {
        const string sql = $"""
            INSERT INTO memories (tenant_id, {Columns})
            VALUES (@Tenant, @Id, @Sequence, @Version, @Type, @UserId, @ConversationId, @Role, @Name, @ExternalId, @Key, @Content, @Value,
                @Metadata, @Tags, @ImportanceBase, @ImportanceOverride, @Scope, @Source, @SourceClass, @Writer, @Channel, @DerivedFrom,
                @OccurredAt, @StoredAt, @UpdatedAt, @ValidFrom, @ValidUntil, @VerifiedAt, @ReviewAfter, @ExpiresAt, @ArchivedAt, @SupersededBy, @RestoredAt,
                @ArchiveFile, @EmbeddingStatus, @Masked, @ContentHash, @DuplicateOf, @Quarantine, @ReleasedAt)
            """;

        return session.SendManyAsync(sql, memories);
    }

    public static Task InsertVersionsAsync(Session session, IReadOnlyList<ExchangedVersion> versions)
    {
        const string sql = """
            INSERT INTO memory_versions (tenant_id, memory_id, version, action, actor, at, snapshot)
            VALUES (@Tenant, @MemoryId, @Version, @Action, @Actor, @At, @Snapshot)
            """;

        return session.SendManyAsync(sql, versions);
    }

    private static long WeightOf(ExchangedMemory memory) => memory.Content.Length + memory.Metadata.Text.Length + 500L;
}
