using System.Text;
using Memoir.Kit.Files;

namespace Memoir.Tests.Kit.Files;

/// <summary>A file is there whole or not at all, and a storage fault is never silent.</summary>
public sealed class DurableFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-files-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_file_is_replaced_as_a_whole_with_the_mode_asked_for()
    {
        var path = Path.Combine(_folder, "state.json");
        await File.WriteAllTextAsync(path, "something old that is longer", Ct);

        await DurableFiles.WriteAtomicallyAsync(path, Encoding.UTF8.GetBytes("new"), DurableFiles.Private, Ct);

        Assert.Equal("new", await File.ReadAllTextAsync(path, Ct));
        Assert.Equal([path], Directory.GetFiles(_folder));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(DurableFiles.Private, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public async Task A_failed_rename_leaves_the_old_state_and_no_temporary_file()
    {
        var path = Path.Combine(_folder, "taken");
        Directory.CreateDirectory(path);

        await Assert.ThrowsAnyAsync<Exception>(() => DurableFiles.WriteAtomicallyAsync(path, new byte[8], DurableFiles.Private, Ct));

        Assert.True(Directory.Exists(path));
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task A_cancelled_write_leaves_the_old_file_and_no_temporary_one()
    {
        var path = Path.Combine(_folder, "state");
        await File.WriteAllTextAsync(path, "old", Ct);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            DurableFiles.WriteAtomicallyAsync(path, new byte[1 << 20], DurableFiles.Private, new CancellationToken(canceled: true)));

        Assert.Equal("old", await File.ReadAllTextAsync(path, Ct));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task What_is_appended_stands_behind_what_was_there_in_a_private_file()
    {
        var path = Path.Combine(_folder, "trail");

        await DurableFiles.AppendAsync(path, Encoding.UTF8.GetBytes("one\n"), Ct);
        await DurableFiles.AppendAsync(path, Encoding.UTF8.GetBytes("two\n"), Ct);

        Assert.Equal("one\ntwo\n", await File.ReadAllTextAsync(path, Ct));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(DurableFiles.Private, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void Of_two_who_make_a_file_the_first_made_it()
    {
        var path = Path.Combine(_folder, "key");

        Assert.True(DurableFiles.TryCreate(path, "first"u8));
        Assert.False(DurableFiles.TryCreate(path, "second"u8));

        Assert.Equal("first", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task A_missing_folder_is_the_callers_fault() =>
        await Assert.ThrowsAsync<DirectoryNotFoundException>(() =>
            DurableFiles.WriteAtomicallyAsync(Path.Combine(_folder, "no", "file"), new byte[1], DurableFiles.Private, Ct));

    [Fact]
    public async Task A_full_disk_throws()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var full = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.Write);

        await Assert.ThrowsAnyAsync<IOException>(() => DurableFiles.WriteAndSyncAsync(full, new byte[4096], Ct));
    }

    [Fact]
    public async Task A_failed_fsync_throws_where_the_framework_would_stay_silent()
    {
        Assert.SkipUnless(File.Exists("/dev/null"), "needs a file that cannot be synced");
        using var unsyncable = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
        RandomAccess.FlushToDisk(unsyncable);

        var fault = await Assert.ThrowsAsync<IOException>(() => DurableFiles.WriteAndSyncAsync(unsyncable, new byte[1], Ct));

        Assert.StartsWith("fsync of the file failed: ", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_gone_cannot_be_synced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows cannot sync a folder");

        Assert.Throws<IOException>(() => DurableFiles.SyncDirectory(Path.Combine(_folder, "gone")));
    }

    [Fact]
    public void A_new_private_folder_admits_its_owner_alone()
    {
        var path = Path.Combine(_folder, "a", "b");

        Assert.True(DurableFiles.EnsurePrivateDirectory(path));
        Assert.True(DurableFiles.EnsurePrivateDirectory(path));

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void An_existing_folder_that_others_may_enter_is_reported_and_left_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var path = Path.Combine(_folder, "open");
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);

        Assert.False(DurableFiles.EnsurePrivateDirectory(path));
        Assert.Equal((UnixFileMode)0b111_101_101, File.GetUnixFileMode(path));
    }
}
