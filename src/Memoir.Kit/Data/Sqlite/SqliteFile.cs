using Memoir.Kit.Data.Sqlite.Recovery;
using Memoir.Kit.Files;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// Opens the database file of this process: takes the lock, refuses what is damaged or not ours before anything is
/// written, and sets every connection up the same way.
/// </summary>
internal sealed class SqliteFile : IDisposable
{
    // "MEMR": says in the file's header whose it is.
    private const long ApplicationId = 0x4D454D52;

    private const string Remedy = "memoir recover restores the newest good backup.";

    private readonly FileStream _lock;
    private readonly string _connectionString;

    private SqliteFile(string path, FileStream processLock)
    {
        Path = path;
        _lock = processLock;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString();
    }

    public string Path { get; }

    /// <exception cref="StartupException">Another process holds it, or the file is damaged, foreign or unreadable.</exception>
    public static SqliteFile Open(string path)
    {
        var processLock = TakeLock(path);
        try
        {
            if (SqliteReplacement.IsInterrupted(path))
            {
                throw new StartupException($"{path} is being recovered, and that was interrupted. Run memoir recover again.");
            }

            RefuseForeignBytes(path);
            MakePrivately(path);
#if FAULT_STORAGE
            if (SeededFault.Is("DropLogAtStart"))
            {
                File.Delete(path + "-wal");
            }
#endif
            return new SqliteFile(path, processLock);
        }
        catch
        {
            processLock.Dispose();
            throw;
        }
    }

    /// <summary>Takes the lock and looks at nothing: for who replaces the file, whatever it holds.</summary>
    /// <exception cref="StartupException">Another process holds it.</exception>
    public static SqliteFile Hold(string path) => new(path, TakeLock(path));

    /// <summary>What is wrong with the file, in a sentence; null when all of its pages are as they should be. Nothing is changed.</summary>
    /// <exception cref="StartupException">It is no database of ours, so that nothing can be said of it.</exception>
    public string? FindDamage()
    {
        if (new FileInfo(Path) is not { Exists: true, Length: > 0 })
        {
            return "there is nothing in it";
        }

        try
        {
            using var connection = Look();
            using var check = connection.CreateCommand();
            check.CommandText = "PRAGMA integrity_check(1)";
            return check.ExecuteScalar() is "ok" ? null : $"SQLite finds it inconsistent: {check.ExecuteScalar()}";
        }
        catch (SqliteException exception)
        {
            return exception.Message;
        }
        catch (StartupException exception) when (exception.IsDamage)
        {
            return exception.Message;
        }
    }

