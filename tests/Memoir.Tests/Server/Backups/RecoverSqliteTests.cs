using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

/// <summary>memoir recover, as a process, on a database file that was damaged.</summary>
public sealed class RecoverSqliteTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-recover-").FullName;

    private string Database => Path.Combine(_folder, "memoir.db");

    private string Backups => Path.Combine(_folder, "backups");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_newest_good_backup_takes_the_place_and_what_is_lost_is_named_and_can_be_imported()
    {
        await StoreAsync("before", 20);
        await BackUpAsync();
        await StoreAsync("after", 3);
        CutTheFile();
        var damaged = await File.ReadAllBytesAsync(Database, Ct);

        var start = await ServerProcess.RefuseAsync(_folder);
        var ending = await RecoverAsync();

        Assert.Equal(78, start.Code);
        Assert.Contains("memoir recover", Assert.Single(start.ErrorLines), StringComparison.Ordinal);
        Assert.True(ending.Code == 65, ending.Errors + ending.Output);
        Assert.Contains("restored  ", ending.Output, StringComparison.Ordinal);
        Assert.Contains("unknown   ", ending.Output, StringComparison.Ordinal);
        var aside = Assert.Single(Directory.GetFiles(_folder, "memoir.db.damaged-*"), file => !file.Contains(".lost", StringComparison.Ordinal) && !file.EndsWith("-wal", StringComparison.Ordinal) && !file.EndsWith("-shm", StringComparison.Ordinal));
        Assert.Equal(damaged, await File.ReadAllBytesAsync(aside, Ct));
        Assert.Equal(20, await CountAsync());
        Assert.Contains("is sound", (await RecoverAsync()).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memories_that_the_damaged_file_still_gives_are_listed_for_import()
    {
        await StoreAsync("before", 20);
        await BackUpAsync();
        await StoreAsync("after", 3);
        DamageAnIndex();

        var ending = await RecoverAsync();

        Assert.True(ending.Code == 65, ending.Errors + ending.Output);
        Assert.Contains("tenant acme: sequence 21 to 23, of which 3 memories can still be read", ending.Output, StringComparison.Ordinal);
        var list = Assert.Single(Directory.GetFiles(_folder, "*.lost.jsonl"));
        Assert.Equal(["after 0", "after 1", "after 2"], (await File.ReadAllLinesAsync(list, Ct)).Select(line => Parse(line).Text("content")!).Order(StringComparer.Ordinal));
        Assert.Equal(Memoir.Kit.Files.DurableFiles.Private, BackupFixture.ModeOf(list));
        Assert.Equal(0, (await ServerProcess.RunAsync(_folder, "import", list)).Code);
        Assert.Equal(23, await CountAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_empty_or_missing_file_is_no_new_database_where_there_was_one(bool isEmpty)
    {
        await StoreAsync("before", 5);
        await BackUpAsync();
        File.Delete(Database);
        File.Delete(Database + "-wal");
        File.Delete(Database + "-shm");
        if (isEmpty)
        {
            await File.WriteAllBytesAsync(Database, [], Ct);
        }

        var start = await ServerProcess.RefuseAsync(_folder);
        var migrate = await ServerProcess.RunAsync(_folder, "migrate");
        var ending = await RecoverAsync();

        Assert.Equal((78, 78), (start.Code, migrate.Code));
        Assert.Contains("says that there was a database. memoir recover", Assert.Single(start.ErrorLines), StringComparison.Ordinal);
        Assert.True(ending.Code == 65, ending.Errors + ending.Output);
        Assert.Equal(5, await CountAsync());
    }

    [Fact]
    public async Task A_damaged_backup_is_named_and_passed_over()
    {
        await StoreAsync("before", 5);
        await BackUpAsync();
        var good = Path.Combine(Backups, "memoir-20200101T000000Z.backup");
        File.Move(Directory.GetFiles(Backups, "*.backup").Single(), good);
        var (newest, ahead) = (Path.Combine(Backups, "memoir-20200102T000000Z.backup"), Path.Combine(Backups, "memoir-20990101T000000Z.backup"));
        var bytes = await File.ReadAllBytesAsync(good, Ct);
        bytes[^40] ^= 1;
        await File.WriteAllBytesAsync(newest, bytes, Ct);
        await File.WriteAllBytesAsync(ahead, bytes, Ct);
        File.Delete(Database);

        var ending = await RecoverAsync();

        Assert.Equal(65, ending.Code);
        Assert.Contains($"skipped   backup-integrity: {newest} ", ending.Output, StringComparison.Ordinal);
        Assert.Contains($"doubtful  {ahead} ", ending.Output, StringComparison.Ordinal);
        Assert.DoesNotContain($"skipped   backup-integrity: {ahead} ", ending.Output, StringComparison.Ordinal);
        Assert.Equal(5, await CountAsync());
    }

    [Fact]
    public async Task Without_a_good_backup_nothing_is_changed()
    {
        await StoreAsync("before", 5);
        await BackUpAsync();
        File.WriteAllText(Directory.GetFiles(Backups, "*.backup").Single(), "");
        CutTheFile();
        var before = await File.ReadAllBytesAsync(Database, Ct);

        var ending = await RecoverAsync();

        Assert.Equal(66, ending.Code);
        Assert.Contains("nothing was changed", ending.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(Database, Ct));
        Assert.Empty(Directory.GetFiles(_folder, "*.damaged-*"));
    }

    [Fact]
    public async Task A_recovery_that_was_interrupted_lets_nothing_start_and_is_finished_by_the_next()
    {
        await StoreAsync("before", 5);
        await BackUpAsync();
        var aside = Database + ".damaged-20260101T000000Z";
        File.Move(Database, aside);
        await File.WriteAllTextAsync(Database + ".recovering", aside, Ct);

        var start = await ServerProcess.RefuseAsync(_folder);
        var ending = await RecoverAsync();

        Assert.Equal(78, start.Code);
        Assert.Contains("Run memoir recover again", start.Errors, StringComparison.Ordinal);
        Assert.True(ending.Code == 0, ending.Errors + ending.Output);
        Assert.Contains($"set aside {aside}", ending.Output, StringComparison.Ordinal);
        Assert.Equal(5, await CountAsync());
    }

    [Fact]
    public async Task A_sound_database_is_left_alone_and_one_in_use_too()
    {
        await StoreAsync("before", 5);
        var sound = await RecoverAsync();
        await using var server = await ServerProcess.StartAsync(_folder);

        var used = await RecoverAsync();

        Assert.Equal((0, 69), (sound.Code, used.Code));
        Assert.Contains("is sound; nothing was done", sound.Output, StringComparison.Ordinal);
    }

    private Task<ServerProcess.Ending> RecoverAsync() => ServerProcess.RunAsync(_folder, "recover");

    private async Task BackUpAsync()
    {
        var made = await ServerProcess.RunAsync(_folder, "backup");
        Assert.True(made.Code == 0, made.Errors);
    }

    private async Task StoreAsync(string what, int count)
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_BACKUP_SCHEDULE_SECONDS", "off"));
        using var client = server.Client();
        await client.StoreManyAsync(Enumerable.Range(0, count).Select(i => Message($"{what} {i}", ("external_id", $"{what}-{i}"))));
        server.Terminate();
        Assert.Equal(0, (await server.ExitAsync()).Code);
    }

    private async Task<int> CountAsync()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_BACKUP_SCHEDULE_SECONDS", "off"));
        using var client = server.Client();
        var answer = await client.GetAsync(new Uri("/v1/conversations/c1/messages?tenant_id=acme&limit=200", UriKind.Relative), Ct);
        var items = (await answer.JsonAsync(HttpStatusCode.OK)).Items().Length;
        server.Terminate();
        await server.ExitAsync();
        return items;
    }

    private void CutTheFile()
    {
        using var file = new FileStream(Database, FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    /// <summary>The rows stay readable, the order by sequence does not.</summary>
    private void DamageAnIndex()
    {
        using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT rootpage FROM sqlite_master WHERE name = 'memories_sequence'";
        var page = (long)command.ExecuteScalar()!;
        command.CommandText = "PRAGMA page_size";
        var size = (long)command.ExecuteScalar()!;
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        command.ExecuteScalar();
        connection.Close();
        using var file = new FileStream(Database, FileMode.Open);
        file.Position = (page - 1) * size;
        file.Write(new byte[size]);
    }
}
