using System.Data.Common;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Backups.Rows;

namespace Memoir.Server.Commands.Copy;

/// <summary>One of the two databases of a copy: opened, and checked that nobody else works in it.</summary>
internal sealed class CopyEnd : IRowSource, IDisposable
{
    private readonly string _option;

    private CopyEnd(string option, Database database)
    {
        _option = option;
        Database = database;
    }

    public Database Database { get; }

    public string Location => Database.Location;

    /// <summary>Opens the source, which must be there.</summary>
    /// <exception cref="CommandException">It is not there, is no database, or a server uses it.</exception>
    public static CopyEnd OpenSource(string address, DatabaseOptions settings, Meters meters)
    {
        var options = OptionsOf("--from", address, "", settings);
        return options.IsPostgres || File.Exists(Try("--from", options.ResolveSqlitePath))
            ? Open("--from", options, meters)
            : throw new CommandException(ExitCode.NoInput, $"--from: there is no file {PrintableText.Of(options.ResolveSqlitePath())}");
    }

    /// <summary>Opens the target, and makes the folder that its file needs.</summary>
    /// <inheritdoc cref="OpenSource"/>
    public static CopyEnd OpenTarget(string address, string admin, CopyEnd source, DatabaseOptions settings, Meters meters)
    {
        var options = OptionsOf("--to", address, admin, settings);
        return options.IsPostgres || options.ResolveSqlitePath() != source.Database.Location
            ? OpenTarget(address, admin, settings, meters)
            : throw new CommandException(ExitCode.Usage, "--from and --to are the same database");
    }

    /// <inheritdoc cref="OpenTarget(string, string, CopyEnd, DatabaseOptions, Meters)"/>
    public static CopyEnd OpenTarget(string address, string admin, DatabaseOptions settings, Meters meters)
    {
        var options = OptionsOf("--to", address, admin, settings);
        return Try("--to", () =>
        {
            Startup.PrepareFolder(options);
            return Open("--to", options, meters);
        });
    }

    /// <summary>The file that an address of SQLite means; null where it is a server.</summary>
    /// <exception cref="CommandException">It is no address.</exception>
    public static string? FileOf(string address, DatabaseOptions settings) =>
        OptionsOf("--to", address, "", settings) is { IsPostgres: false } options ? options.ResolveSqlitePath() : null;

    /// <summary>Looks whether a server is connected; only the first use of the database may be this.</summary>
    /// <exception cref="CommandException">One is, or the database cannot be reached.</exception>
    public async Task RequireFreeAsync(CancellationToken ct)
    {
        const string others = """
            SELECT COUNT(*) FROM pg_catalog.pg_stat_activity
            WHERE datname = current_database() AND application_name = 'memoir' AND pid <> pg_backend_pid()
            """;

        var count = Database.Dialect == Dialect.Postgres
            ? await ReachAsync(() => Database.SystemReadAsync(session => session.ScalarAsync(others, new { }), ct))
            : 0;
        if (count > 0)
        {
            throw new CommandException(ExitCode.Unavailable, $"{_option}: {Database.Location} is in use by another Memoir process; stop it first");
        }

        await ReachAsync(() => Database.InspectAsync(ct));
    }

    public Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> read, CancellationToken ct) =>
        ReachAsync(() => Database.ReadAsync(tenant, read, ct));

    public Task<T> SystemReadAsync<T>(Func<Session, Task<T>> read, CancellationToken ct) => ReachAsync(() => Database.SystemReadAsync(read, ct));

    public Task WriteAsync(Tenant tenant, Func<Session, Task<int>> write) =>
        ReachAsync(() => Database.WriteAsync(tenant, write, CancellationToken.None));

    /// <exception cref="CommandException">The storage fails; the text says which end and why.</exception>
    public async Task<T> ReachAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (DbException exception)
        {
            // The classes 22 and 23 are about a value that the database does not take.
            var code = exception.SqlState is ['2', '2' or '3', ..] ? ExitCode.Data : ExitCode.Unavailable;
            throw new CommandException(code, $"{_option}: {Database.Location}: {PrintableText.Of(exception.Message)}");
        }
        catch (ProblemException exception)
        {
            throw new CommandException(ExitCode.Unavailable, $"{_option}: {Database.Location}: {exception.Message}");
        }
    }

    public void Dispose() => Database.Dispose();

    private static CopyEnd Open(string option, DatabaseOptions options, Meters meters) =>
        Try(option, () => new CopyEnd(option, new Database(Microsoft.Extensions.Options.Options.Create(options), meters)));

    private static DatabaseOptions OptionsOf(string option, string address, string admin, DatabaseOptions settings)
    {
        var options = new DatabaseOptions
        {
            DatabaseUrl = address,
            DatabaseAdminUrl = admin,
            DataDirectory = settings.DataDirectory,
            DatabasePrepare = settings.DatabasePrepare,
        };
        if (!options.IsPostgres)
        {
            Try(option, options.ResolveSqlitePath);
        }

        return options;
    }

    /// <summary>The complaint names the option, where the server would name its variable.</summary>
    public static T Try<T>(string option, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (StartupException exception) when (exception.IsInUse)
        {
            throw new CommandException(ExitCode.Unavailable, $"{option}: {exception.Message}");
        }
        catch (StartupException exception)
        {
            var isAddress = exception.Message.StartsWith("MEMORY_DATABASE_", StringComparison.Ordinal);
            var text = exception.Message
                .Replace("MEMORY_DATABASE_ADMIN_URL", "--to-admin", StringComparison.Ordinal)
                .Replace("MEMORY_DATABASE_URL", option, StringComparison.Ordinal);
            throw new CommandException(isAddress ? ExitCode.Usage : ExitCode.NoInput, isAddress ? text : $"{option}: {text}");
        }
    }
}
