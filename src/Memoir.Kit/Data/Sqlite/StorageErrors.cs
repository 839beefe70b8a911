using Memoir.Kit.Http;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>Tells a full disk from a broken one, and what a caller hears of either.</summary>
internal static class StorageErrors
{
    /// <summary>After it nobody knows what the disk holds.</summary>
    public static bool IsFault(SqliteException exception) =>
        exception.SqliteErrorCode is raw.SQLITE_CORRUPT
        || (exception.SqliteErrorCode is raw.SQLITE_IOERR && !IsFull(exception));

    public static ProblemException WritesEnded() =>
        new(Problem.StorageUnavailable, "The storage reported an error; writes are refused until the server was restarted.");

    public static ProblemException OfWrite(SqliteException exception) =>
        IsFull(exception) ? new ProblemException(Problem.InsufficientStorage, "The disk is full; nothing was stored.")
        : IsFault(exception) ? WritesEnded()
        : new ProblemException(Problem.StorageUnavailable, "The database could not take the write; nothing was stored.");

    /// <summary>Null when it is no fault of the storage.</summary>
    public static ProblemException? OfRead(SqliteException exception) =>
        IsFault(exception) || IsFull(exception) || exception.SqliteErrorCode is raw.SQLITE_CANTOPEN or raw.SQLITE_NOTADB
            ? new ProblemException(Problem.StorageUnavailable, "The storage could not be read; send the request again in a moment.")
            : null;

    /// <summary>No room is no fault: SQLite reports it as an I/O error when it is the shared index of the log that cannot grow.</summary>
    private static bool IsFull(SqliteException exception) =>
        exception.SqliteErrorCode is raw.SQLITE_FULL || exception.SqliteExtendedErrorCode is raw.SQLITE_IOERR_SHMSIZE;
}
