using Memoir.Kit.Data.Engines;
using System.Diagnostics;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Npgsql;

namespace Memoir.Kit.Data.Postgres.Writes;

/// <summary>
/// Runs write closures, one tenant's one after another. Those that wait for the same tenant share a transaction and its
/// fsync; when one of them fails, all that it touched is undone and each runs again alone. Where the connection breaks during
/// the commit, the next attempt finds out whether it was kept. A server that does not answer
/// holds its connection, but no caller beyond the caller's own patience.
/// </summary>
internal sealed class PostgresWriter : IDisposable
{
    private const int LargestGroup = 64;

    /// <summary>One tenant may fill this part of the queue, or as much as a group takes.</summary>
    private const int LaneShare = 8;

    /// <summary>As long as the server lets a transaction be idle.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>A commit that is under way when its caller gives up usually ends within this, and is then answered.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Queue<PendingWrite>> _lanes = new(StringComparer.Ordinal);
    private readonly HashSet<Task> _running = [];
    private readonly NpgsqlDataSource _source;
    private readonly int _limit;
    private readonly Meters _meters;
    private int _waiting;
    private bool _closed;

    public PostgresWriter(NpgsqlDataSource source, int limit, Meters meters)
    {
        _source = source;
        _limit = limit;
        _meters = meters;
        meters.WriteQueueDepth = () => Volatile.Read(ref _waiting);
    }

    /// <exception cref="ProblemException">The queue is full, the storage failed, or the closure refused.</exception>
    public Task<T> RunAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        var write = new PendingWrite<T>(tenant, work, ct);
        lock (_lanes)
        {
            if (_closed)
            {
                throw new ProblemException(Problem.Draining, "The server is stopping; send the request again in a moment.");
            }

            if (_waiting >= _limit)
            {
                throw new ProblemException(Problem.Overloaded, "Too many writes are waiting; send the request again in a moment.");
            }

            var name = tenant?.Id;
            if (name is not null && _lanes.TryGetValue(name, out var lane))
            {
                if (lane.Count >= Math.Max(LargestGroup, _limit / LaneShare))
                {
                    throw new ProblemException(Problem.Overloaded, "Too many writes of this tenant are waiting; send the request again in a moment.");
                }

                _waiting++;
                lane.Enqueue(write); // Whoever drains it comes to this one.
                return AnswerAsync(write, ct);
            }

            _waiting++;

            lane = new Queue<PendingWrite>([write]);
            if (name is not null)
            {
                _lanes.Add(name, lane);
            }

            _running.RemoveWhere(task => task.IsCompleted);
            _running.Add(DrainAsync(name, lane));
        }

