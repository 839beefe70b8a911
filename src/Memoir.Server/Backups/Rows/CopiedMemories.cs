using Memoir.Kit.Data;
using static Memoir.Server.Backups.Rows.CopiedRows;

namespace Memoir.Server.Backups.Rows;

/// <summary>Memories. A backup has their texts, also those that stand in the archive: it must not need files that are not in it.</summary>
internal sealed class CopiedMemories() : CopiedTable<MemoryRow>("memories", nameof(MemoryRow.Sequence))
{
    protected override async ValueTask<MemoryRow> CompleteAsync(IRowSource from, Tenant tenant, MemoryRow row, CancellationToken ct) =>
        row.ArchiveFile is { } file && await from.FindArchivedAsync(tenant, row.Id, file, ct) is { } text
            ? row with { Content = text.Content, ArchiveFile = null }
            : row;
}

/// <inheritdoc cref="CopiedMemories"/>
internal sealed class CopiedVersions() : CopiedTable<VersionRow>("memory_versions", nameof(VersionRow.MemoryId), nameof(VersionRow.Version))
{
    protected override async ValueTask<VersionRow> CompleteAsync(IRowSource from, Tenant tenant, VersionRow row, CancellationToken ct)
    {
        const string sql = "SELECT archive_file FROM memories WHERE tenant_id = @Tenant AND id = @MemoryId AND archive_file IS NOT NULL";

        if (row.Snapshot.Length > 0)
        {
            return row;
        }

        return await from.ReadAsync(tenant, session => session.QueryAsync<string>(sql, new { row.MemoryId }), ct) is [var file, ..]
            && await from.FindArchivedAsync(tenant, row.MemoryId, file, ct) is { } text && text.Versions.TryGetValue(row.Version, out var snapshot)
            ? row with { Snapshot = snapshot }
            : row;
    }
}
