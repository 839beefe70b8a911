using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Memoir.Server.Backups;
using Memoir.Server.Backups.Format;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Commands.Copy;
using Memoir.Server.Privacy.Erasure;

namespace Memoir.Server.Commands.Backups;

/// <summary>Fills an empty database with a backup, at the migration that the backup is of, and only then brings it up to date.</summary>
/// <param name="target">Empty.</param>
/// <param name="keys">By which it is told who was erased.</param>
/// <param name="notes">The folder with the file that says so.</param>
/// <param name="around">Where to write.</param>
internal sealed class RestoreRun(CopyEnd target, InstanceKeys keys, string notes, Surroundings around)
{
    private long _rows;

    /// <summary>Until this returns, nothing starts on the database.</summary>
    /// <param name="backup">At its beginning, and known to be right.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="CommandException">What is read back from the database is not what the backup holds.</exception>
    public async Task FillAsync(BackupReader backup, CancellationToken ct)
    {
        var assembly = typeof(Startup).Assembly;
        var database = target.Database;
        await target.ReachAsync(() => database.BeginCopyAsync(around.Time, ct));
        await target.ReachAsync(() => database.MigrateCopyAsync(assembly, backup.Header.Schema, around.Time, ct));
        while (await backup.NextTableAsync(ct) is { } next)
        {
            var table = CopiedTables.All.FirstOrDefault(table => table.Name == next.Table)
                ?? throw new InvalidDataException($"the backup has a table {next.Table}, which this program does not know");
            await LoadAsync(backup, next, table, ct);
        }

        await target.ReachAsync(() => database.MigrateCopyAsync(assembly, Migrator.CountKnown(assembly), around.Time, ct));
        await EraseAgainAsync(ct);
        await target.ReachAsync(() => database.EndCopyAsync(ct));
    }

    /// <summary>Who was erased after the backup was made is in it still.</summary>
    private async Task EraseAgainAsync(CancellationToken ct)
    {
        var tombstones = await ErasureLedger.ReadAsync(Path.Combine(notes, ErasureNotes.FileName), ct);
        var gone = await target.ReachAsync(() => ErasureReplay.ApplyAsync(target.Database, keys, tombstones, ct));
        if (gone.ByName().Where(count => count.Value > 0).ToList() is { Count: > 0 } counts)
        {
            around.Terminal.Note("erased since the backup was made, and erased again: "
                + string.Join(", ", counts.Select(count => FormattableString.Invariant($"{count.Value:N0} {count.Key}"))));
        }
    }

    private async Task LoadAsync(BackupReader backup, BackupTable next, CopiedTable table, CancellationToken ct)
    {
        var tenant = new Tenant(next.Tenant);
        await table.LoadAsync(backup.RowsAsync(ct), next.Columns, target.WriteAsync, tenant);
        var found = await table.SumAsync(target, tenant, next.Columns, _ => { }, ct);
        if (found != backup.Sum)
        {
            throw new CommandException(ExitCode.Data, FormattableString.Invariant($"{next.Table} of {next.Tenant} is read back otherwise from {target.Location}: {found.Rows:N0} rows, {found.Hash}, and the backup has {backup.Sum.Rows:N0}, {backup.Sum.Hash}"));
        }

        _rows += found.Rows;
        around.Terminal.Progress(() => FormattableString.Invariant($"restored {next.Table} of {next.Tenant}: {_rows:N0} rows"));
    }
}
