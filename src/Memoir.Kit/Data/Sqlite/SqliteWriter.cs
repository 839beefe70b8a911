using Memoir.Kit.Data.Engines;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// Owns the one writing connection. A dedicated thread runs the waiting closures one after another inside one transaction,
/// a savepoint each, and commits them together, so that many callers share the price of one fsync. A caller is answered
/// only after the commit that holds its write.
/// </summary>
internal sealed class SqliteWriter : IDisposable
{
    // Long enough to share an fsync among many, short enough that the first of a group does not notice.
    private static readonly TimeSpan LongestGroup = TimeSpan.FromMilliseconds(20);
    private const int LargestGroup = 512;

    private readonly SqliteConnection _connection;
    private readonly PreparedStatements _statements;
    private readonly SqliteLog _log;
    private readonly WriteQueue<PendingWrite> _waiting;
    private readonly Thread _thread;
    private readonly Meters _meters;
    private volatile bool _broken;
    private TaskCompletionSource<string?>? _rewrite;

    public SqliteWriter(SqliteConnection connection, int queueLimit, Meters meters)
    {
        _connection = connection;
        _meters = meters;
        _statements = new PreparedStatements(connection);
        _log = new SqliteLog(connection);
        _waiting = new WriteQueue<PendingWrite>(queueLimit);
        meters.WriteQueueDepth = () => _waiting.Count;
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite-writer" };
        _thread.Start();
    }

    public bool IsBroken => _broken;

    /// <exception cref="ProblemException">The queue is full, the storage failed, or the closure refused.</exception>
    public Task<T> RunAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        if (_broken)
        {
            throw StorageErrors.WritesEnded();
        }

        var write = new PendingWrite<T>(tenant, work, ct);
        try
        {
            if (_waiting.TryAdd(write, tenant))
            {
                return write.Answer;
            }
        }
        catch (InvalidOperationException)
        {
            throw new ProblemException(Problem.Draining, "The server is stopping; send the request again in a moment.");
        }

