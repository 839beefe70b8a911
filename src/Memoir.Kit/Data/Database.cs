using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Data.Sqlite;

namespace Memoir.Kit.Data;

/// <summary>
/// Opens sessions. There is no way to a table without one, and no session without a tenant but the system sessions of
/// the closed list of cross-tenant work (jobs, finding a key, schedules, migrations).
/// </summary>
public sealed class Database : IDisposable
{
    private readonly SqliteFile _file;
    private readonly SqliteConnection _writing;
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;
    private bool _isClosed;

    /// <exception cref="StartupException">The database cannot be used; nothing was changed.</exception>
    public Database(IOptions<DatabaseOptions> options, Meters meters)
    {
        SqliteLibrary.Load();
        SqlTypes.Register();
        var path = options.Value.ResolveSqlitePath();
        Location = path;
        _file = SqliteFile.Open(path);
        try
        {
            _writing = _file.OpenWriter();
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        _writer = new SqliteWriter(_writing, options.Value.WriteQueueLimit, meters);
        _readers = new SqliteReaders(_file.OpenReader, options.Value.DatabasePoolSize);
    }

    /// <summary>Where the data is, without secrets.</summary>
    public string Location { get; }

    /// <summary>False after the storage failed a write: only a restart, which replays the log, makes it true again.</summary>
    public bool IsWritable => !_writer.IsBroken;

    /// <summary>Reads one consistent snapshot of one tenant's rows.</summary>
    public Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> work, CancellationToken ct) =>
        _readers.RunAsync(tenant, work, ct);

    /// <summary>
    /// Runs a write and answers after its commit. The closure may run again, so it must be repeatable, and it may await
    /// nothing but its session. Throwing from it undoes all that it did.
    /// </summary>
    public Task<T> WriteAsync<T>(Tenant tenant, Func<Session, Task<T>> work, CancellationToken ct) =>
        _writer.RunAsync(tenant, work, ct);

    /// <inheritdoc cref="WriteAsync{T}"/>
    public Task WriteAsync(Tenant tenant, Func<Session, Task> work, CancellationToken ct) =>
        _writer.RunAsync(tenant, Answering(work), ct);

    /// <summary>Reads across tenants; for the closed list alone.</summary>
    public Task<T> SystemReadAsync<T>(Func<Session, Task<T>> work, CancellationToken ct) =>
        _readers.RunAsync(tenant: null, work, ct);

    /// <summary>Writes across tenants; for the closed list alone.</summary>
    public Task<T> SystemWriteAsync<T>(Func<Session, Task<T>> work, CancellationToken ct) =>
        _writer.RunAsync(tenant: null, work, ct);

    /// <inheritdoc cref="SystemWriteAsync{T}"/>
    public Task SystemWriteAsync(Func<Session, Task> work, CancellationToken ct) =>
        _writer.RunAsync(tenant: null, Answering(work), ct);

    /// <summary>Lets the writes that were accepted finish, then closes the files.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, true))
        {
            return;
        }

        _writer.Dispose();
        _readers.Dispose();
        _writing.Dispose();
        _file.Dispose();
    }

    private static Func<Session, Task<bool>> Answering(Func<Session, Task> work) => async session =>
    {
        await work(session);
        return true;
    };
}
