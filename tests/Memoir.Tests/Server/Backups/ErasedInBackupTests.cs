using Memoir.Server.Backups.Rows;
using Memoir.Server.Privacy.Erasure;
using Memoir.Tests.Server.Commands.Copy;
using Memoir.Tests.Server.Privacy;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

public sealed class ErasedInBackupTests
{
    [Fact]
    public async Task Who_was_erased_after_the_backup_stays_erased_after_its_restore()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var (backup, restored) = (Path.Combine(server.Folder, "before.backup"), Path.Combine(server.Folder, "restored", "memoir.db"));
        await Subject.SpreadAsync(server);
        await server.BackUpAsync(backup);
        server.Time.Advance(TimeSpan.FromSeconds(1));

        // Control: before the erasure the backup brings the subject back.
        var control = Path.Combine(server.Folder, "control", "memoir.db");
        Assert.Equal(0, (await BackupFixture.RestoreAsync(backup, server.KeyFile(), control)).Code);
        Assert.Contains(Subject.Canary, await TextAsync(control), StringComparison.Ordinal);

        await Subject.EraseAsync(server);
        var ending = await BackupFixture.RestoreAsync(backup, server.KeyFile(), restored);

        Assert.True(ending.Code == 0, ending.Errors);
        var left = await TextAsync(restored);
        Assert.DoesNotContain(Subject.Canary, left, StringComparison.Ordinal);
        Assert.Contains("Bob sells a boat", left, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_another_machine_the_notes_beside_the_backups_say_who_was_erased()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var elsewhere = Directory.CreateDirectory(Path.Combine(server.Folder, "elsewhere")).FullName;
        var (backup, machine) = (Path.Combine(elsewhere, "before.backup"), Path.Combine(server.Folder, "machine"));
        await Subject.SpreadAsync(server);
        await server.BackUpAsync(backup);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await Subject.EraseAsync(server);
        await server.BackUpAsync(Path.Combine(elsewhere, "after.backup"));

        var ending = await BackupFixture.RestoreInAsync(machine, backup, server.KeyFile(), Path.Combine(machine, "memoir.db"));

        Assert.True(ending.Code == 0, ending.Errors);
        Assert.DoesNotContain(Subject.Canary, await TextAsync(Path.Combine(machine, "memoir.db")), StringComparison.Ordinal);
        Assert.Equal(
            (await ErasureLedger.ReadAsync(Path.Combine(server.Folder, ErasureLedger.FileName), Ct)).Count,
            (await ErasureLedger.ReadAsync(Path.Combine(machine, ErasureLedger.FileName), Ct)).Count);
    }

    private static async Task<string> TextAsync(string file)
    {
        var rows = new List<string>();
        foreach (var table in CopiedTables.All)
        {
            rows.AddRange(await CopyFixture.ReadFileAsync(file, table.Name, "acme"));
        }

        return string.Join('\n', rows);
    }
}
