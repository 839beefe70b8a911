using Memoir.Kit.Audit.Chain;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Data.Sqlite.Recovery;
using Memoir.Kit.Files;
using Memoir.Kit.Telemetry;
using Memoir.Server.Backups;
using Memoir.Server.Backups.Format;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Commands.Copy;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Backups;

/// <summary>Makes a database of a backup.</summary>
internal static class RestoreCommand
{
    public static Command Definition { get; } = new(
        "restore",
        "",
        "make a database of a backup",
        """
        Reads the whole backup first: one that is damaged, cut short, changed, of another installation or of a newer version
        is refused with backup-integrity and exit code 65 before anything is touched. Then it fills an empty database, SQLite
        or PostgreSQL whichever the backup is of, and reads every row back. On SQLite the new file takes its name when it is
        complete; on PostgreSQL nothing starts on a database that is not. Who was erased after the backup stays erased.
        """,
        [
            new CommandOption("--from", "FILE", "the backup"),
            new CommandOption("--to", "ADDRESS", "sqlite:///FILE or postgresql://…, a database without rows; MEMORY_DATABASE_URL when absent"),
            new CommandOption("--to-admin", "ADDRESS", "PostgreSQL: the owner of its tables; MEMORY_DATABASE_ADMIN_URL when absent"),
            BackupSource.KeyFile,
        ],
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        var path = arguments.Text("--from") ?? throw new CommandException(ExitCode.Usage, "--from is missing");
        return around.Startup.UseAsync(services => BackupSource.RefuseAsync(async () =>
        {
            var settings = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
            var meters = services.GetRequiredService<Meters>();
            var address = arguments.Text("--to") ?? settings.DatabaseUrl;
            var place = CopyEnd.FileOf(address, settings);
            using var keys = BackupSource.FindKeys(arguments, services);
            var (file, manifest) = await BackupSource.OpenAsync(path, keys, Migrator.CountKnown(typeof(Startup).Assembly), isTrusting: false, ct);
            await using var opened = file;
            await using var backup = await BackupReader.OpenAsync(file, path, keys, isTrusting: false, ct);
            var notes = settings.ResolveDataDirectory();
            if (place is null)
            {
                using var target = CopyEnd.OpenTarget(address, arguments.Text("--to-admin") ?? settings.DatabaseAdminUrl, settings, meters);
                await RequireEmptyAsync(target, backup.Header, ct);
                await BringNotesAsync(path, notes, ct);
                await new RestoreRun(target, notes, around).FillAsync(backup, ct);
            }
            else
            {
                using var replacement = CopyEnd.Try("--to", () => Replace(place));
                await BringNotesAsync(path, notes, ct);
                await FillFileAsync(replacement, backup, settings, meters, around, ct);
                replacement.Commit();
            }

            around.Terminal.Line(FormattableString.Invariant(
                $"{manifest.Tenants:N0} tenants, {manifest.Rows:N0} rows of {manifest.CreatedAt:yyyy-MM-ddTHH:mm:ssZ}, {around.Terminal.Elapsed.TotalSeconds:0.0} s: restored and read back."));
            NoteChains(notes, around);
            return ExitCode.Done;
        }));
    }

    /// <summary>Makes the new database beside the place where it is to be; nothing is there before it is complete.</summary>
    public static async Task FillFileAsync(
        SqliteReplacement replacement, BackupReader backup, DatabaseOptions settings, Meters meters, Surroundings around, CancellationToken ct)
    {
        try
        {
            using var target = CopyEnd.OpenTarget($"sqlite:///{replacement.Temporary}", "", settings, meters);
            await new RestoreRun(target, settings.ResolveDataDirectory(), around).FillAsync(backup, ct);
        }
        catch
        {
            replacement.RemoveTemporary();
            throw;
        }
    }

    /// <summary>Brings what the folder of the backup says of erasures to where the server will look for it.</summary>
    public static async Task BringNotesAsync(string backup, string folder, CancellationToken ct)
    {
        DurableFiles.EnsurePrivateDirectory(folder);
        await ErasureNotes.BringAsync(Path.GetDirectoryName(Path.GetFullPath(backup))!, folder, ct);
    }

    /// <summary>Signed checkpoints reach further than the audit chains of an older state: only a person can say that this is meant.</summary>
    public static void NoteChains(string folder, Surroundings around)
    {
        if (File.Exists(Path.Combine(folder, CheckpointWriter.FileName)))
        {
            around.Terminal.Note("before the server starts: memoir audit restored, or the audit chains are found to end too early");
        }
    }

    private static SqliteReplacement Replace(string place)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        var replacement = SqliteReplacement.Open(place);
        try
        {
            return replacement.Interrupted is not null
                ? throw new CommandException(ExitCode.Data, $"--to: {place} is being recovered, and that was interrupted; run memoir recover again")
                : replacement.FindRows(CopiedTables.NotCopied) is { } table
                ? throw new CommandException(ExitCode.Data, $"--to: {place} is not empty, there is something in {table}; restore into a database of its own")
                : replacement;
        }
        catch
        {
            replacement.Dispose();
            throw;
        }
    }

    private static async Task RequireEmptyAsync(CopyEnd target, BackupHeader header, CancellationToken ct)
    {
        await target.RequireFreeAsync(ct);
        var known = Migrator.CountKnown(typeof(Startup).Assembly);
        var applied = known - await target.ReachAsync(() => target.Database.CountPendingAsync(typeof(Startup).Assembly, ct));
        if (applied > header.Schema)
        {
            throw new CommandException(ExitCode.Data, FormattableString.Invariant($"--to: {target.Location} is at migration {applied:D4} and the backup of {header.Schema:D4}; restore into a database without tables"));
        }

        foreach (var table in CopiedTables.All)
        {
            if (!await target.SystemReadAsync(table.IsEmptyAsync, ct))
            {
                throw new CommandException(ExitCode.Data, $"--to: {target.Location} is not empty, there is something in {table.Name}; restore into a database of its own");
            }
        }
    }
}
