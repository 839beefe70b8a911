using System.Security.Cryptography;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Security;
using Memoir.Server.Admin;
using Memoir.Server.Backups.Format;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Privacy.Erasure;
using Memoir.Server.Retention.Archive;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Backups;

/// <summary>Writes all rows of all tenants, as they are at one instant, into a file, and reads the file back before it gets its name.</summary>
internal sealed class BackupMaker(Database database, InstanceKeys keys, RetentionArchive archive, IOptions<DatabaseOptions> options, TimeProvider time)
{
    // A disk that is given everything at the end holds up the commits of others until it is done.
    private const long SyncEvery = 32 * 1024 * 1024;

    /// <summary>Makes a backup that is complete when this returns; otherwise there is none.</summary>
    /// <param name="path">Where there is no file yet.</param>
    /// <param name="now">Told what is being done and how many rows that was.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="IOException">The storage refused a step.</exception>
    /// <exception cref="InvalidDataException">The database does not hold what it says it holds.</exception>
    /// <exception cref="BackupIntegrityException">What was written is read back otherwise.</exception>
    /// <exception cref="StartupException">The database has other tables than this program knows.</exception>
    public async Task<BackupManifest> MakeAsync(string path, Action<string, int> now, CancellationToken ct)
    {
        if (await database.CountPendingAsync(typeof(Startup).Assembly, ct) is > 0 and var pending)
        {
            throw new StartupException(FormattableString.Invariant($"{database.Location} lacks {pending} migrations: start its server once with this version, or take the backup with the version before"));
        }

        using var file = PartialFile.Create(path);
        var erased = new List<Tombstone>(); // What other processes noted in files of their own stands in the database too.
        var written = await database.SnapshotAsync(snapshot => WriteAsync(file, new SnapshotRows(snapshot, database.Location, archive), erased, now, ct), ct);
        file.Sync();
        now("reading it back", 0);
        var read = await BackupReader.CheckAsync(file.Stream, path, keys, isTrusting: false, ct);
        if (read.Bytes != written.Bytes)
        {
            throw new BackupIntegrityException(path, "is read back otherwise than it was written");
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        await ErasureNotes.BringAsync(options.Value.ResolveDataDirectory(), folder, ct);
        await ErasureNotes.AddAsync(folder, erased, ct);
        file.Complete();
        return read;
    }

    /// <summary>Reads all of a backup.</summary>
    /// <exception cref="BackupIntegrityException">It is not as it was written.</exception>
    public async Task<BackupManifest> VerifyAsync(BackupFile backup, CancellationToken ct)
    {
        await using var file = new FileStream(backup.Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        return await BackupReader.CheckAsync(file, backup.Name, keys, isTrusting: false, ct);
    }

    private async Task<BackupManifest> WriteAsync(PartialFile file, SnapshotRows rows, List<Tombstone> erased, Action<string, int> now, CancellationToken ct)
    {
        var synced = 0L;
        var header = new BackupHeader
        {
            File = RandomNumberGenerator.GetHexString(32, lowercase: true),
            CreatedAt = time.Now(),
            Program = Product.Version,
            Engine = database.Dialect.Name,
            Schema = Migrator.CountKnown(typeof(Startup).Assembly),
            Key = keys.KeyId,
        };
        await using var writer = await BackupWriter.BeginAsync(file.Stream, header, keys, ct);
        foreach (var tenant in await CopiedTables.ListTenantsAsync(rows, ct))
        {
            erased.AddRange(await rows.ReadAsync(new Tenant(tenant), ErasureRecords.ListTombstonesAsync, ct));
            foreach (var table in CopiedTables.All)
            {
                var isBegun = false;
                var sum = await table.SaveAsync(rows, SaveAsync, new Tenant(tenant), Done, ct);
                if (isBegun)
                {
                    await writer.EndTableAsync(sum, ct);
                }

                async ValueTask SaveAsync(ReadOnlyMemory<byte> bytes, CancellationToken ended)
                {
                    if (!isBegun)
                    {
                        await writer.BeginTableAsync(new BackupTable(tenant, table.Name, table.Columns), ended);
                        isBegun = true;
                    }

                    await writer.WriteRowsAsync(bytes, ended);
                }

                void Done(int count)
                {
                    now($"writing {table.Name}", count);
                    if (file.Stream.Position - synced > SyncEvery)
                    {
                        synced = file.Stream.Position;
                        file.Sync();
                    }
                }
            }
        }

        return await writer.FinishAsync(ct);
    }
}
