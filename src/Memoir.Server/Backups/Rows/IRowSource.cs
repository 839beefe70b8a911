using Memoir.Kit.Data;
using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Backups.Rows;

/// <summary>Where tenants' rows are read: a database, or one instant of it.</summary>
internal interface IRowSource
{
    /// <inheritdoc cref="Database.Location"/>
    string Location { get; }

    /// <summary>Reads one tenant's rows.</summary>
    Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> read, CancellationToken ct);

    /// <summary>What stands in the archive's file of a memory; null where rows are taken as they are, and where the file does not have it.</summary>
    Task<ArchivedText?> FindArchivedAsync(Tenant tenant, Guid memory, string file, CancellationToken ct) => Task.FromResult<ArchivedText?>(null);

    /// <summary>Reads across tenants.</summary>
    Task<T> SystemReadAsync<T>(Func<Session, Task<T>> read, CancellationToken ct);
}

/// <summary>Writes a portion of a tenant's rows to a database.</summary>
internal delegate Task WriteRows(Tenant tenant, Func<Session, Task<int>> write);
