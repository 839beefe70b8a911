using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Data.Sqlite.Recovery;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Memoir.Kit.Telemetry;
using Memoir.Server.Backups;
using Memoir.Server.Backups.Format;
using Memoir.Server.Commands.Copy;
using Memoir.Server.Retention.Archive;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Commands.Backups;

/// <summary>Puts the newest good backup in the place of a damaged SQLite database, and says what is lost by it.</summary>
internal static class RecoverCommand
{
    public static Command Definition { get; } = new(
        "recover",
        "",
        "replace a damaged SQLite database by the newest good backup",
        """
        Looks at every page of the database. When it is sound nothing is done. Otherwise the damaged files are set aside
        under another name, never overwritten or deleted; the newest backup that is whole takes their place, and those that
        are not are named; and what the damaged file held beyond that backup is named, tenant by tenant. Memories of it that
        can still be read go into a list beside it, which memoir import takes.

        Exit codes: 0 when nothing is known to be lost, 65 when something is, 66 when there is no good backup (nothing is
        changed then), 69 when a server has the database.
        """,
        [
            new CommandOption("--data-directory", "FOLDER", "the data folder; MEMORY_DATA_DIRECTORY when absent"),
            new CommandOption("--from", "FOLDER", "the folder of backups; the server's own when absent"),
            BackupSource.KeyFile,
        ],
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, Surroundings around, CancellationToken ct)
    {
        arguments.RefuseOperands();
        return around.Startup.UseAsync(services => BackupSource.RefuseAsync(async () =>
        {
            var settings = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
            settings.DataDirectory = arguments.Text("--data-directory") ?? settings.DataDirectory;
            if (settings.IsPostgres)
            {
                throw new CommandException(ExitCode.Usage, "a PostgreSQL server recovers itself; memoir restore fills a new database from a backup");
            }

            var place = settings.ResolveSqlitePath();
            if (!Directory.Exists(Path.GetDirectoryName(place)))
            {
                throw new CommandException(ExitCode.NoInput, $"there is no folder {PrintableText.Of(Path.GetDirectoryName(place)!)}");
            }

            using var replacement = CopyEnd.Try("recover", () => SqliteReplacement.Open(place));
            if (replacement.Interrupted is null)
            {
                if (replacement.FindDamage() is not { } damage)
                {
                    around.Terminal.Line($"{PrintableText.Of(place)} is sound; nothing was done.");
                    return ExitCode.Done;
                }

                around.Terminal.Line($"damaged   {PrintableText.Of(place)}: {PrintableText.Of(damage)}");
            }

            using var keys = BackupSource.FindKeys(arguments, services);
            var folder = arguments.Text("--from") is { } stated ? new BackupFolder(Path.GetFullPath(stated)) : services.GetRequiredService<BackupPlan>().Folder!;
            await using var file = await FindGoodAsync(folder, keys, around, ct);
            await using var backup = await BackupReader.OpenAsync(file, file.Name, keys, isTrusting: false, ct);
            await RestoreCommand.BringNotesAsync(file.Name, settings.ResolveDataDirectory(), ct);
            await RestoreCommand.FillFileAsync(replacement, backup, keys, settings, services.GetRequiredService<Meters>(), around, ct);
            var code = await ReplaceAsync(replacement, backup.Manifest!, file.Name, around, ct);
            await services.GetRequiredService<ArchiveFolder>().DisownAsync(place, CancellationToken.None);
            RestoreCommand.NoteChains(settings.ResolveDataDirectory(), around);
            return code;
        }));
    }