        throw new ProblemException(Problem.Overloaded, "Too many writes are waiting; send the request again in a moment.");
    }

    /// <summary>Writes the database anew between two groups; see <see cref="SqliteLog.Rewrite"/>.</summary>
    public async Task<string?> RewriteAsync(CancellationToken ct)
    {
        var asked = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = Interlocked.CompareExchange(ref _rewrite, asked, null);
        await RunAsync(tenant: null, _ => Task.FromResult(true), ct); // Wakes the thread; behind this group it looks.
        return await (running ?? asked).Task.WaitAsync(ct);
    }

    public void Dispose()
    {
        _waiting.Close();
        _thread.Join();
        Interlocked.Exchange(ref _rewrite, null)?.TrySetException(StorageErrors.WritesEnded());
        _statements.Dispose();
        if (_broken)
        {
            _log.Keep();
        }
    }

    private void Run()
    {
        var group = new List<PendingWrite>(LargestGroup);
        while (_waiting.Take() is { } first)
        {
            if (_broken)
            {
                first.Fail(StorageErrors.WritesEnded());
            }
            else if (first.TryStart())
            {
                group.Add(first);
                RunGroup(group);
                group.Clear();
                Checkpoint();
                RewriteIfAsked();
            }
        }
    }

    /// <summary>Runs the first write, which is in the group already, and all that wait behind it.</summary>
    private void RunGroup(List<PendingWrite> group)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            Begin();
            RunInSavepoint(group[0]);
            while (Next(group.Count, started) is { } next)
            {
                if (next.TryStart())
                {
                    group.Add(next);
                    RunInSavepoint(next);
                }
            }

            Commit(group);
        }
        catch (SqliteException exception)
        {
            // The engine gave up the whole transaction. What one closure could not do may have been its fault alone,
            // so each is run again by itself; nothing of the group was answered yet.
            Rollback();
            RerunEachAlone(group, exception);
        }

        _meters.WritesCommitted(group.Count, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Its callers are answered: their writes are safe in the log, whatever becomes of this.</summary>
    private void Checkpoint()
    {
        try
        {
            if (!_broken)
            {
                _log.CheckpointWhenLong();
            }
        }
        catch (SqliteException exception)
        {
            _broken = StorageErrors.IsFault(exception);
        }
    }

    private void RewriteIfAsked()
    {
        if (Interlocked.Exchange(ref _rewrite, null) is not { } asked)
        {
            return;
        }

        try
        {
            asked.TrySetResult(_broken ? "the storage failed a write" : _log.Rewrite());
        }
        catch (SqliteException exception)
        {
            _broken |= StorageErrors.IsFault(exception);
            asked.TrySetResult(exception.Message);
        }
    }

    private PendingWrite? Next(int count, long started) =>
        count < LargestGroup && Stopwatch.GetElapsedTime(started) < LongestGroup ? _waiting.TryTake() : null;

    private void RunInSavepoint(PendingWrite write)
    {
        Control("SAVEPOINT closure");
        try
        {
            Run(write);
            Control("RELEASE closure");
        }
        catch (SqliteException exception) when (EndsTransaction(exception))
        {
            throw;
        }
        catch (Exception exception)
        {
            Control("ROLLBACK TO closure");
            Control("RELEASE closure");
            write.Refuse(exception);
        }
    }

    private void Run(PendingWrite write)
    {
        var session = new SqliteSession(_connection, _statements, write.Tenant, mayWrite: true) { TraceParent = write.Spans?.TraceParent };
        try
        {
            var running = write.Run(session);
            if (!running.IsCompleted)
            {
                throw new InvalidOperationException("A write closure may await nothing but its session.");
            }

            running.GetAwaiter().GetResult();
        }
        finally
        {
            session.End(); // A closure that wakes up later must not write into the transaction of others.
        }
    }

    private void RerunEachAlone(List<PendingWrite> group, SqliteException cause)
    {
        if (StorageErrors.IsFault(cause))
        {
            // After a failed write or fsync nobody knows what the disk holds. Trying again could acknowledge a write
            // that the kernel already dropped, so writes stop until a restart has replayed the log.
            _broken = true;
        }

        foreach (var write in group)
        {
            if (_broken)
            {
                write.Fail(StorageErrors.WritesEnded());
                continue;
            }

            try
            {
                Begin();
                RunInSavepoint(write);
                Commit([write]);
            }
            catch (SqliteException exception)
            {
                Rollback();
                _broken |= StorageErrors.IsFault(exception);
                write.Fail(StorageErrors.OfWrite(exception));
            }
        }
    }

    private void Commit(List<PendingWrite> group)
    {
        foreach (var write in group)
        {
            write.Spans?.Committing(group.Count);
        }

#if FAULT_STORAGE
        if (SeededFault.Is("AckBeforeCommit"))
        {
            PendingWrite.AnswerAll(group);
            Thread.Sleep(2); // As long as many a disk takes for an fsync; a quicker one would hide the fault most of the time.
            Control("COMMIT");
            return;
        }

        try
        {
            Control("COMMIT");
        }
        catch (SqliteException) when (SeededFault.Is("AckFailedCommit"))
        {
            Rollback();
        }

        PendingWrite.AnswerAll(group);
#else
        Control("COMMIT");
        PendingWrite.AnswerAll(group);
#endif
    }

    private void Begin() => Control("BEGIN IMMEDIATE");

    private void Rollback()
    {
        if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
        {
            try
            {
                Control("ROLLBACK");
            }
            catch (SqliteException)
            {
                _broken = true; // A transaction that can be neither kept nor dropped: only a restart helps.
            }
        }
    }

    private void Control(string sql) => _statements.Execute(sql, NoArguments.Instance, tenant: null);

    private bool EndsTransaction(SqliteException exception) =>
        exception.SqliteErrorCode is raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_NOMEM or raw.SQLITE_CORRUPT
        || raw.sqlite3_get_autocommit(_connection.Handle) != 0;

    private sealed class NoArguments
    {
        public static readonly NoArguments Instance = new();
    }
}
