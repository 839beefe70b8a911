using Memoir.Kit.Data.Engines;
using Memoir.Kit.Limits;
using Memoir.Kit.Telemetry;
using Microsoft.Data.Sqlite;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>One file, one process: a thread that writes in groups, and a pool of readers beside it.</summary>
internal sealed class SqliteEngine : IDatabaseEngine
{
    private readonly SqliteFile _file;
    private readonly SqliteConnection _writing;
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;

    /// <exception cref="StartupException">The file cannot be used; nothing was changed.</exception>
    public SqliteEngine(DatabaseOptions options, Meters meters)
    {
        SqliteLibrary.Load();
        var path = options.ResolveSqlitePath();
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

        _writer = new SqliteWriter(_writing, options.WriteQueueLimit, meters);
        _readers = new SqliteReaders(_file.OpenReader, new TenantTurns(options.DatabasePoolSize, options.LongestWait));
    }

    public Dialect Dialect => Dialect.Sqlite;

    public string Location { get; }

    public bool IsWritable => !_writer.IsBroken;

    public Task<T> ReadAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct) => _readers.RunAsync(tenant, work, ct);

    public Task<T> WriteAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct) => _writer.RunAsync(tenant, work, ct);

    public Task<T> SnapshotAsync<T>(Func<Snapshot, Task<T>> work, CancellationToken ct) => _readers.SnapshotAsync(work, ct);

    public Task<EngineReport> InspectAsync(CancellationToken ct) => Task.FromResult(
        new EngineReport($"SQLite {SqliteLibrary.Version}", SqliteLibrary.Warning() is { } warning ? [warning] : []));

    public Task ListenAsync(string channel, Action heard, CancellationToken ct) => Task.Delay(Timeout.Infinite, ct);

    public Task<int> MigrateAsync(Func<Session, Task<int>> work, CancellationToken ct) => _writer.RunAsync(tenant: null, work, ct);

    public Task<string?> RewriteAsync(IReadOnlyList<string> tables, CancellationToken ct) => _writer.RewriteAsync(ct);

    public void Dispose()
    {
        _writer.Dispose();
        _readers.Dispose();
        _writing.Dispose();
        _file.Dispose();
    }
}