    /// <summary>The newest backup that is whole.</summary>
    private static async Task<FileStream> FindGoodAsync(BackupFolder folder, InstanceKeys keys, Surroundings around, CancellationToken ct)
    {
        var found = folder.List();
        var now = around.Time.Now();
        foreach (var ahead in found.Where(file => file.CreatedAt > now))
        {
            around.Terminal.Line($"doubtful  {PrintableText.Of(ahead.Path)} says that it is of the future; it is taken when no other can be");
        }

        foreach (var candidate in found.OrderBy(file => file.CreatedAt > now))
        {
            try
            {
                return (await BackupSource.OpenAsync(candidate.Path, keys, Migrator.CountKnown(typeof(Startup).Assembly), isTrusting: false, ct)).File;
            }
            catch (BackupIntegrityException exception)
            {
                around.Terminal.Line($"skipped   {exception.Message}");
            }
        }

        throw new CommandException(ExitCode.NoInput, found.Count == 0
            ? $"there is no backup in {PrintableText.Of(folder.Path)}; nothing was changed"
            : FormattableString.Invariant($"none of the {found.Count} backups in {PrintableText.Of(folder.Path)} can be used; nothing was changed"));
    }

    private static async Task<int> ReplaceAsync(
        SqliteReplacement replacement, BackupManifest manifest, string backup, Surroundings around, CancellationToken ct)
    {
        var aside = await replacement.SetAsideAsync(around.Time.Now(), ct);
        var lost = new LostMemories(ReadRestored(replacement), manifest.CreatedAt);
        var list = aside is null ? null : await ListAsync(lost, aside);
        replacement.Commit();
        around.Terminal.Line($"restored  {PrintableText.Of(backup)}, of {manifest.CreatedAt:yyyy-MM-ddTHH:mm:ssZ}: {manifest.Tenants:N0} tenants, {manifest.Rows:N0} rows");
        if (aside is null)
        {
            around.Terminal.Line($"lost      what was stored after {manifest.CreatedAt:yyyy-MM-ddTHH:mm:ssZ}: there was no file");
            return ExitCode.Data;
        }

        around.Terminal.Line($"set aside {PrintableText.Of(aside)}");
        foreach (var tenant in lost.Tenants)
        {
            around.Terminal.Line($"lost      {PrintableText.Of($"{tenant}")}");
        }

        if (lost.Changed > 0)
        {
            around.Terminal.Line(FormattableString.Invariant($"older     {lost.Changed:N0} memories that were changed after the backup are as they were before"));
        }

        if (lost.Archived > 0)
        {
            around.Terminal.Line(FormattableString.Invariant($"archived  {lost.Archived:N0} memories beyond the backup whose texts are in the folder of the archive, which is left as it is"));
        }

        if (list is not null)
        {
            around.Terminal.Line(FormattableString.Invariant($"list      {PrintableText.Of(list)}: {lost.Count:N0} memories that can still be read; memoir import takes them"));
        }

        if (!lost.IsWhole)
        {
            around.Terminal.Line($"unknown   a part of the damaged file cannot be read; what was stored in it after {manifest.CreatedAt:yyyy-MM-ddTHH:mm:ssZ} is lost");
        }

        return lost.IsWhole && !lost.Tenants.Any() && lost.Changed == 0 ? ExitCode.Done : ExitCode.Data;
    }

    private static Dictionary<string, long> ReadRestored(SqliteReplacement replacement)
    {
        var last = new Dictionary<string, long>(StringComparer.Ordinal);
        using var restored = SqliteSalvage.TryOpen(replacement.Temporary);
        restored!.Scan("rowid, tenant_id, last_sequence", "tenants", row => last[row.Text(1)] = row.Number(2));
        return last;
    }

    /// <returns>Null when there is nothing to list.</returns>
    private static async Task<string?> ListAsync(LostMemories lost, string aside)
    {
        var path = aside + ".lost.jsonl";
        File.Delete(path); // Of an attempt that was interrupted.
        using var list = PartialFile.Create(path);
        await using (var buffer = new BufferedStream(list.Stream, 64 * 1024))
        {
            using var damaged = SqliteSalvage.TryOpen(aside);
            lost.Read(damaged, buffer);
            await buffer.FlushAsync(CancellationToken.None);
            if (lost.Count > 0)
            {
                list.Complete();
            }
        }

        return lost.Count > 0 ? path : null;
    }
}
