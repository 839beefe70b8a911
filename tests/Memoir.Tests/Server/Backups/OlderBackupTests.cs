using System.Buffers;
using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Memoir.Server;
using Memoir.Server.Backups.Format;
using Memoir.Server.Backups.Rows;
using Memoir.Tests.Server.Commands.Copy;
using Memoir.Tests.Testing;
using static Memoir.Server.Backups.Rows.CopiedRows;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

public sealed class OlderBackupTests
{
    private const int BeforeCounters = 4;

    [Fact]
    public async Task A_backup_from_before_a_migration_is_restored_as_it_was_and_then_brought_up_to_date()
    {
        await using var copy = await CopyFixture.OpenAsync();
        var backup = Path.Combine(copy.Folder, "old.backup");
        await MakeAsync(backup, Path.Combine(copy.Folder, InstanceKeys.FileName), ["last_sequence", "created_at"]);

        var ending = await ServerProcess.RunAsync(
            copy.Folder, "restore", "--from", backup, "--to", copy.To, "--to-admin", copy.Admin.Length > 0 ? copy.Admin : copy.To);

        Assert.True(ending.Code == 0, ending.Errors);
        var tenant = Assert.Single(await copy.ReadTargetAsync("tenants", "acme"));
        Assert.Contains("|last_sequence=41|", $"|{tenant}|", StringComparison.Ordinal);
        using var target = copy.OpenTarget();
        Assert.Equal(0, await target.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, Ct));
    }

    [Fact]
    public async Task A_column_that_this_program_does_not_know_is_refused_and_nothing_starts_on_the_target()
    {
        await using var copy = await CopyFixture.OpenAsync();
        var backup = Path.Combine(copy.Folder, "odd.backup");
        await MakeAsync(backup, Path.Combine(copy.Folder, InstanceKeys.FileName), ["last_sequence", "created_at"], ["last_sequence", "shoe_size"]);

        var ending = await ServerProcess.RunAsync(
            copy.Folder, "restore", "--from", backup, "--to", copy.To, "--to-admin", copy.Admin.Length > 0 ? copy.Admin : copy.To);

        Assert.Equal(65, ending.Code);
        Assert.Contains("shoe_size", ending.Errors, StringComparison.Ordinal);
#if POSTGRES
        Assert.Equal(78, (await ServerProcess.RefuseAsync(copy.Folder, copy.OnTarget)).Code);
#else
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(copy.Folder, "target")), file => !file.EndsWith(".lock", StringComparison.Ordinal));
#endif
    }

    private static async Task MakeAsync(string path, string keyFile, string[] columns, string[]? said = null)
    {
        var secret = Secrets.Random(32);
        await File.WriteAllTextAsync(keyFile, secret, Ct);
        using var keys = new InstanceKeys([secret]);
        var header = new BackupHeader
        {
            File = new string('a', 32),
            CreatedAt = DateTimeOffset.UnixEpoch,
            Program = "0.1.0",
            Engine = "sqlite",
            Schema = BeforeCounters,
            Key = keys.KeyId,
        };
        var row = new TenantRow { LastSequence = 41, CreatedAt = 1_000_000, LastChange = 0, IndexEpoch = 0, GenerationChange = 0 };
        var bytes = new ArrayBufferWriter<byte>();
        using var digest = new TableDigest(bytes);
        new RowShape<TenantRow>().Of(columns).Add(row, digest);
        await using var file = File.Create(path);
        await using var writer = await BackupWriter.BeginAsync(file, header, keys, Ct);
        await writer.BeginTableAsync(new BackupTable("acme", "tenants", said ?? columns), Ct);
        await writer.WriteRowsAsync(bytes.WrittenMemory, Ct);
        await writer.EndTableAsync(digest.Finish(), Ct);
        await writer.FinishAsync(Ct);
    }
}
