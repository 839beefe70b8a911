using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// Copies the write-ahead log into the database when it is long. SQLite would do it by itself, but would tell nobody when
/// the disk fails meanwhile, and would quietly try again what nobody may try again: an fsync that failed.
/// </summary>
internal sealed class SqliteLog(SqliteConnection connection)
{
    private const int LongestInPages = 4000;

    private bool _isDue;

    /// <summary>
    /// Copies what an earlier process left, before anything is added to it. After a failed fsync the kernel may show pages
    /// of the log that the disk does not hold; commits behind such a gap would be lost at the next power cut.
    /// </summary>
    /// <exception cref="SqliteException">The storage failed.</exception>
    public static void Replay(SqliteConnection connection)
    {
        var code = raw.sqlite3_wal_checkpoint_v2(connection.Handle, "main", raw.SQLITE_CHECKPOINT_TRUNCATE, out _, out _);
        Check(connection, code);
    }

    /// <exception cref="SqliteException">The storage failed.</exception>
    public void CheckpointWhenLong()
    {
        Check(connection, raw.sqlite3_db_status(connection.Handle, raw.SQLITE_DBSTATUS_CACHE_WRITE, out var written, out _, 0));
        if (written < LongestInPages && !_isDue)
        {
            return;
        }

        var code = raw.sqlite3_wal_checkpoint_v2(connection.Handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var pages, out var copied);
        _isDue = copied < pages; // Someone was reading; the next commit tries again, as long as the log cannot start anew.
        Check(connection, code);
        _ = raw.sqlite3_db_status(connection.Handle, raw.SQLITE_DBSTATUS_CACHE_WRITE, out _, out _, 1);
    }

    /// <summary>
    /// Writes the whole database anew and empties the log. secure_delete alone leaves bytes of deleted rows in the gaps of
    /// pages whose rows were moved to a neighbour; this was measured.
    /// </summary>
    /// <returns>What kept it from being done; null when it was.</returns>
    /// <exception cref="SqliteException">The disk is full, or the storage failed.</exception>
    public string? Rewrite()
    {
        var folder = Path.GetDirectoryName(connection.DataSource)!.Replace("'", "''", StringComparison.Ordinal);
        try
        {
            // The copy on the way is as large as the database: no memory for it, and no place that others read.
            Run($"PRAGMA temp_store_directory = '{folder}'");
            Run("PRAGMA temp_store = FILE");
            Run("VACUUM");
        }
        finally
        {
            Run("PRAGMA temp_store = MEMORY");
        }

        var code = raw.sqlite3_wal_checkpoint_v2(connection.Handle, "main", raw.SQLITE_CHECKPOINT_TRUNCATE, out _, out _);
        Check(connection, code);
        return code == raw.SQLITE_OK ? null : "someone was reading, so the log could not be emptied";
    }

    /// <summary>Closing the database shall leave the log for the next start to replay: a sync of it has failed.</summary>
    public void Keep() => _ = raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);

    private void Run(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static void Check(SqliteConnection connection, int code)
    {
        // A full disk or a reader only puts it off: the log holds everything.
        if ((code & 0xff) is not (raw.SQLITE_OK or raw.SQLITE_FULL or raw.SQLITE_BUSY or raw.SQLITE_LOCKED))
        {
            throw new SqliteException(
                $"SQLite error {code}: {raw.sqlite3_errmsg(connection.Handle).utf8_to_string()}",
                code & 0xff,
                raw.sqlite3_extended_errcode(connection.Handle));
        }
    }
}
