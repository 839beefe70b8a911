using System.Data.Common;
using System.Net.Sockets;
using Memoir.Kit.Http;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>What PostgreSQL's faults mean for a closure: run it again, or tell its caller what.</summary>
internal static class PostgresErrors
{
    /// <summary>Two transactions stood in each other's way and this one gave in: it did nothing and may run again.</summary>
    public static bool IsCollision(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>What <see cref="Session.AssumeAsync"/> took for granted is not so.</summary>
    public static bool IsWrongAssumption(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.DivisionByZero };

    /// <summary>
    /// The connection is gone, or the server was stopping, or ended an idle transaction (25P03); another connection may
    /// work. What was on its way may have been done.
    /// </summary>
    public static bool IsBroken(Exception exception) => exception switch
    {
        PoolExhaustedException => false,
        PostgresException { SqlState: var state, InvariantSeverity: var severity } =>
            state.StartsWith("57P", StringComparison.Ordinal) || state.StartsWith("08", StringComparison.Ordinal)
            || state is "25P03"
            || severity is "PANIC" || (severity is "FATAL" && !IsRefusedEntry(state)),
        NpgsqlException { InnerException: IOException or SocketException or ObjectDisposedException } => true,
        NpgsqlException { IsTransient: true } => true,
        IOException or SocketException => true,
        _ => false,
    };

    /// <summary>The other connections of the pool are as old and probably as broken; not so after a wait that was too long.</summary>
    public static bool IsStale(Exception exception) => IsBroken(exception) && exception is not NpgsqlException { InnerException: TimeoutException };

    /// <summary>The server takes no writes (any more), for it follows another one; a new connection may lead to that one.</summary>
    public static bool IsFollower(Exception exception) => exception is PostgresException
    {
        SqlState: PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.FeatureNotSupported,
        MessageText: var text,
    } && text.Contains("read-", StringComparison.Ordinal);

    /// <summary>Null when it is no fault of the storage.</summary>
    public static ProblemException? OfRead(Exception exception) =>
        exception is PoolExhaustedException ? Busy()
        : IsStorage(exception) ? new ProblemException(Problem.StorageUnavailable, "The database could not be read; send the request again in a moment.") : null;

    /// <summary>Null when it is no fault of the storage, but the closure's own.</summary>
    public static ProblemException? OfWrite(Exception exception) => exception switch
    {
        PoolExhaustedException => Busy(),
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
            new ProblemException(Problem.InsufficientStorage, "The disk is full; nothing was stored."),
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            new ProblemException(Problem.Overloaded, "Another write of this tenant takes very long; send the request again in a moment."),
        _ when IsStorage(exception) || IsFollower(exception) => Unavailable(),
        _ => null,
    };

    public static ProblemException Unavailable() =>
        new(Problem.StorageUnavailable, "The database could not take the write; nothing was stored. Send the request again in a moment.");

    /// <summary>The connection broke while the commit was under way: nobody knows whether it was kept.</summary>
    public static ProblemException Unknown() =>
        new(Problem.StorageUnavailable, "The database went away during the commit; the write may or may not be stored. Send it again with its Idempotency-Key or external_id.");

    /// <summary>It came from the database or the way to it, not from the closure.</summary>
    public static bool IsOfDatabase(Exception exception) => exception is DbException or IOException or SocketException or TimeoutException;

    private static ProblemException Busy() => new(Problem.Overloaded, "All connections to the database are busy; send the request again in a moment.");

    /// <summary>The server is there and does not let us in: a wrong password, no such database, too many connections.</summary>
    private static bool IsRefusedEntry(string state) =>
        state.StartsWith("28", StringComparison.Ordinal) || state.StartsWith("3D", StringComparison.Ordinal) || state.StartsWith("53", StringComparison.Ordinal);

    private static bool IsStorage(Exception exception) => IsBroken(exception) || IsCollision(exception) || exception switch
    {
        PostgresException { SqlState: var state } => state.StartsWith("53", StringComparison.Ordinal) || state.StartsWith("58", StringComparison.Ordinal)
            || state.StartsWith("XX", StringComparison.Ordinal) || state is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled,
        NpgsqlException => true,
        TimeoutException => true,
        _ => false,
    };
}
