using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Export;

/// <summary>Writes a tenant, or one user of it, into a file that <c>memoir import</c> reads back.</summary>
internal static class ExportCommand
{
    public static Command Definition { get; } = new(
        "export",
        "",
        "write a tenant, or one user of it, as JSON lines",
        """
        Writes every memory with its history and provenance, one JSON object per line, as docs/privacy.md describes. memoir
        import brings it back. Keys are not in it. A file is there whole or not at all, and for its owner only.

        It talks to the running server (MEMORY_HOST, MEMORY_PORT), or to the database itself when none runs. A key of an
        operator is read from MEMORY_API_KEY, on this machine also from MEMORY_API_KEYS; with --user an administrator's will do.
        """,
        [
            new CommandOption("--tenant", "NAME", "whose memories; the default tenant when absent"),
            new CommandOption("--user", "ID", "of this user alone"),
            new CommandOption("--to", "FILE", "where to; standard output when absent"),
            new CommandOption("--url", "ADDRESS", "the server to use, and no other"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var address = ServerAddress.From(arguments.Text("--url"));
        var tenant = arguments.Text("--tenant") ?? address.DefaultTenant;
        var user = arguments.Text("--user");
        if (!TenantId.IsValid(tenant))
        {
            throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
        }

        if (user is { Length: 0 or > 255 })
        {
            throw new CommandException(ExitCode.Usage, "--user must have 1 to 255 characters");
        }

        await using var connection = await Connection.OpenAsync(address, around, ct);
        var path = arguments.Text("--to");
        await Files.WriteResultAsync(path, output => connection.Client.ExportAsync(tenant, user, output, ct), ct);
        if (path is not null)
        {
            around.Terminal.Note($"tenant {tenant} is in {PrintableText.Of(path)}");
        }

        return ExitCode.Done;
    }
}