        return AnswerAsync(write, ct);
    }

    /// <summary>Waits for the writes that were accepted.</summary>
    public void Dispose()
    {
        Task[] running;
        lock (_lanes)
        {
            _closed = true;
            running = [.. _running];
        }

        Task.WaitAll(running, TimeSpan.FromSeconds(25));
    }

    /// <summary>A caller that gives up is not answered before its write is; but where the server does not answer, it goes.</summary>
    private static async Task<T> AnswerAsync<T>(PendingWrite<T> write, CancellationToken ct)
    {
        await ((Task)write.Answer.WaitAsync(ct)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!write.Answer.IsCompleted)
        {
            await ((Task)write.Answer.WaitAsync(Grace, CancellationToken.None)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return write.Answer.IsCompleted ? await write.Answer : throw new OperationCanceledException("The database did not answer in time; the write may have been stored.", ct);
    }

    /// <summary>Every failure in it is some caller's answer; it throws none.</summary>
    private async Task DrainAsync(string? tenant, Queue<PendingWrite> lane)
    {
        await Task.Yield(); // The caller holds the lock.
        var group = new List<PendingWrite>();
        while (Next(tenant, lane, group))
        {
            var started = Stopwatch.GetTimestamp();
            await RunGroupAsync(group);
            _meters.WritesCommitted(group.Count, Stopwatch.GetElapsedTime(started));
        }
    }

    /// <returns>False at the end of the lane, which is then closed.</returns>
    private bool Next(string? tenant, Queue<PendingWrite> lane, List<PendingWrite> group)
    {
        group.Clear();
        lock (_lanes)
        {
            while (group.Count < LargestGroup && lane.TryDequeue(out var write))
            {
                _waiting--;
                if (write.TryStart())
                {
                    group.Add(write);
                }
            }

            if (group.Count > 0)
            {
                return true;
            }

            if (tenant is not null)
            {
                _lanes.Remove(tenant);
            }

            return false;
        }
    }

    private async Task RunGroupAsync(List<PendingWrite> group)
    {
        var run = new GroupRun();
        if (group.Count > 1 && await TryTogetherAsync(group, run))
        {
            return;
        }

        foreach (var write in group)
        {
            if (run.Refusal is { } refusal)
            {
                write.Fail(refusal);
            }
            else
            {
                await RunAloneAsync(write, run, mayAssume: group.Count == 1);
            }
        }
    }

    /// <returns>False when each is to run alone, under what the run says.</returns>
    private async Task<bool> TryTogetherAsync(List<PendingWrite> group, GroupRun run)
    {
        var transaction = PostgresTransaction.OfWrite(group[0].Tenant);
        try
        {
            await CommitAsync(group, transaction, mayAssume: true);
            return true;
        }
        catch (Exception exception) when (transaction.IsCommitting && PostgresErrors.IsBroken(exception))
        {
            run.HasDatabaseFailed = true;
            ClearIfStale(exception);
            if (transaction.Assumptions.Count > 0)
            {
                run.Proviso = Proviso.After(transaction);
                return false;
            }

            group.ForEach(write => write.Fail(PostgresErrors.Unknown()));
            return true;
        }
        catch (Exception exception)
        {
            run.HasDatabaseFailed = PostgresErrors.IsOfDatabase(exception);
            return false; // Whose fault it was shows when each runs alone.
        }
    }

    private async Task RunAloneAsync(PendingWrite write, GroupRun run, bool mayAssume)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (write.IsAbandoned())
            {
                return; // Its caller was told that it took too long, and may have sent it again.
            }

            var transaction = PostgresTransaction.OfWrite(write.Tenant);
            run.Proviso.Bind(transaction);
            try
            {
                await CommitAsync([write], transaction, mayAssume);
                run.Kept(transaction);
                return;
            }
            catch (Exception exception) when (PostgresErrors.IsWrongAssumption(exception) && (run.Proviso.IsGiven || mayAssume))
            {
                if (run.Proviso.IsGiven)
                {
                    run.Proviso = Proviso.Lost; // Either it was kept the first time, or another process wrote here.
                    write.Fail(PostgresErrors.Unknown());
                    return;
                }

                mayAssume = false; // Another process wrote here meanwhile.
            }
            catch (Exception exception) when (
                transaction.IsCommitting && PostgresErrors.IsBroken(exception) && (transaction.Assumptions.Count == 0 || !run.MayTryAgain(attempt)))
            {
                run.HasDatabaseFailed = true;
                ClearIfStale(exception);
                write.Fail(PostgresErrors.Unknown());
                return;
            }
            catch (Exception exception) when (
                run.MayTryAgain(attempt)
                && (PostgresErrors.IsCollision(exception) || PostgresErrors.IsFollower(exception) || PostgresErrors.IsBroken(exception)))
            {
                run.HasDatabaseFailed = true;
                ClearIfStale(exception);
                if (transaction.IsCommitting && PostgresErrors.IsBroken(exception))
                {
                    (run.Proviso, mayAssume) = (Proviso.After(transaction), false);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(10 * attempt * attempt));
            }
            catch (Exception exception)
            {
                run.HasDatabaseFailed = PostgresErrors.IsOfDatabase(exception);
                Exception answer = run.Proviso.IsGiven && run.HasDatabaseFailed ? PostgresErrors.Unknown()
                    : PostgresErrors.OfWrite(exception) is { } problem ? problem : exception;
                write.Refuse(answer);
                PendingWrite.AnswerAll([write]);
                return;
            }
        }
    }

    /// <summary>The idle connections are as old as the one that broke: one after another, they would cost an attempt each.</summary>
    private void ClearIfStale(Exception exception)
    {
        if (PostgresErrors.IsStale(exception) || PostgresErrors.IsFollower(exception))
        {
            _source.Clear();
        }
    }

    /// <summary>A closure that awaits something other than its session would hold its tenant's turn for as long as that takes.</summary>
    private static async Task FinishAsync(Task running, PostgresSession session)
    {
        while (!running.IsCompleted)
        {
            var asked = session.Asked;
            try
            {
                await running.WaitAsync(LongestPause);
            }
            catch (TimeoutException) when (!running.IsCompleted)
            {
                if (session.Asked == asked && !session.IsAsking)
                {
                    throw new InvalidOperationException("A write closure may await nothing but its session.");
                }
            }
        }

        await running;
    }

    private async Task CommitAsync(List<PendingWrite> group, PostgresTransaction transaction, bool mayAssume)
    {
        await using var connection = await PoolExhaustedException.OpenAsync(_source, CancellationToken.None);
        connection.Notice += transaction.Hear;
        PostgresSession? last = null;
        try
        {
            foreach (var write in group)
            {
                var session = new PostgresSession(connection, transaction, write.Tenant, mayWrite: true)
                {
                    TraceParent = write.Spans?.TraceParent,
                    MayAssume = mayAssume,
                };
                try
                {
                    await FinishAsync(write.Run(session), session);
                }
                finally
                {
                    session.End();
                }

                last = session;
            }

            group.ForEach(write => write.Spans?.Committing(group.Count));
            transaction.IsCommitting = true;
#if FAULT_STORAGE
            if (Sqlite.SeededFault.Is("AckBeforeCommit"))
            {
                // Negative control: the callers hear of a commit that is not sent yet. Most of the time it would still be in time.
                PendingWrite.AnswerAll(group);
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
#endif
            await last!.CommitAsync();
        }
        finally
        {
            await transaction.RollBackAsync(connection);
        }

        if (transaction.WasWarned)
        {
            // Kept on this server and perhaps nowhere else: it gave up waiting for the one that follows it.
            group.ForEach(write =>
            {
                write.RunAfterCommit();
                write.Fail(PostgresErrors.Unknown());
            });
            return;
        }

        PendingWrite.AnswerAll(group);
    }
}
