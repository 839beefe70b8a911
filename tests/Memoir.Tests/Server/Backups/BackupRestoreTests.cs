using Memoir.Kit.Files;
using Memoir.Tests.Server.Commands.Copy;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

/// <summary>memoir backup and memoir restore, as processes, from and to the engine of the tests.</summary>
public sealed class BackupRestoreTests : IAsyncLifetime
{
    private CopyFixture _copy = null!;

    private string Backup => Path.Combine(_copy.Folder, "all.backup");

    private string Restored => Path.Combine(_copy.Folder, "restored", "memoir.db");

    public async ValueTask InitializeAsync()
    {
        _copy = await CopyFixture.OpenAsync();
        await _copy.MakeSourceAsync();
    }

    public ValueTask DisposeAsync() => _copy.DisposeAsync();

    [Fact]
    public async Task Every_column_of_every_row_of_every_tenant_comes_back_as_it_was()
    {
        var tables = Canaries.Fill(_copy.SourceFile, "acme", "umbrella");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);

        var made = await BackUpAsync();
        var restored = await RestoreAsync(Restored);

        Assert.Equal((0, 0), (made.Code, restored.Code));
        Assert.Contains("complete and read back", made.Output, StringComparison.Ordinal);
        Assert.Contains("keep a copy of that elsewhere", made.Errors, StringComparison.Ordinal);
        Assert.Contains("2 tenants, ", restored.Output, StringComparison.Ordinal);
        Assert.Equal(DurableFiles.Private, BackupFixture.ModeOf(Backup));
        foreach (var table in tables)
        {
            foreach (var tenant in (string[])["acme", "umbrella"])
            {
                Assert.Equal(await _copy.ReadSourceAsync(table, tenant), await CopyFixture.ReadFileAsync(Restored, table, tenant));
            }
        }

        var compared = await ServerProcess.RunAsync(_copy.Folder, "copy", "--check", "--from", _copy.From, "--to", $"sqlite:///{Restored}");
        Assert.Equal(0, compared.Code);
        Assert.DoesNotContain(Directory.GetFiles(Path.GetDirectoryName(Restored)!), file => file.Contains(".restoring", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_file_shows_nothing_of_what_it_holds()
    {
        Canaries.Fill(_copy.SourceFile, "acme");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        Assert.Equal(0, (await BackUpAsync()).Code);

        var bytes = await File.ReadAllBytesAsync(Backup, Ct);

        Assert.True(bytes.AsSpan().IndexOf("acme"u8) < 0);
        Assert.True(bytes.AsSpan().IndexOf("memories"u8) < 0);
    }

#if POSTGRES
    [Fact]
    public async Task A_backup_is_restored_into_a_server_and_only_into_an_empty_one()
    {
        Canaries.Fill(_copy.SourceFile, "acme", "umbrella");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        Assert.Equal(0, (await BackUpAsync()).Code);
        var other = await PostgresServer.CreateAsync("");
        try
        {
            string[] there = ["restore", "--from", Backup, "--to", PostgresServer.ApplicationUrlOf(other), "--to-admin", PostgresServer.OwnerUrlOf(other)];
            var restored = await ServerProcess.RunAsync(_copy.Folder, there);
            var compared = await ServerProcess.RunAsync(_copy.Folder, "copy", "--check", "--from", _copy.From, "--to", PostgresServer.ApplicationUrlOf(other));
            var again = await ServerProcess.RunAsync(_copy.Folder, there);

            Assert.True(restored.Code == 0, restored.Errors);
            Assert.Equal((0, 65), (compared.Code, again.Code));
            Assert.Contains("is not empty", again.Errors, StringComparison.Ordinal);
        }
        finally
        {
            await PostgresServer.DropAsync(other);
        }
    }
#else
    [Fact]
    public async Task While_a_server_runs_it_takes_the_backup_itself()
    {
        await using var server = await ServerProcess.StartAsync(_copy.Folder);
        using var client = server.Client();
        await client.StoreAsync("said while it runs");

        var into = await ServerProcess.RunAsync(_copy.Folder, "backup", "--url", $"{server.Address}");
        var beside = await ServerProcess.RunAsync(_copy.Folder, "backup", "--to", Backup, "--url", $"{server.Address}");

        Assert.True((into.Code, beside.Code) == (0, 0), into.Errors + beside.Errors);
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_copy.Folder, "backups"), "memoir-*.backup").Length);
        Assert.Equal(0, (await RestoreAsync(Restored)).Code);
        Assert.Single(await CopyFixture.ReadFileAsync(Restored, "memories", "acme"));
        Assert.Equal(DurableFiles.Private, BackupFixture.ModeOf(Backup));
    }
