using System.Globalization;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

/// <summary>memoir backup as a process that is killed: what it leaves is no backup, or a whole one.</summary>
public sealed class KilledBackupSqliteTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-killed-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_killed_leaves_nothing_that_looks_whole_and_is_not()
    {
        var data = Path.Combine(_folder, "data");
        await using (var server = await TestApp.StartInAsync(data))
        {
            for (var batch = 0; batch < 10; batch++)
            {
                await server.As("acme").StoreManyAsync(Enumerable.Range(0, 200).Select(i =>
                    Message(string.Create(CultureInfo.InvariantCulture, $"{batch} {i} {new string('x', 4000)}"))));
            }
        }

        var backup = Path.Combine(_folder, "killed.backup");
        var left = new List<string>();
        var more = TimeSpan.Zero;
        while (!File.Exists(backup) && more < TimeSpan.FromSeconds(20))
        {
            await using var command = ServerProcess.Begin(data, [], "backup", "--to", backup);
            var ended = command.ExitAsync();
            while (!ended.IsCompleted && !File.Exists(backup + ".partial"))
            {
                await Task.Delay(1, Ct); // However fast the machine is: the first is killed while it writes.
            }

            if (await Task.WhenAny(ended, Task.Delay(more, Ct)) != ended)
            {
                command.Kill();
                await ended;
            }

            left.AddRange(Directory.GetFiles(_folder).Select(path => Path.GetFileName(path)!));
            more += TimeSpan.FromMilliseconds(40);
        }

        Assert.Contains("killed.backup.partial", left);
        Assert.All(left, name => Assert.StartsWith("killed.backup", name, StringComparison.Ordinal));
        var restored = await BackupFixture.RestoreAsync(backup, Path.Combine(data, "secret.key"), Path.Combine(_folder, "restored", "memoir.db"));
        Assert.True(restored.Code == 0, restored.Errors);
    }
}
