using System.Data.Common;
using System.Net.Sockets;
using Memoir.Kit.Data.Engines;
using Memoir.Kit.Http;
using Microsoft.Extensions.Options;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Data.Postgres;
using Memoir.Kit.Data.Sqlite;

namespace Memoir.Kit.Data;

/// <summary>
/// Opens sessions. There is no way to a table without one, and no session without a tenant but the system sessions of
/// the closed list of cross-tenant work (jobs, finding a key, schedules, migrations).
/// </summary>
public sealed class Database : IDisposable
{
    private readonly IDatabaseEngine _engine;
    private bool _isClosed;

    /// <exception cref="StartupException">The database cannot be used; nothing was changed.</exception>
    public Database(IOptions<DatabaseOptions> options, Meters meters)
    {
        SqlTypes.Register();
        _engine = options.Value.IsPostgres ? new PostgresEngine(options.Value, meters) : new SqliteEngine(options.Value, meters);
    }

    /// <summary>Where the data is, without secrets.</summary>
    public string Location => _engine.Location;

    public Dialect Dialect => _engine.Dialect;

    /// <summary>Whether other processes may write to it, so that what is kept in memory has to follow.</summary>
    public bool IsShared => _engine.Dialect == Dialect.Postgres;

    /// <summary>False after the storage failed a write: only a restart, which replays the log, makes it true again.</summary>
    public bool IsWritable => _engine.IsWritable;

    /// <summary>Reads one consistent snapshot of one tenant's rows.</summary>
    public Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> work, CancellationToken ct) => _engine.ReadAsync(tenant, work, ct);

    /// <summary>
    /// Runs a write and answers after its commit. The writes of one tenant run one after another, whichever process they
    /// come from. The closure may run again, so it must be repeatable, and it may await nothing but its session. Throwing
    /// from it undoes all that it did.
    /// </summary>
    public Task<T> WriteAsync<T>(Tenant tenant, Func<Session, Task<T>> work, CancellationToken ct) => _engine.WriteAsync(tenant, work, ct);

    /// <inheritdoc cref="WriteAsync{T}"/>
    public Task WriteAsync(Tenant tenant, Func<Session, Task> work, CancellationToken ct) => _engine.WriteAsync(tenant, Answering(work), ct);

    /// <summary>Reads across tenants; for the closed list alone.</summary>
    public Task<T> SystemReadAsync<T>(Func<Session, Task<T>> work, CancellationToken ct) => _engine.ReadAsync(tenant: null, work, ct);

    /// <summary>Writes across tenants; for the closed list alone.</summary>
    public Task<T> SystemWriteAsync<T>(Func<Session, Task<T>> work, CancellationToken ct) => _engine.WriteAsync(tenant: null, work, ct);

    /// <inheritdoc cref="SystemWriteAsync{T}"/>
    public Task SystemWriteAsync(Func<Session, Task> work, CancellationToken ct) => _engine.WriteAsync(tenant: null, Answering(work), ct);

    /// <summary>
    /// Reads all tenants as they were at one instant, however long it takes. Writers do not wait for it; what they replace
    /// is kept until it ends: the log of SQLite grows, PostgreSQL cleans nothing up.
    /// </summary>
    public Task<T> SnapshotAsync<T>(Func<Snapshot, Task<T>> work, CancellationToken ct) => _engine.SnapshotAsync(work, ct);

    /// <inheritdoc cref="IDatabaseEngine.InspectAsync"/>
    public Task<EngineReport> InspectAsync(CancellationToken ct) => _engine.InspectAsync(ct);

    /// <inheritdoc cref="IDatabaseEngine.ListenAsync"/>
    public Task ListenAsync(string channel, Action heard, CancellationToken ct) => _engine.ListenAsync(channel, heard, ct);

    /// <inheritdoc cref="IDatabaseEngine.RewriteAsync"/>
    public Task<string?> RewriteAsync(IReadOnlyList<string> tables, CancellationToken ct) => _engine.RewriteAsync(tables, ct);

    /// <inheritdoc cref="IDatabaseEngine.MigrateAsync"/>
    internal Task<int> MigrateAsync(Func<Session, Task<int>> work, CancellationToken ct) => _engine.MigrateAsync(work, ct);

    /// <summary>What a fault of the storage means for a start, as one line; null when it is no such fault.</summary>
    /// <param name="fault">What was thrown.</param>
    /// <param name="cannot">What cannot be done with the database, as the line says it after the database's name.</param>
    public StartupException? Explain(Exception fault, string cannot) => fault is DbException or ProblemException or SocketException or TimeoutException
        ? new StartupException($"{Location} {cannot}: {fault.Message.Split('\n')[0].TrimEnd()}", fault)
        {
            MayPass = IsShared && (fault is ProblemException || ServerCheck.MayPass(fault)),
        }
        : null;

    /// <summary>Lets the writes that were accepted finish, then closes the files.</summary>
    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _isClosed, true))
        {
            _engine.Dispose();
        }
    }

    private static Func<Session, Task<bool>> Answering(Func<Session, Task> work) => async session =>
    {
        await work(session);
        return true;
    };
}
