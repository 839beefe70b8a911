using System.Security.Cryptography;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Memoir.Server.Backups;
using Memoir.Server.Commands.Connections;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Backups;

/// <summary>Takes a backup, while a server runs or not.</summary>
internal static class BackupCommand
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    public static Command Definition { get; } = new(
        "backup",
        "",
        "take a backup of all tenants, also while the server runs",
        """
        Writes everything of all tenants, as it is at one instant, into one file: compressed, encrypted, signed, for its owner
        alone, and read back before it gets its name. On PostgreSQL the command reads the database itself. On SQLite it asks
        the running server, which takes the backup into its own folder, and copies it from there to --to; where no server
        runs it opens the database itself.

        The backup opens only with the secret of this installation (MEMORY_SECRET_KEY, or the file secret.key in the data
        folder). Keep a copy of that elsewhere: with the machine it would be lost, and every backup with it.
        """,
        [
            new CommandOption("--to", "PATH", "a file, or a folder that is there; the server's folder of backups when absent"),
            new CommandOption("--url", "ADDRESS", "the server to ask, and no other; the key is read from MEMORY_API_KEY"),
        ],
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        return around.Startup.UseAsync(services => BackupSource.RefuseAsync(async () =>
        {
            var settings = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
            var folder = services.GetRequiredService<BackupPlan>().Folder;
            var to = Resolve(arguments.Text("--to"), folder, around.Time.Now());
            var path = arguments.Text("--url") is null && TryOpen(services, settings)
                ? await MakeAsync(services, to, around, ct)
                : await AskAsync(arguments, around, arguments.Has("--to") ? to : null, ct);
            around.Terminal.Line($"{PrintableText.Of(path)}: {new FileInfo(path).Length:N0} bytes, complete and read back.");
            around.Terminal.Note($"backup: it opens only with the secret of this installation (MEMORY_SECRET_KEY or {InstanceKeys.FileName}); keep a copy of that elsewhere");
            return ExitCode.Done;
        }));
    }

    private static string Resolve(string? stated, BackupFolder? folder, DateTimeOffset now)
    {
        if (stated is null)
        {
            return folder?.NewPath(now) ?? throw new CommandException(ExitCode.Usage, "--to is missing, and MEMORY_BACKUP_DIRECTORY is not set");
        }

        if (stated.Length == 0 || stated.Contains('\0', StringComparison.Ordinal))
        {
            throw new CommandException(ExitCode.Usage, "--to names no file");
        }

        var path = Directory.Exists(stated) ? new BackupFolder(Path.GetFullPath(stated)).NewPath(now) : Path.GetFullPath(stated);
        return !Path.Exists(path) ? path : throw new CommandException(ExitCode.Usage, $"--to: {PrintableText.Of(path)} is there already; nothing is overwritten");
    }

    /// <returns>False when a server has the database.</returns>
    private static bool TryOpen(IServiceProvider services, DatabaseOptions settings)
    {
        if (!settings.IsPostgres && !File.Exists(settings.ResolveSqlitePath()))
        {
            throw new CommandException(ExitCode.NoInput, $"there is no database {PrintableText.Of(settings.ResolveSqlitePath())}");
        }

        try
        {
            services.GetRequiredService<Database>();
            return true;
        }
        catch (StartupException taken) when (taken.IsInUse)
        {
            return false;
        }
    }

    private static async Task<string> MakeAsync(IServiceProvider services, string to, Surroundings around, CancellationToken ct)
    {
        var database = services.GetRequiredService<Database>();
        try
        {
            await database.InspectAsync(ct);
            Prepare(to);
            var rows = 0L;
            await services.GetRequiredService<BackupMaker>().MakeAsync(
                to,
                (now, count) =>
                {
                    rows += count;
                    around.Terminal.Progress(() => FormattableString.Invariant($"{now}: {rows:N0} rows"));
                },
                ct);
            return to;
        }
        catch (Exception exception) when (database.Explain(exception, "cannot be backed up") is { } refusal)
        {
            throw refusal;
        }
    }

    private static void Prepare(string to)
    {
        var folder = Path.GetDirectoryName(to)!;
        new BackupFolder(folder).Prepare();
    }

    private static async Task<string> AskAsync(Arguments arguments, Surroundings around, string? to, CancellationToken ct)
    {
        var address = ServerAddress.From(arguments.Text("--url"));
        await using var server = await Connection.TryRunningAsync(address, around, ct)
            ?? throw new CommandException(ExitCode.Unavailable, $"no Memoir answers at {address.Url}, yet one holds the database: say where it listens with --url");
        var asked = await server.Client.BackUpAsync(ct);
        while (asked.State is BackupService.Waiting or BackupService.Running)
        {
            around.Terminal.Progress(() => "the server is writing the backup");
            await Task.Delay(Look, around.Time, ct);
            asked = await server.Client.FindBackupAsync(asked.Name, ct)
                ?? throw new CommandException(ExitCode.Unavailable, "the server was restarted meanwhile; there is no backup");
        }

        if (asked.State != BackupService.Complete)
        {
            throw new CommandException(ExitCode.Unavailable, $"the server could not take it: {PrintableText.Of(asked.Error ?? "")}");
        }

        return to is null ? asked.Path : await CopyAsync(asked.Path, to, ct);
    }

    /// <summary>Copies a complete backup and what is known of who was erased, and compares both before the copy gets its name.</summary>
    private static async Task<string> CopyAsync(string from, string to, CancellationToken ct)
    {
        Prepare(to);
        await using var source = Files.Open(from);
        using var copy = PartialFile.Create(to);
        await source.CopyToAsync(copy.Stream, ct);
        copy.Sync();
        source.Position = 0;
        copy.Stream.Position = 0;
        var (before, after) = (await SHA256.HashDataAsync(source, ct), await SHA256.HashDataAsync(copy.Stream, ct));
        if (!before.AsSpan().SequenceEqual(after))
        {
            throw new IOException($"{to} is read back otherwise than it was written");
        }

        await ErasureNotes.BringAsync(Path.GetDirectoryName(Path.GetFullPath(from))!, Path.GetDirectoryName(Path.GetFullPath(to))!, ct);
        copy.Complete();
        return to;
    }
}
