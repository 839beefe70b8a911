using System.Text.Json;
using Memoir.Kit.Data;

namespace Memoir.Server.Recall.Indexes;

/// <summary>All SQL about stored index segments. They are derived data: what is missing or damaged is read from the memories again.</summary>
internal static class IndexStore
{
    public static async Task<IndexState?> FindStateAsync(Session session)
    {
        const string sql = "SELECT epoch, merged_sequence, segments, settled_change FROM index_states WHERE tenant_id = @Tenant";

        IndexState? state = null;
        await session.ScanAsync(sql, new { }, row => state = new IndexState(
            row.Id(0), row.Number(1), SegmentIds(row.Text(2)), row.Text(2), row.Number(3)));

        // Memories that are said to be in segments, and no segment: the memories are the truth.
        return state is { Segments: [], MergedSequence: > 0 } ? state with { MergedSequence = 0 } : state;
    }

    /// <summary>Makes the state of a tenant that has none.</summary>
    public static Task CreateStateAsync(Session session, Guid epoch)
    {
        const string sql = """
            INSERT INTO index_states (tenant_id, epoch, merged_sequence, segments)
            VALUES (@Tenant, @epoch, 0, '[]')
            ON CONFLICT (tenant_id) DO NOTHING
            """;

        return session.ExecuteAsync(sql, new { epoch });
    }

    /// <summary>Makes a state the stored one, if the one that it was made from still is.</summary>
    /// <returns>Null when the tenant was erased meanwhile, or another process has published.</returns>
    public static async Task<IndexState?> PublishAsync(
        Session session, IndexState from, long mergedSequence, IReadOnlyList<long> segments, long settledChange)
    {
        const string sql = """
            UPDATE index_states SET merged_sequence = @MergedSequence, segments = @Stored, settled_change = @SettledChange
            WHERE tenant_id = @Tenant AND epoch = @Epoch AND segments = @before
            """;

        var next = new IndexState(
            from.Epoch, mergedSequence, segments, JsonSerializer.Serialize(segments), Math.Max(from.SettledChange, settledChange));
        var published = await session.ExecuteAsync(
            sql, new { next.MergedSequence, next.Stored, next.SettledChange, next.Epoch, before = from.Stored });
        return published == 1 ? next : null;
    }

    /// <returns>False when the tenant was erased meanwhile: nothing of it may be written back.</returns>
    public static async Task<bool> InsertPartAsync(Session session, Guid epoch, long segment, int part, byte[] data)
    {
        const string sql = """
            INSERT INTO index_segments (tenant_id, segment_id, part, data)
            SELECT @Tenant, @segment, @part, @data
            WHERE EXISTS (SELECT 1 FROM index_states WHERE tenant_id = @Tenant AND epoch = @epoch)
            """;

        return await session.ExecuteAsync(sql, new { epoch, segment, part, data }) == 1;
    }

    public static async Task<long> CountPartsAsync(Session session, long segment) =>
        await session.ScalarAsync(
            "SELECT COUNT(*) FROM index_segments WHERE tenant_id = @Tenant AND segment_id = @segment", new { segment }) ?? 0;

    public static async Task<byte[]> ReadSegmentAsync(Session session, long segment)
    {
        const string sql = """
            SELECT data FROM index_segments
            WHERE tenant_id = @Tenant AND segment_id = @segment
            ORDER BY part
            """;

        using var whole = new MemoryStream();
        await session.ScanAsync(sql, new { segment }, row => whole.Write(row.Bytes(0)));
        return whole.ToArray();
    }

    public static async Task<IReadOnlyList<long>> ListSegmentIdsAsync(Session session) =>
        await session.QueryAsync<long>("SELECT DISTINCT segment_id FROM index_segments WHERE tenant_id = @Tenant", new { });

    public static Task DeleteSegmentAsync(Session session, long segment) =>
        session.SendAsync("DELETE FROM index_segments WHERE tenant_id = @Tenant AND segment_id = @segment", new { segment });

    /// <summary>Notes that the segments' copy of a memory is out of date; the memory's row, or its absence, is the truth.</summary>
    public static Task MarkChangedAsync(Session session, long sequence, IndexChange change)
    {
        const string sql = """
            INSERT INTO index_changes (tenant_id, sequence, version, change)
            VALUES (@Tenant, @sequence, @Version, @Number)
            ON CONFLICT (tenant_id, sequence) DO UPDATE SET version = excluded.version, change = excluded.change
            """;

        return session.SendAsync(sql, new { sequence, change.Version, change.Number });
    }

    /// <summary>What has changed after a change, and is not settled yet.</summary>
    public static async Task<Dictionary<long, IndexChange>> ListChangesAsync(Session session, long after)
    {
        const string sql = "SELECT sequence, version, change FROM index_changes WHERE tenant_id = @Tenant AND change > @after";

        var changes = new Dictionary<long, IndexChange>();
        await session.ScanAsync(sql, new { after }, row => changes[row.Number(0)] = new IndexChange(row.Number(1), row.Number(2)));
        return changes;
    }

    public static Task DeleteChangeAsync(Session session, long sequence, IndexChange change) =>
        session.SendAsync(
            "DELETE FROM index_changes WHERE tenant_id = @Tenant AND sequence = @sequence AND version = @Version AND change = @Number",
            new { sequence, change.Version, change.Number });

    /// <summary>Cross-tenant: whose index is worth reading before anybody asks.</summary>
    public static Task<IReadOnlyList<string>> ListLargestTenantsAsync(Session system, int limit)
    {
        const string sql = "SELECT tenant_id FROM tenants WHERE last_sequence > 0 ORDER BY last_sequence DESC LIMIT @limit";

        return system.QueryAsync<string>(sql, new { limit });
    }

    public static async Task EraseAsync(Session session)
    {
        await session.ExecuteAsync("DELETE FROM index_states WHERE tenant_id = @Tenant", new { });
        await session.ExecuteAsync("DELETE FROM index_segments WHERE tenant_id = @Tenant", new { });
        await session.ExecuteAsync("DELETE FROM index_changes WHERE tenant_id = @Tenant", new { });
    }

    private static long[] SegmentIds(string stored)
    {
        try
        {
            return JsonSerializer.Deserialize<long[]>(stored) ?? [];
        }
        catch (JsonException)
        {
            return []; // Damaged: read as if there were none.
        }
    }
}

/// <summary>What of a tenant's index is stored.</summary>
/// <param name="Epoch">Changes when the tenant is erased, so that a merge that was under way cannot write anything back.</param>
/// <param name="MergedSequence">Memories up to here are in the segments.</param>
/// <param name="Segments">The segments in the order they were written; a later one overrides an earlier one.</param>
/// <param name="Stored">The segments as they are stored: by this a merge notices that another one came first.</param>
/// <param name="SettledChange">The highest change that cannot be learnt from the changes any more, only from the segments.</param>
internal sealed record IndexState(Guid Epoch, long MergedSequence, IReadOnlyList<long> Segments, string Stored, long SettledChange)
{
    public bool IsSame(IndexState? other) => other is not null && other.Epoch == Epoch && other.Stored == Stored;
}

/// <summary>A memory's change that the segments do not have.</summary>
/// <param name="Version">The memory's version after it; one more than its last when it was deleted.</param>
/// <param name="Number">The number of the write that changed it.</param>
internal readonly record struct IndexChange(long Version, long Number);
