using static Memoir.Server.Backups.Rows.CopiedRows;

namespace Memoir.Server.Backups.Rows;

/// <summary>
/// Everything that a copy or a backup moves, the stored index included, so that the first search need not build it. A test holds the
/// list against the schema of both engines: a new table or column cannot be forgotten.
/// </summary>
internal static class CopiedTables
{
    /// <summary>What a migration writes itself, and what each database plans for itself: a run of retention that was cut off is begun anew.</summary>
    public static IReadOnlyList<string> NotCopied { get; } = ["schema_migrations", "schedules", "rate_permits", "retention_runs"];

    public static IReadOnlyList<CopiedTable> All { get; } =
    [
        new CopiedTable<TenantRow>("tenants"),
        new CopiedMemories(),
        new CopiedVersions(),
        new CopiedTable<PeriodRow>("memory_periods", nameof(PeriodRow.Sequence)),
        new CopiedTable<GenerationRow>("embedding_generations", nameof(GenerationRow.Generation)),
        new CopiedVectors(),
        new CopiedTable<IndexStateRow>("index_states"),
        new CopiedTable<IndexSegmentRow>("index_segments", nameof(IndexSegmentRow.SegmentId), nameof(IndexSegmentRow.Part)),
        new CopiedTable<IndexChangeRow>("index_changes", nameof(IndexChangeRow.Sequence)),
        new CopiedTable<JobRow>("jobs", nameof(JobRow.Id)),
        new CopiedTable<IdempotencyRow>("idempotency_keys", nameof(IdempotencyRow.Credential), nameof(IdempotencyRow.Key)),
        new CopiedTable<AuditRow>("audit_records", nameof(AuditRow.Id)),
        new CopiedTable<ErasureRow>("erasures", nameof(ErasureRow.Id)),
        new CopiedTable<ApiKeyRow>("api_keys", nameof(ApiKeyRow.Id)),
        new CopiedTable<BlockedAddressRow>("blocked_addresses", nameof(BlockedAddressRow.Address)),
        new CopiedTable<RetentionPolicyRow>("retention_policies"),
        new CopiedTable<QualityPolicyRow>("quality_policies"),
        new CopiedTable<LegalHoldRow>("legal_holds", nameof(LegalHoldRow.Name)),
        new CopiedTable<SearchRow>("search_log", nameof(SearchRow.Id)),
        new CopiedTable<DocumentRow>("documents", nameof(DocumentRow.Id)),
        new CopiedTable<DocumentVersionRow>("document_versions", nameof(DocumentVersionRow.DocumentId), nameof(DocumentVersionRow.Version)),
    ];

    /// <summary>Everybody who has rows in any of them, in the order of their names.</summary>
    public static async Task<IReadOnlyList<string>> ListTenantsAsync(IRowSource from, CancellationToken ct)
    {
        var tenants = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var table in All)
        {
            tenants.UnionWith(await from.SystemReadAsync(table.ListTenantsAsync, ct));
        }

        return [.. tenants];
    }
}
