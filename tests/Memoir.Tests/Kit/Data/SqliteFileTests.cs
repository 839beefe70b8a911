using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using Microsoft.Data.Sqlite;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data;

/// <summary>One process owns the file, and a file that is not ours or not whole is refused and left as it is.</summary>
public sealed class SqliteFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-file-").FullName;

    public static TheoryData<string> Damages =>
    [
        "a text file", "one byte", "random bytes", "random bytes behind our header", "half of it", "all but its last byte", "more than all of it",
        "another program's database", "another program's database with an unfinished log", "a folder", "a link to a database",
        "a link to nothing", "a page size that cannot be", "a later file format",
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Db => Path.Combine(_folder, "memoir.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory, MemberData(nameof(Damages))]
    public async Task The_program_refuses_with_one_line_and_leaves_as_it_was(string damage)
    {
        await DamageAsync(damage);
        var before = Snapshot();

        var ending = await ServerProcess.RefuseAsync(_folder);

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.StartsWith("memoir: ", ending.Errors, StringComparison.Ordinal);
        Assert.Contains(Db, ending.Errors, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot());
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead)]
    [InlineData(UnixFileMode.None)]
    public async Task The_program_refuses_a_file_that_its_user_may_not_write(UnixFileMode mode)
    {
        Assert.SkipUnless(Environment.UserName == "root" && OperatingSystem.IsLinux(), "Only root can become somebody else.");
        using (await OpenAsync(folder: _folder))
        {
        }

        ServerProcess.GiveToNobody(_folder);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Db, mode);
        }

        var before = File.ReadAllBytes(Db);

        var ending = await ServerProcess.RefuseAsNobodyAsync(_folder);

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains(Db, ending.Errors, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(Db));
    }

    [Fact]
    public async Task A_second_process_on_the_same_file_is_refused_by_name()
    {
        using var first = await OpenAsync(folder: _folder);

        var ending = await ServerProcess.RefuseAsync(_folder);
        await first.AddAsync("the first goes on");

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains($"{Db} is in use by another Memoir process", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_database_on_the_same_file_is_refused_and_the_file_is_free_again_after_the_first()
    {
        var first = await OpenAsync(folder: _folder);

        var refusal = await Assert.ThrowsAsync<StartupException>(() => OpenAsync(folder: _folder));
        first.Dispose();
        using var next = await OpenAsync(folder: _folder);

        Assert.Contains(Db, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_takes_no_lock_is_not_blamed_on_another_process()
    {
        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", "sqlite:////proc/memoir.db"));

        Assert.Equal((78, 1), (ending.Code, ending.ErrorLines.Length));
        Assert.Contains("/proc/memoir.db", ending.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("another Memoir process", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_file_becomes_a_database()
    {
        await File.WriteAllBytesAsync(Db, [], Ct);

        using var store = await OpenAsync(folder: _folder);
        await store.AddAsync("x");

        Assert.Equal(1, await store.CountAsync());
    }

    [Fact]
    public async Task A_log_left_by_a_kill_is_replayed()
    {
        var other = Directory.CreateDirectory(Path.Combine(_folder, "living")).FullName;
        using (var living = await OpenAsync(folder: other))
        {
            await living.AddAsync("only in the log");
            File.Copy(Path.Combine(other, "memoir.db"), Db);
            File.Copy(Path.Combine(other, "memoir.db-wal"), Db + "-wal");
        }

        using var store = await OpenAsync(folder: _folder);

        Assert.Equal(["only in the log"], await store.NotesAsync());
    }

    /// <summary>One bit of every byte of the header, every bit where it says how long the file is: what opens must be whole.</summary>
    [Fact]
    public async Task A_flipped_bit_of_the_header_is_refused_or_does_no_harm()
    {
        await FillAsync();
        var good = await File.ReadAllBytesAsync(Db, Ct);
        List<string> harm = [];
        var refused = 0;
        foreach (var bit in Enumerable.Range(0, 800).Where(bit => bit / 8 is (>= 16 and < 24) or (>= 28 and < 32) || bit % 8 == bit / 8 % 8))
        {
            var damaged = good.ToArray();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            var path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, $"{bit}")).FullName, "memoir.db");
            await File.WriteAllBytesAsync(path, damaged, Ct);
            try
            {
                using var store = await OpenAsync(folder: Path.GetDirectoryName(path));
                await store.AddAsync("one more");
                if (await store.CountAsync() != 301)
                {
                    harm.Add($"byte {bit / 8} bit {bit % 8}: notes are missing");
                }
            }
            catch (StartupException)
            {
                refused++;
                var left = await File.ReadAllBytesAsync(path, Ct);
                if (!damaged.AsSpan().SequenceEqual(left))
                {
                    harm.Add($"byte {bit / 8} bit {bit % 8}: refused, and changed");
                }
            }
            catch (Exception exception) when (exception is SqliteException or ProblemException)
            {
                harm.Add($"byte {bit / 8} bit {bit % 8}: {exception.Message}");
            }

            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }

        Assert.Empty(harm);
        Assert.InRange(refused, 50, 200);
    }

    private async Task DamageAsync(string damage)
    {
        switch (damage)
        {
            case "a text file":
                await File.WriteAllTextAsync(Db, string.Join('\n', Enumerable.Repeat("Dear diary, today nothing happened.", 200)), Ct);
                break;
            case "one byte":
                await File.WriteAllBytesAsync(Db, [0], Ct);
                break;
            case "random bytes":
                await File.WriteAllBytesAsync(Db, Noise(20_000), Ct);
                break;
            case "random bytes behind our header":
                await ChangeAsync(bytes => [.. bytes[..100], .. Noise(bytes.Length - 100)]);
                break;
            case "half of it":
                await ChangeAsync(bytes => bytes[..(bytes.Length / 2)]);
                break;
            case "all but its last byte":
                await ChangeAsync(bytes => bytes[..^1]);
                break;
            case "more than all of it":
                await ChangeAsync(bytes => [.. bytes, .. Noise(5000)]);
                break;
            case "another program's database":
                Foreign(Db, "DELETE", keepLog: false);
                break;
            case "another program's database with an unfinished log":
                Foreign(Db, "WAL", keepLog: true);
                break;
            case "a folder":
                Directory.CreateDirectory(Db);
                break;
            case "a link to a database":
                await FillAsync();
                File.Move(Db, Path.Combine(_folder, "real.db"));
                File.CreateSymbolicLink(Db, Path.Combine(_folder, "real.db"));
                break;
            case "a link to nothing":
                File.CreateSymbolicLink(Db, Path.Combine(_folder, "nowhere", "real.db"));
                break;
            case "a page size that cannot be":
                await ChangeAsync(bytes => [.. bytes[..16], 0, 3, .. bytes[18..]]);
                break;
            case "a later file format":
                await ChangeAsync(bytes => [.. bytes[..18], 9, 9, .. bytes[20..]]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(damage));
        }
    }

    private async Task ChangeAsync(Func<byte[], byte[]> change)
    {
        await FillAsync();
        await File.WriteAllBytesAsync(Db, change(await File.ReadAllBytesAsync(Db, Ct)), Ct);
    }

    private async Task FillAsync()
    {
        using var store = await OpenAsync(folder: _folder);
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => store.AddAsync($"note {i}")));
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        return bytes;
    }

    private static void Foreign(string path, string journal, bool keepLog)
    {
        var made = keepLog ? path + ".made" : path;
        using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = made, Pooling = false }.ToString()))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            foreach (var sql in (string[])[$"PRAGMA journal_mode = {journal}", "CREATE TABLE photos (name TEXT)", "INSERT INTO photos VALUES ('cat')"])
            {
                command.CommandText = sql;
                command.ExecuteNonQuery();
            }

            if (keepLog)
            {
                File.Copy(made, path);
                File.Copy(made + "-wal", path + "-wal");
            }
        }

        if (keepLog)
        {
            File.Delete(made);
        }
    }

    /// <summary>What the test put into the folder, by content; what the attempt left beside it does not matter.</summary>
    private List<string> Snapshot()
    {
        List<string> files = [];
        foreach (var file in (string[])[Db, Db + "-wal", Path.Combine(_folder, "real.db")])
        {
            files.Add($"{file} {new FileInfo(file).LinkTarget} {Directory.Exists(file)} "
                + (new FileInfo(file) is { Exists: true, LinkTarget: null, Length: > 0 } ? Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))) : "-"));
        }

        return files;
    }
}
