namespace Memoir.Server.Backups.Rows;

/// <summary>The rows as they are stored, a property for each column but <c>tenant_id</c>: nothing is read into a meaning that could change it.</summary>
internal static partial class CopiedRows
{
    internal sealed record TenantRow
    {
        public required long LastSequence { get; init; }

        public required long CreatedAt { get; init; }

        public required long LastChange { get; init; }

        public required long IndexEpoch { get; init; }

        public required long GenerationChange { get; init; }

        public required long SearchesErasedAt { get; init; }
    }

    internal sealed record EmbeddingRow
    {
        public required string Generation { get; init; }

        public required long Sequence { get; init; }

        public required byte[] Vector { get; init; }

        public required long Change { get; init; }
    }

    internal sealed record GenerationRow
    {
        public required string Generation { get; init; }

        public required string Provider { get; init; }

        public required string Model { get; init; }

        public required long Dimensions { get; init; }

        public required string Role { get; init; }

        public required long IsChosen { get; init; }

        public required long Since { get; init; }

        public required long EmbeddedTo { get; init; }

        public required long EmbedUntil { get; init; }
    }

    internal sealed record IndexStateRow
    {
        public required Guid Epoch { get; init; }

        public required long MergedSequence { get; init; }

        public required string Segments { get; init; }

        public required long SettledChange { get; init; }
    }

    internal sealed record IndexSegmentRow
    {
        public required long SegmentId { get; init; }

        public required long Part { get; init; }

        public required byte[] Data { get; init; }
    }

    internal sealed record IndexChangeRow
    {
        public required long Sequence { get; init; }

        public required long Version { get; init; }

        public required long Change { get; init; }
    }

    internal sealed record JobRow
    {
        public required Guid Id { get; init; }

        public required string Kind { get; init; }

        public required string Payload { get; init; }

        public required string Status { get; init; }

        public required long Attempts { get; init; }

        public required long Fence { get; init; }

        public required long DueAt { get; init; }

        public required long CreatedAt { get; init; }

        public long? StartedAt { get; init; }

        public long? FinishedAt { get; init; }

        public string? LastError { get; init; }

        public string? TraceParent { get; init; }
    }

    internal sealed record IdempotencyRow
    {
        public required string Credential { get; init; }

        public required string Key { get; init; }

        public required string Fingerprint { get; init; }

        public long? Status { get; init; }

        public byte[]? Body { get; init; }

        public string? Location { get; init; }

        public required long CreatedAt { get; init; }

        public string? Etag { get; init; }
    }

    internal sealed record AuditRow
    {
        public required Guid Id { get; init; }

        public required long At { get; init; }

        public required string Actor { get; init; }

        public required string Action { get; init; }

        public string? Subject { get; init; }

        public required long Count { get; init; }

        public required string RequestId { get; init; }

        public string? Address { get; init; }

        public long? Position { get; init; }

        public byte[]? Hash { get; init; }
    }

    internal sealed record QualityPolicyRow
    {
        public required string Secrets { get; init; }

        public required string PersonalData { get; init; }

        public required long UpdatedAt { get; init; }
    }

    internal sealed record RetentionPolicyRow
    {
        public required long MaxAgeDays { get; init; }

        public required double ImportanceThreshold { get; init; }

        public required long DeleteAfterDays { get; init; }

        public long? MaxItems { get; init; }

        public double? KeepImportantFactor { get; init; }

        public required long UpdatedAt { get; init; }
    }

    internal sealed record LegalHoldRow
    {
        public required string Name { get; init; }

        public required string Kind { get; init; }

        public required string Subject { get; init; }

        public Guid? MemoryId { get; init; }

        public string? Reason { get; init; }

        public required string PlacedBy { get; init; }

        public required long CreatedAt { get; init; }
    }

    internal sealed record ErasureRow
    {
        public required Guid Id { get; init; }

        public required string Subject { get; init; }

        public required string KeyId { get; init; }

        public required long IsWholeTenant { get; init; }

        public required long RequestedAt { get; init; }

        public required long UpTo { get; init; }

        public required string Actor { get; init; }

        public required string RequestId { get; init; }

        public string? UserId { get; init; }

        public required string Erased { get; init; }

        public long? CompletedAt { get; init; }

        public required long LastChange { get; init; }

        public string? Receipt { get; init; }

        public long? RewrittenAt { get; init; }
    }

    internal sealed record ApiKeyRow
    {
        public required Guid Id { get; init; }

        public required string Prefix { get; init; }

        public required byte[] Hash { get; init; }

        public required string Name { get; init; }

        public required string Scopes { get; init; }

        public required long CreatedAt { get; init; }

        public long? ExpiresAt { get; init; }

        public long? LastUsedAt { get; init; }

        public string? RateLimit { get; init; }
    }

    internal sealed record BlockedAddressRow
    {
        public required string Address { get; init; }

        public required long BlockedAt { get; init; }

        public required long Until { get; init; }
    }

    internal sealed record SearchRow
    {
        public required Guid Id { get; init; }

        public required long At { get; init; }

        public string? UserId { get; init; }

        public string? ConversationId { get; init; }

        public required string Query { get; init; }

        public required long Hits { get; init; }

        public required long Degraded { get; init; }

        public required double Milliseconds { get; init; }
    }

    internal sealed record DocumentRow
    {
        public required Guid Id { get; init; }

        public required string Kind { get; init; }

        public required string Name { get; init; }

        public string? UserId { get; init; }

        public required long Version { get; init; }

        public required long IsDeleted { get; init; }

        public required long CreatedAt { get; init; }

        public required long UpdatedAt { get; init; }
    }

    internal sealed record DocumentVersionRow
    {
        public required Guid DocumentId { get; init; }

        public required long Version { get; init; }

        public required string Action { get; init; }

        public required string Actor { get; init; }

        public required long At { get; init; }

        public required string Diff { get; init; }

        public required string Content { get; init; }

        public required string Checksum { get; init; }

        public long? DamagedAt { get; init; }
    }
}
