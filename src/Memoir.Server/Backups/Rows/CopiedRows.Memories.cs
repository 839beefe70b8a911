namespace Memoir.Server.Backups.Rows;

/// <content>The memories and what hangs on each.</content>
internal static partial class CopiedRows
{
    internal sealed record MemoryRow
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

        public required string Metadata { get; init; }

        public string? Tags { get; init; }

        public required double ImportanceBase { get; init; }

        public double? ImportanceOverride { get; init; }

        public required string Scope { get; init; }

        public string? Source { get; init; }

        public required string SourceClass { get; init; }

        public required string Writer { get; init; }

        public required string Channel { get; init; }

        public string? DerivedFrom { get; init; }

        public required long OccurredAt { get; init; }

        public required long StoredAt { get; init; }

        public required long UpdatedAt { get; init; }

        public long? ValidFrom { get; init; }

        public long? ValidUntil { get; init; }

        public long? ExpiresAt { get; init; }

        public long? ArchivedAt { get; init; }

        public Guid? SupersededBy { get; init; }

        public required string EmbeddingStatus { get; init; }

        public string? ArchiveFile { get; init; }

        public long? RestoredAt { get; init; }

        public long? VerifiedAt { get; init; }

        public long? ReviewAfter { get; init; }

        public string? Masked { get; init; }

        public long? ContentHash { get; init; }

        public Guid? DuplicateOf { get; init; }

        public string? Quarantine { get; init; }

        public long? ReleasedAt { get; init; }
    }

    internal sealed record VersionRow
    {
        public required Guid MemoryId { get; init; }

        public required long Version { get; init; }

        public required string Action { get; init; }

        public required string Actor { get; init; }

        public required long At { get; init; }

        public required string Snapshot { get; init; }
    }

    internal sealed record PeriodRow
    {
        public required long Sequence { get; init; }

        public required Guid MemoryId { get; init; }

        public required long Version { get; init; }

        public required string Type { get; init; }

        public string? UserId { get; init; }

        public required string Scope { get; init; }

        public required long KnownFrom { get; init; }

        public long? KnownUntil { get; init; }

        public required long ValidFrom { get; init; }

        public long? ValidUntil { get; init; }

        public long? ExpiresAt { get; init; }

        public required long Doubted { get; init; }
    }
}
