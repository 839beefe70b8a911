using static Memoir.Server.Commands.Copy.CopiedRows;

namespace Memoir.Server.Commands.Copy;

/// <summary>
/// Everything that a copy moves, the stored index included, so that the first search need not build it. A test holds the
/// list against the schema of both engines: a new table or column cannot be forgotten.
/// </summary>
internal static class CopiedTables
{
    /// <summary>What a migration writes itself, and what each database plans for itself.</summary>
    public static IReadOnlyList<string> NotCopied { get; } = ["schema_migrations", "schedules"];

    public static IReadOnlyList<CopiedTable> All { get; } =
    [
        new CopiedTable<TenantRow>("tenants"),
        new CopiedTable<MemoryRow>("memories", nameof(MemoryRow.Sequence)),
        new CopiedTable<VersionRow>("memory_versions", nameof(VersionRow.MemoryId), nameof(VersionRow.Version)),
        new CopiedTable<GenerationRow>("embedding_generations", nameof(GenerationRow.Generation)),
        new CopiedVectors(),
        new CopiedTable<IndexStateRow>("index_states"),
        new CopiedTable<IndexSegmentRow>("index_segments", nameof(IndexSegmentRow.SegmentId), nameof(IndexSegmentRow.Part)),
        new CopiedTable<IndexChangeRow>("index_changes", nameof(IndexChangeRow.Sequence)),
        new CopiedTable<JobRow>("jobs", nameof(JobRow.Id)),
        new CopiedTable<IdempotencyRow>("idempotency_keys", nameof(IdempotencyRow.Credential), nameof(IdempotencyRow.Key)),
        new CopiedTable<AuditRow>("audit_records", nameof(AuditRow.Id)),
        new CopiedTable<ApiKeyRow>("api_keys", nameof(ApiKeyRow.Id)),
        new CopiedTable<SearchRow>("search_log", nameof(SearchRow.Id)),
    ];
}
