using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands;

/// <summary>Brings the database up to date before new processes start, with the role that may.</summary>
internal static class MigrateCommand
{
    public static Command Definition { get; } = new(
        "migrate",
        "",
        "bring the database up to date",
        """
        Makes and changes the tables of MEMORY_DATABASE_URL. On PostgreSQL with the role of MEMORY_DATABASE_ADMIN_URL, which
        owns them, and grants the other role what it needs; without that variable one role does both. Running it twice
        changes nothing, and several at once wait for each other. The extension vector must be there or be allowed to the
        role: CREATE EXTENSION vector is the one step that may need a superuser.
        """,
        [],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var (applied, location) = await around.Startup.MigrateAsync(ct);
        around.Terminal.Line(applied == 0 ? $"{location} is up to date" : $"{location}: {applied} migration{(applied == 1 ? "" : "s")} applied");
        return ExitCode.Done;
    }
}
