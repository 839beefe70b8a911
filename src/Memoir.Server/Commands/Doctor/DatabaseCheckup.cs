using System.Net;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Settings;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Doctor;

/// <summary>Looks at the database: by itself where nobody serves it, and on SQLite through the server that holds it.</summary>
internal sealed class DatabaseCheckup(IServiceProvider services, DatabaseOptions options, TimeProvider time)
{
    private const string DatabaseName = "database";
    private const string Clock = "clock";
    private const string Isolation = "isolation";

    /// <summary>Processes that share a database may be this far apart, as retention has it.</summary>
    private static readonly TimeSpan MostSkew = TimeSpan.FromSeconds(60);

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken ct)
    {
        if (!options.IsPostgres && !File.Exists(options.ResolveSqlitePath()))
        {
            return [Finding.Ok(DatabaseName, $"there is none yet; the first start makes {options.ResolveSqlitePath()}")];
        }

        // Before it is opened: that writes.
        var clock = options.IsPostgres ? null : FileClock();
        Database database;
        try
        {
            database = services.GetRequiredService<Database>();
        }
        catch (StartupException exception) when (exception.IsInUse)
        {
            return [await AskServerAsync(ct), clock!];
        }
        catch (StartupException exception)
        {
            return [Finding.Error(DatabaseName, exception.Message, ExitCode.Data), .. clock is null ? Array.Empty<Finding>() : [clock]];
        }

        try
        {
            return clock is null ? await LookAtServerAsync(database, ct) : await LookAtFileAsync(database, clock, ct);
        }
        catch (Exception exception) when (SettingsSetup.Explain(exception) is not null || database.Explain(exception, "cannot be reached") is not null)
        {
            return [Finding.Error(DatabaseName, SettingsSetup.Explain(exception) ?? database.Explain(exception, "cannot be reached")!.Message, ExitCode.Unavailable)];
        }
    }

    private static async Task<IReadOnlyList<Finding>> LookAtFileAsync(Database database, Finding clock, CancellationToken ct)
    {
        const string damage = "SELECT quick_check AS value FROM pragma_quick_check(1)";
        var found = await database.SystemReadAsync(session => session.QueryAsync<string>(damage, new { }), ct);
        var pending = await database.CountPendingAsync(typeof(Startup).Assembly, ct);
        var report = await database.InspectAsync(ct);
        return
        [
            found is ["ok"] ? Described(database, report, pending)
                : Finding.Error(DatabaseName, $"{database.Location} is damaged: {PrintableText.Of(found is [var first, ..] ? first : "the check says nothing")}; memoir recover restores the newest good copy", ExitCode.Data),
            clock,
            Finding.Ok(Isolation, "one process, and every statement names its tenant"),
        ];
    }

    private async Task<IReadOnlyList<Finding>> LookAtServerAsync(Database database, CancellationToken ct)
    {
        var pending = await database.CountPendingAsync(typeof(Startup).Assembly, ct);
        var now = time.GetUtcNow();
        var (theirs, takesWrites) = await database.SystemReadAsync(
            async session => (
                await session.ScalarAsync($"SELECT {session.Dialect.Clock}", new { now = time.Now() }),
                await session.ScalarAsync(session.Dialect.TakesWrites, new { }) == 1),
            ct);
        var skew = DateTimeOffset.UnixEpoch.AddMicroseconds(theirs ?? 0) - now;
        var clock = skew.Duration() > MostSkew
            ? Finding.Error(Clock, FormattableString.Invariant($"this machine is {skew.Duration().TotalSeconds:N0} s {(skew > TimeSpan.Zero ? "behind" : "ahead of")} the database's server; set both by NTP"), ExitCode.Unavailable)
            : Finding.Ok(Clock, FormattableString.Invariant($"{skew.Duration().TotalSeconds:N1} s from the database's server"));
        try
        {
            var report = await database.InspectAsync(ct);
            var described = takesWrites
                ? Described(database, report, pending)
                : Finding.Error(DatabaseName, $"{database.Location} follows another server and takes no writes", ExitCode.Unavailable);
            return [described, clock, pending > 0
                ? Finding.Warning(Isolation, "not looked at before the migrations")
                : Finding.Ok(Isolation, "row level security binds this role on every table of tenants")];
        }
        catch (StartupException exception)
        {
            return [Finding.Ok(DatabaseName, database.Location), clock, Finding.Error(Isolation, exception.Message, ExitCode.Configuration)];
        }
    }

    private static Finding Described(Database database, EngineReport report, int pending)
    {
        var text = $"{database.Location} ({report.Version})";
        return pending > 0 ? Finding.Warning(DatabaseName, FormattableString.Invariant($"{text} lacks {pending} migrations: start this version, or run memoir migrate"))
            : report.Warnings.Count > 0 ? Finding.Warning(DatabaseName, $"{text}: {string.Join(" ", report.Warnings)}")
            : Finding.Ok(DatabaseName, text);
    }

    private async Task<Finding> AskServerAsync(CancellationToken ct)
    {
        var address = ServerAddress.From(null);
        using var client = new MemoirClient(address.Url, key: null, time);
        return await client.ProbeAsync("v1/admin/readiness", ct) switch
        {
            HttpStatusCode.OK => Finding.Ok(DatabaseName, $"{options.ResolveSqlitePath()}, served and ready at {address.Url}"),
            { } status => Finding.Error(DatabaseName, FormattableString.Invariant($"{options.ResolveSqlitePath()} is served at {address.Url}, which answers {(int)status} when asked whether it is ready"), ExitCode.Unavailable),
            null => Finding.Error(DatabaseName, $"a process holds {options.ResolveSqlitePath()}, yet none answers at {address.Url}; is MEMORY_PORT its port?", ExitCode.Unavailable),
        };
    }

    /// <summary>A file of the future was written before the clock was set back.</summary>
    private Finding FileClock()
    {
        var path = options.ResolveSqlitePath();
        var written = new[] { path, $"{path}-wal" }.Where(File.Exists).Max(File.GetLastWriteTimeUtc);
        var ahead = written - time.GetUtcNow().UtcDateTime;
        return ahead > MostSkew
            ? Finding.Error(Clock, FormattableString.Invariant($"the database was last written {ahead.TotalSeconds:N0} s in the future: this machine's clock was set back"), ExitCode.Unavailable)
            : Finding.Ok(Clock, "not behind the database's last write");
    }
}
