using Memoir.Kit.Data;
using Memoir.Kit.Data.Engines;

namespace Memoir.Server.Backups.Rows;

/// <summary>Rows as they were at one instant.</summary>
internal sealed class SnapshotRows(Snapshot snapshot, string location) : IRowSource
{
    public string Location => location;

    public async Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> read, CancellationToken ct)
    {
        await YieldAsync(ct);
        return await snapshot.ReadAsync(tenant, read);
    }

    public async Task<T> SystemReadAsync<T>(Func<Session, Task<T>> read, CancellationToken ct)
    {
        await YieldAsync(ct);
        return await snapshot.SystemReadAsync(read);
    }

    /// <summary>Between two portions requests have their turn.</summary>
    private static async Task YieldAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        await Task.Yield();
    }
}
