using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Data;

/// <summary>Which database to use, and where its files live.</summary>
public sealed class DatabaseOptions
{
    /// <summary><c>sqlite:///x</c> is relative to the data folder, <c>sqlite:////x</c> is absolute; <c>postgresql://user:password@host:5432/name</c> is a server.</summary>
    [Required]
    public string DatabaseUrl { get; set; } = "sqlite:///memoir.db";

    /// <summary>PostgreSQL: the role that owns the tables, on a direct connection. Empty: <see cref="DatabaseUrl"/> does all.</summary>
    public string DatabaseAdminUrl { get; set; } = "";

    /// <summary>PostgreSQL: statements are prepared once per connection. Off behind a pooler that cannot (pgbouncer below 1.21).</summary>
    public bool DatabasePrepare { get; set; } = true;

    /// <summary>Connections kept open: all of a process on PostgreSQL, the reading ones on SQLite.</summary>
    [Range(1, 200)]
    public int DatabasePoolSize { get; set; } = 20;

    /// <summary>Folder of everything Memoir keeps, created with mode 0700. Empty: <c>$XDG_DATA_HOME/memoir</c> or <c>~/.local/share/memoir</c>.</summary>
    public string DataDirectory { get; set; } = "";

    /// <summary>Writes that may wait for the writer before a caller is told 503 <c>overloaded</c>.</summary>
    [Range(1, 1_000_000)]
    public int WriteQueueLimit { get; set; } = 4096;

    /// <summary>How long a read or a search waits for its turn before its caller is told 503 <c>overloaded</c>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromSeconds(2);

    public bool IsPostgres => Postgres.PostgresAddress.IsOne(DatabaseUrl);

    /// <summary>The data folder as an absolute path.</summary>
    public string ResolveDataDirectory()
    {
        if (DataDirectory.Length > 0)
        {
            return Path.GetFullPath(DataDirectory);
        }

        var xdg = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
        var root = string.IsNullOrEmpty(xdg)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share")
            : xdg;
        return Path.Combine(root, "memoir");
    }

    /// <summary>The database file as an absolute path.</summary>
    /// <exception cref="StartupException">The address names an engine that this version does not know.</exception>
    public string ResolveSqlitePath()
    {
        foreach (var prefix in (ReadOnlySpan<string>)["sqlite:///", "sqlite+aiosqlite:///"])
        {
            if (DatabaseUrl.StartsWith(prefix, StringComparison.Ordinal) && DatabaseUrl.Length > prefix.Length)
            {
                return Path.GetFullPath(DatabaseUrl[prefix.Length..], ResolveDataDirectory());
            }
        }

        // The value may hold a password, so it is not repeated.
        throw new StartupException(
            "MEMORY_DATABASE_URL: must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME. Example: MEMORY_DATABASE_URL=sqlite:///memoir.db");
    }
}

[OptionsValidator]
public sealed partial class DatabaseOptionsValidator : IValidateOptions<DatabaseOptions>;

/// <summary>The program cannot start; its message is the one line an operator sees. The process exits with 78, or with 69 where the fault may pass.</summary>
public sealed class StartupException(string message, Exception? inner) : Exception(message, inner)
{
    public StartupException(string message)
        : this(message, null)
    {
    }

    /// <summary>Another process holds the database.</summary>
    public bool IsInUse { get; init; }

    /// <summary>The database's file is not as it was written.</summary>
    public bool IsDamage { get; init; }

    /// <summary>The same start may succeed later without anybody's doing: the server is down, starting, or has no connection to spare.</summary>
    public bool MayPass { get; init; }
}
