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

    [Fact]
    public async Task What_was_stored_and_made_after_an_erasure_that_the_backup_knows_comes_back_whole()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var (backup, restored) = (Path.Combine(server.Folder, "later.backup"), Path.Combine(server.Folder, "restored", "memoir.db"));
        await Subject.SpreadAsync(server);
        await Subject.EraseAsync(server);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        (await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct)).EnsureSuccessStatusCode();
        server.Time.Advance(TimeSpan.FromMinutes(2));
        await server.MakeKeyAsync("acme", "memory:read");
        await server.As("acme").StoreAsync("Zuendel is back.", ("external_id", "back"), ("user_id", Subject.Canary));
        await server.As("acme").StoreAsync("Zuendel is back, and stays.", ("external_id", "back"), ("user_id", Subject.Canary));
        await server.As("acme").SearchAsync("who is back", ("user_id", Subject.Canary));
        await server.WriteSearchesAsync();
        await server.BackUpAsync(backup);

        var ending = await BackupFixture.RestoreAsync(backup, server.KeyFile(), restored);

        Assert.True(ending.Code == 0, ending.Errors);
        foreach (var table in (string[])["api_keys", "memories", "memory_versions", "search_log"])
        {
            Assert.Single(await CopyFixture.ReadFileAsync(restored, table, "acme"));
        }
    }

    [Fact]
    public async Task What_another_process_noted_in_a_file_of_its_own_is_beside_the_next_backup_too()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var elsewhere = Directory.CreateDirectory(Path.Combine(server.Folder, "elsewhere")).FullName;
        await Subject.SpreadAsync(server);
        await Subject.EraseAsync(server);
        var noted = await ErasureLedger.ReadAsync(Path.Combine(server.Folder, ErasureLedger.FileName), Ct);
        File.Delete(Path.Combine(server.Folder, ErasureLedger.FileName));

        await server.BackUpAsync(Path.Combine(elsewhere, "after.backup"));

        var beside = await ErasureLedger.ReadAsync(Path.Combine(elsewhere, ErasureLedger.FileName), Ct);
        Assert.Equal(noted.Select(ErasureLedger.Spell), beside.Select(ErasureLedger.Spell));
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
