using Memoir.Kit.Data;

namespace Memoir.Server.Backups.Rows;

/// <summary>Where tenants' rows are read: a database, or one instant of it.</summary>
internal interface IRowSource
{
    /// <inheritdoc cref="Database.Location"/>
    string Location { get; }

    /// <summary>Reads one tenant's rows.</summary>
    Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> read, CancellationToken ct);

    /// <summary>Reads across tenants.</summary>
    Task<T> SystemReadAsync<T>(Func<Session, Task<T>> read, CancellationToken ct);
}

/// <summary>Writes a portion of a tenant's rows to a database.</summary>
internal delegate Task WriteRows(Tenant tenant, Func<Session, Task<int>> write);
