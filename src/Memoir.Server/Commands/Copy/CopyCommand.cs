using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Copy;

/// <summary>Moves a whole database to another one, most often from SQLite to PostgreSQL.</summary>
internal static class CopyCommand
{
    public static Command Definition { get; } = new(
        "copy",
        "",
        "copy a whole database, SQLite to PostgreSQL or back",
        """
        Copies everything of all tenants from one database to an empty one, reads it again from there, and prints the number
        of rows and a SHA-256 of each table of each tenant. Exit code 0 means that all of them are the same on both sides.

        No server may use either database meanwhile. The source is not changed, and must be up to date: start its server once
        with this version before. The target is made ready by the role of --to-admin. Until the copy is complete, no server
        starts on it; when it was interrupted, drop the target, make it anew and run the copy again.
        """,
        [
            new CommandOption("--from", "ADDRESS", "sqlite:///FILE or postgresql://…, the database to copy"),
            new CommandOption("--to", "ADDRESS", "the database to fill; MEMORY_DATABASE_URL when absent"),
            new CommandOption("--to-admin", "ADDRESS", "the owner of its tables; MEMORY_DATABASE_ADMIN_URL when absent"),
            new CommandOption("--check", null, "copy nothing, only compare the two databases"),
        ],
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var from = arguments.Text("--from") ?? throw new CommandException(ExitCode.Usage, "--from is missing");
        return around.Startup.UseAsync(async services =>
        {
            var settings = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
            var meters = services.GetRequiredService<Meters>();
            using var source = CopyEnd.OpenSource(from, settings, meters);
            using var target = CopyEnd.OpenTarget(
                arguments.Text("--to") ?? settings.DatabaseUrl, arguments.Text("--to-admin") ?? settings.DatabaseAdminUrl, source, settings, meters);
            return await RunAsync(source, target, arguments.Has("--check"), around, ct);
        });
    }

    private static async Task<int> RunAsync(CopyEnd source, CopyEnd target, bool isCheck, Surroundings around, CancellationToken ct)
    {
        if (source.Database.Location == target.Database.Location)
        {
            throw new CommandException(ExitCode.Usage, "--from and --to are the same database");
        }

        await source.RequireFreeAsync(ct);
        await target.RequireFreeAsync(ct);
        await RequireCurrentAsync("--from", source, "start its server once with this version, and stop it", ct);
        var run = new CopyRun(source, target, around.Terminal);
        if (!isCheck)
        {
            await target.Database.MigrateAsync(typeof(Startup).Assembly, around.Time, ct);
        }

        await RequireCurrentAsync("--to", target, "it is another database than that of --to-admin, or was never filled", ct);
        if (!isCheck)
        {
            await run.RequireEmptyTargetAsync(ct);
            await target.ReachAsync(() => target.Database.BeginCopyAsync(around.Time, ct));
        }

        await run.ReadAsync(write: !isCheck, ct);
        var different = await run.VerifyAsync(ct);
        if (different > 0)
        {
            around.Terminal.Note(FormattableString.Invariant($"copy: {different:N0} tables are not the same on both sides{(isCheck ? "" : "; no server will start on the target")}"));
            return ExitCode.Data;
        }

        if (!isCheck)
        {
            await target.ReachAsync(() => target.Database.EndCopyAsync(ct));
        }

        around.Terminal.Line($"{run.Conclusion()}: the same on both sides.");
        return ExitCode.Done;
    }

    private static async Task RequireCurrentAsync(string option, CopyEnd end, string remedy, CancellationToken ct)
    {
        var pending = await end.ReachAsync(() => end.Database.CountPendingAsync(typeof(Startup).Assembly, ct));
        if (pending > 0)
        {
            throw new CommandException(ExitCode.Data, FormattableString.Invariant($"{option}: {end.Database.Location} lacks {pending} migrations: {remedy}"));
        }
    }
}
