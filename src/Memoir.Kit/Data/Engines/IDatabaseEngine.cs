namespace Memoir.Kit.Data.Engines;

/// <summary>What holds the data: SQLite inside the process, or a PostgreSQL server.</summary>
internal interface IDatabaseEngine : IDisposable
{
    Dialect Dialect { get; }

    /// <inheritdoc cref="Database.Location"/>
    string Location { get; }

    /// <inheritdoc cref="Database.IsWritable"/>
    bool IsWritable { get; }

    /// <summary>Reads one consistent snapshot; a null tenant is a system session.</summary>
    Task<T> ReadAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct);

    /// <summary>Runs a write and answers after its commit; a null tenant is a system session.</summary>
    Task<T> WriteAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct);

    /// <inheritdoc cref="Database.SnapshotAsync{T}"/>
    Task<T> SnapshotAsync<T>(Func<Snapshot, Task<T>> work, CancellationToken ct);

    /// <summary>Looks at the server before anything is served from it.</summary>
    /// <exception cref="StartupException">It would not keep its promises.</exception>
    Task<EngineReport> InspectAsync(CancellationToken ct);

    /// <summary>Calls back whenever another process notifies the channel, until it is stopped; where there is none, it waits.</summary>
    Task ListenAsync(string channel, Action heard, CancellationToken ct);

    /// <summary>Runs a change of the schema, by the role that may, and by one process at a time.</summary>
    Task<int> MigrateAsync(Func<Session, Task<int>> work, CancellationToken ct);

    /// <summary>
    /// Writes tables anew, so that the files hold no byte of rows that were deleted before, nor of the statistics about them.
    /// SQLite's writes wait meanwhile, on PostgreSQL all that touches the table which is being written.
    /// </summary>
    /// <param name="tables">Which; SQLite writes them all.</param>
    /// <param name="ct">Ends it between two tables.</param>
    /// <returns>What could not be done, in words for the operator; null when all was.</returns>
    Task<string?> RewriteAsync(IReadOnlyList<string> tables, CancellationToken ct);
}
