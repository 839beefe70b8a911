using System.Collections.Concurrent;
using Memoir.Kit.Data.Engines;
using Memoir.Kit.Limits;
using Microsoft.Data.Sqlite;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>A bounded pool of reading connections, taken by turns of the tenants. Under write-ahead logging they never wait for the writer.</summary>
internal sealed class SqliteReaders(Func<SqliteConnection> open, TenantTurns turns) : IDisposable
{
    private static readonly object None = new();

    private readonly ConcurrentBag<Reader> _idle = [];
    private volatile bool _isClosed;

    public async Task<T> RunAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        await turns.EnterAsync(tenant, ct);
        Reader? reader = null;
        try
        {
            ObjectDisposedException.ThrowIf(_isClosed, this); // Another process may have the file by now.
            if (!_idle.TryTake(out reader))
            {
                reader = new Reader(open());
            }

            return await reader.RunAsync(tenant, work);
        }
        catch (SqliteException exception) when (StorageErrors.OfRead(exception) is { } problem)
        {
            reader?.Dispose();
            reader = null;
            throw problem;
        }
        catch
        {
            reader?.Dispose(); // Whatever state it is in, the next caller gets a fresh one.
            reader = null;
            throw;
        }
        finally
        {
            if (reader is not null)
            {
                _idle.Add(reader);
            }

            turns.Leave();
        }
    }

    /// <summary>On a connection of its own: it lasts long, and must not take one from the requests.</summary>
    public async Task<T> SnapshotAsync<T>(Func<Snapshot, Task<T>> work, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_isClosed, this);
        using var connection = open();
        using var statements = new PreparedStatements(connection);
        statements.Execute("BEGIN", None, tenant: null);
        statements.Scalar("SELECT COUNT(*) FROM sqlite_master", None, tenant: null); // The instant is that of the first read.
        return await work(new Snapshot(tenant => new SqliteSession(connection, statements, tenant, mayWrite: false)));
    }

    public void Dispose()
    {
        _isClosed = true;
        while (_idle.TryTake(out var reader))
        {
            reader.Dispose();
        }
    }

    private sealed class Reader(SqliteConnection connection) : IDisposable
    {
        private readonly PreparedStatements _statements = new(connection);

        public async Task<T> RunAsync<T>(Tenant? tenant, Func<Session, Task<T>> work)
        {
            _statements.Execute("BEGIN", None, tenant: null); // One snapshot for all that the closure reads.
            var session = new SqliteSession(connection, _statements, tenant, mayWrite: false);
            try
            {
                var result = await work(session);
                _statements.Execute("COMMIT", None, tenant: null);
                return result;
            }
            finally
            {
                session.End();
            }
        }

        public void Dispose()
        {
            _statements.Dispose();
            connection.Dispose();
        }
    }
}
