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

    /// <summary>The connection is gone, or the server was stopping, or ended an idle transaction (25P03); another connection may work.</summary>
    public static bool IsBroken(Exception exception) => exception switch
    {
        PostgresException { SqlState: var state } =>
            state.StartsWith("57P", StringComparison.Ordinal) || state.StartsWith("08", StringComparison.Ordinal)
            || state is "25P03",
        NpgsqlException { InnerException: IOException or SocketException or ObjectDisposedException } => true,
        NpgsqlException { IsTransient: true } => true,
        IOException or SocketException => true,
        _ => false,
    };

    /// <summary>Null when it is no fault of the storage.</summary>
    public static ProblemException? OfRead(Exception exception) =>
        IsStorage(exception) ? new ProblemException(Problem.StorageUnavailable, "The database could not be read; send the request again in a moment.") : null;

    /// <summary>Null when it is no fault of the storage, but the closure's own.</summary>
    public static ProblemException? OfWrite(Exception exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
            new ProblemException(Problem.InsufficientStorage, "The disk is full; nothing was stored."),
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            new ProblemException(Problem.Overloaded, "Another write of this tenant takes very long; send the request again in a moment."),
        _ when IsStorage(exception) =>
            new ProblemException(Problem.StorageUnavailable, "The database could not take the write; nothing was stored. Send the request again in a moment."),
        _ => null,
    };

    /// <summary>The connection broke while the commit was under way: nobody knows whether it was kept.</summary>
    public static ProblemException Unknown() =>
        new(Problem.StorageUnavailable, "The database went away during the commit; the write may or may not be stored. Send it again with its Idempotency-Key or external_id.");

    private static bool IsStorage(Exception exception) => IsBroken(exception) || IsCollision(exception) || exception switch
    {
        PostgresException { SqlState: var state } => state.StartsWith("53", StringComparison.Ordinal) || state.StartsWith("58", StringComparison.Ordinal)
            || state.StartsWith("XX", StringComparison.Ordinal) || state is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled,
        NpgsqlException => true,
        TimeoutException => true,
        _ => false,
    };
}
