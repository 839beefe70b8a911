using Memoir.Kit.CommandLine;
using Memoir.Server.Access;
using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Import;

/// <summary>Brings conversations from elsewhere into Memoir, as often as wanted, without making any of them twice.</summary>
internal static class ImportCommand
{
    public static Command Definition { get; } = new(
        "import",
        "FILE",
        "bring in a ChatGPT export or JSON lines",
        """
        Stores the messages of FILE: conversations.json of a ChatGPT export, the .zip it came in, one message per line in
        the shape of POST /v1/messages, or what memoir export wrote. Running it again, also after it was interrupted, makes nothing twice. What is
        refused is written to FILE.rejected.jsonl, and the exit code is then 65.

        It talks to the running server (MEMORY_HOST, MEMORY_PORT), or to the database itself when none runs. A key is
        read from MEMORY_API_KEY, on this machine also from MEMORY_API_KEYS.
        """,
        [
            new CommandOption("--tenant", "NAME", "whose messages they are; the default tenant when absent"),
            new CommandOption("--user", "ID", "user_id of messages that name none"),
            new CommandOption("--format", "NAME", "auto (default), chatgpt, jsonl or memoir"),
            new CommandOption("--url", "ADDRESS", "the server to use, and no other"),
            new CommandOption("--dry-run", null, "read and check everything, store nothing"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        var path = arguments.Operand("FILE");
        var format = arguments.Choice("--format", "auto", "chatgpt", "jsonl", "memoir");
        var address = ServerAddress.From(arguments.Text("--url"));
        var defaults = new ImportDefaults(arguments.Text("--tenant"), address.DefaultTenant, arguments.Text("--user"));
        if (!TenantId.IsValid(defaults.TenantOrDefault))
        {
            throw new CommandException(ExitCode.Usage, $"--tenant {TenantId.Rule}");
        }

        if (defaults.User is { Length: 0 or > 255 })
        {
            throw new CommandException(ExitCode.Usage, "--user must have 1 to 255 characters");
        }

        if (format is "auto" or "memoir" && await TryExportAsync(path, isNamed: format == "memoir", arguments, address, defaults, around, ct) is { } code)
        {
            return code;
        }

        using var file = await ImportFile.OpenAsync(path, format, defaults, ct);
        var run = new ImportRun(file, path, defaults, around.Terminal);
        if (arguments.Has("--dry-run"))
        {
            return await run.CheckAsync(ct);
        }

        await using var connection = await Connection.OpenAsync(address, around, ct);
        around.Terminal.Note(connection.IsOwn ? "no server runs, so the database is opened for this import" : $"importing through {address.Url}");
        return await run.StoreAsync(connection.Client, ct);
    }

    /// <returns>Null when the file is no export, and none was promised.</returns>
    private static async Task<int?> TryExportAsync(
        string path, bool isNamed, Arguments arguments, ServerAddress address, ImportDefaults defaults, Surroundings around, CancellationToken ct)
    {
        await using var file = Files.Open(path);
        if (!ExportImport.IsExport(file))
        {
            return isNamed ? throw new CommandException(ExitCode.Data, $"{PrintableText.Of(path)} is not what memoir export writes") : null;
        }

        if (arguments.Has("--dry-run") || defaults.User is not null)
        {
            throw new CommandException(ExitCode.Usage, "--dry-run and --user are not for what memoir export wrote");
        }

        await using var connection = await Connection.OpenAsync(address, around, ct);
        return await ExportImport.RunAsync(file, defaults.TenantOrDefault, connection.Client, around.Terminal, ct);
    }
}