    /// <summary>The first table with a row, of others than those named; null when there is none, or no file. Nothing is changed.</summary>
    /// <exception cref="StartupException">The file is damaged or not ours.</exception>
    public string? FindRows(IReadOnlyCollection<string> except)
    {
        if (new FileInfo(Path) is not { Exists: true, Length: > 0 })
        {
            return null;
        }

        try
        {
            using var connection = Look();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'";
            var tables = new List<string>();
            using (var reader = command.ExecuteReader())
            {
                while (reader.Read())
                {
                    tables.Add(reader.GetString(0));
                }
            }

            return tables.Find(table =>
            {
                command.CommandText = $"SELECT 1 FROM \"{table.Replace("\"", "\"\"", StringComparison.Ordinal)}\" LIMIT 1";
                return !except.Contains(table) && command.ExecuteScalar() is not null;
            });
        }
        catch (SqliteException exception)
        {
            throw Damaged(Path, exception);
        }
    }

    /// <summary>The one connection that writes and checkpoints.</summary>
    public SqliteConnection OpenWriter()
    {
        SqliteConnection? connection = null;
        try
        {
            connection = Connect();

            // Closing a database writes its log back into it: not into one that is not ours.
            raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
            RefuseForeignTables(connection);
            raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, out _);
            Pragma(connection, "PRAGMA journal_mode = WAL");
            Pragma(connection, "PRAGMA synchronous = FULL"); // NORMAL lost acknowledged writes at a power cut when measured.
            Pragma(connection, "PRAGMA wal_autocheckpoint = 0"); // It keeps its failures to itself: SqliteLog does it.
            Pragma(connection, "PRAGMA journal_size_limit = 67108864");
            Pragma(connection, "PRAGMA secure_delete = ON");
            Pragma(connection, "PRAGMA cache_size = -32768");
            Pragma(connection, $"PRAGMA application_id = {ApplicationId}");
#if FAULT_STORAGE
            if (SeededFault.Is("SynchronousNormal"))
            {
                Pragma(connection, "PRAGMA synchronous = NORMAL");
            }
#endif
            SqliteLog.Replay(connection);
            return connection;
        }
        catch (SqliteException exception)
        {
            connection?.Dispose();
            throw Damaged(Path, exception);
        }
        catch (StartupException)
        {
            connection?.Dispose();
            throw;
        }
    }

    public SqliteConnection OpenReader()
    {
        var connection = Connect();
        Pragma(connection, "PRAGMA wal_autocheckpoint = 0");
        Pragma(connection, "PRAGMA query_only = ON");
        Pragma(connection, "PRAGMA cache_size = -4096");
        return connection;
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>A connection that changes nothing, not even by being closed.</summary>
    private SqliteConnection Look()
    {
        RefuseForeignBytes(Path);
        var connection = Connect();
        try
        {
            raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
            RefuseForeignTables(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        raw.sqlite3_busy_timeout(connection.Handle, 5000);

        // No files in the machine's folder for them: they would need a free handle, and hold what people said.
        Pragma(connection, "PRAGMA temp_store = MEMORY");
        return connection;
    }

    private static void Pragma(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteScalar();
    }

    private static FileStream TakeLock(string path)
    {
        try
        {
            return OpenPrivately(path + ".lock", FileShare.None);
        }
        catch (IOException exception) when (IsTaken(exception))
        {
            throw new StartupException($"{path} is in use by another Memoir process; stop it, or set MEMORY_DATA_DIRECTORY to another folder.", exception) { IsInUse = true };
        }
        catch (IOException exception)
        {
            throw new StartupException($"{path} cannot be opened: {exception.Message}", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StartupException($"{path} cannot be opened for writing; check the owner and mode of its folder.", exception);
        }
    }

    /// <summary>SQLite would make it readable by all, and gives its log the modes of the file.</summary>
    private static void MakePrivately(string path)
    {
        if (!File.Exists(path))
        {
            OpenPrivately(path, FileShare.ReadWrite).Dispose();
        }
    }

    private static FileStream OpenPrivately(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = DurableFiles.Private;
        }

        return new FileStream(path, options);
    }

    /// <summary>EWOULDBLOCK of Linux and macOS, ERROR_SHARING_VIOLATION of Windows.</summary>
    private static bool IsTaken(IOException exception) => (exception.HResult & 0xffff) is 11 or 35 or 32;

    public static void RefuseForeignBytes(string path)
    {
        if (new FileInfo(path).LinkTarget is not null)
        {
            // Two names of one file would be two locks, and two processes on one database.
            throw new StartupException($"{path} is a link; set MEMORY_DATABASE_URL to the file itself.");
        }

        if (!File.Exists(path))
        {
            if (Directory.Exists(path))
            {
                throw new StartupException($"{path} is a folder, not a database file.");
            }

            return;
        }

        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (file.Length == 0)
            {
                return; // SQLite itself leaves an empty file when it is stopped before its first page.
            }

            Span<byte> header = stackalloc byte[100];
            if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length
                || !header.StartsWith("SQLite format 3\0"u8))
            {
                throw new StartupException($"{path} is damaged or not a Memoir database; it was left as it is. {Remedy}") { IsDamage = true };
            }

            if (HoldsPages(path + "-wal") || HoldsPages(path + "-journal"))
            {
                // Killed in the middle of a checkpoint, or while it was made: only the log knows the right length.
                return;
            }

            var pageSize = (header[16] << 8) | header[17];
            var pages = (uint)((header[28] << 24) | (header[29] << 16) | (header[30] << 8) | header[31]);
            if (file.Length != pages * (long)(pageSize == 1 ? 65536 : pageSize))
            {
                throw new StartupException($"{path} is damaged (cut short, or not all of it is ours); it was left as it is. {Remedy}") { IsDamage = true };
            }
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StartupException($"{path} cannot be read; check its owner and mode.", exception);
        }
        catch (IOException exception)
        {
            throw new StartupException($"{path} cannot be read: {exception.Message}", exception);
        }
    }

    private static bool HoldsPages(string log) => new FileInfo(log) is { Exists: true, Length: > 0 };

    private void RefuseForeignTables(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA application_id";
        var application = (long)command.ExecuteScalar()!;
        command.CommandText = "SELECT COUNT(*) FROM sqlite_master";
        var tables = (long)command.ExecuteScalar()!;
        if (tables > 0 && application != ApplicationId)
        {
            throw new StartupException($"{Path} belongs to another program; it was left as it is.");
        }
    }

    private static StartupException Damaged(string path, SqliteException exception) => exception.SqliteErrorCode switch
    {
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB =>
            new StartupException($"{path} is damaged; it was left as it is. {Remedy}", exception) { IsDamage = true },
        raw.SQLITE_FULL => new StartupException($"{path} cannot be opened: the disk is full.", exception),
        _ => new StartupException($"{path} cannot be opened: {exception.Message}", exception),
    };
}