#endif

    [Fact]
    public async Task A_target_with_rows_is_refused_and_left_as_it_is()
    {
        Canaries.Fill(_copy.SourceFile, "acme");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        Assert.Equal(0, (await BackUpAsync()).Code);
        var before = await File.ReadAllBytesAsync(_copy.SourceFile, Ct);

        var refused = await RestoreAsync(_copy.SourceFile);

        Assert.Equal(65, refused.Code);
        Assert.Contains("is not empty", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_copy.SourceFile, Ct));
    }

    [Fact]
    public async Task A_database_without_rows_is_filled_and_one_that_a_server_has_is_not()
    {
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        Assert.Equal(0, (await BackUpAsync()).Code);
        var folder = Path.Combine(_copy.Folder, "fresh");
        var there = Path.Combine(folder, "memoir.db");
        await using (var server = await ServerProcess.StartAsync(folder))
        {
            var refused = await RestoreAsync(there);
            Assert.Equal(69, refused.Code);
            Assert.Contains("in use", refused.Errors, StringComparison.Ordinal);
            server.Terminate();
            await server.ExitAsync();
        }

        var filled = await RestoreAsync(there);

        Assert.True(filled.Code == 0, filled.Errors);
    }

    [Fact]
    public async Task Without_the_key_nothing_is_opened_and_with_its_file_all_is()
    {
        Canaries.Fill(_copy.SourceFile, "acme");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        Assert.Equal(0, (await BackUpAsync()).Code);
        var elsewhere = Directory.CreateDirectory(Path.Combine(_copy.Folder, "elsewhere")).FullName;
        var target = $"sqlite:///{Restored}";

        var keyless = await ServerProcess.RunAsync(elsewhere, "restore", "--from", Backup, "--to", target);
        var other = await ServerProcess.RunAsync(elsewhere, [("MEMORY_SECRET_KEY", "another-secret-0123456789-abcdefghij")], "restore", "--from", Backup, "--to", target);
        Assert.Equal((66, 65), (keyless.Code, other.Code));
        Assert.Contains("there is no key", keyless.Errors, StringComparison.Ordinal);
        Assert.Contains("backup-integrity", other.Errors, StringComparison.Ordinal);
        Assert.Contains("--key-file", other.Errors, StringComparison.Ordinal);
        Assert.False(Path.Exists(Restored));

        var opened = await ServerProcess.RunAsync(elsewhere, "restore", "--from", Backup, "--to", target, "--key-file", Path.Combine(_copy.Folder, "secret.key"));
        Assert.True(opened.Code == 0, opened.Errors);
    }

    [Theory]
    [InlineData(64, "restore: --from is missing", "restore")]
    [InlineData(66, "restore: none.backup cannot be read", "restore", "--from", "none.backup")]
    [InlineData(64, "backup: --to: ", "backup", "--to", "SOURCE")]
    [InlineData(64, "restore: --to: must be sqlite:///FILE", "restore", "--from", "SOURCE", "--to", "mysql://x")]
    [InlineData(65, "restore: backup-integrity: ", "restore", "--from", "SOURCE", "--to", "sqlite:///x.db")]
    public async Task What_cannot_be_done_is_one_line(int code, string says, params string[] arguments)
    {
        var ending = await ServerProcess.RunAsync(
            _copy.Folder, [("MEMORY_SECRET_KEY", "a-secret-of-this-test-0123456789-abcdef")], [.. arguments.Select(argument => argument == "SOURCE" ? _copy.SourceFile : argument)]);

        Assert.Equal((code, ""), (ending.Code, ending.Output));
        Assert.StartsWith($"memoir: {says}", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    private Task<ServerProcess.Ending> BackUpAsync() => ServerProcess.RunAsync(_copy.Folder, _copy.OnTarget, "backup", "--to", Backup);

    private Task<ServerProcess.Ending> RestoreAsync(string file) =>
        ServerProcess.RunAsync(_copy.Folder, "restore", "--from", Backup, "--to", $"sqlite:///{file}");
}
