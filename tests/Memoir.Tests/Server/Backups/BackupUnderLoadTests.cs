using System.Globalization;
using Memoir.Tests.Server.Commands.Copy;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

public sealed class BackupUnderLoadTests
{
    [Fact]
    public async Task A_backup_holds_one_instant_of_all_tenants_whatever_is_written_meanwhile()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        using var left = server.As("left");
        using var right = server.As("right");
        for (var batch = 0; batch < 10; batch++)
        {
            await left.StoreManyAsync(Enumerable.Range(0, 300).Select(i => Message($"before {batch} {i}", ("tenant_id", "left"))));
        }

        using var enough = new CancellationTokenSource();
        var written = 0;
        async Task WriteAsync()
        {
            // What the right tenant has, the left one was told before.
            while (!enough.IsCancellationRequested)
            {
                await left.StoreAsync($"pair {written}", ("tenant_id", "left"), ("external_id", $"p{written}"));
                await right.StoreAsync($"pair {written}", ("tenant_id", "right"), ("external_id", $"p{written}"));
                Volatile.Write(ref written, written + 1);
            }
        }

        var writing = WriteAsync();
        await UntilAsync(() => Volatile.Read(ref written) >= 5);
        var backup = Path.Combine(server.Folder, "load.backup");
        await server.BackUpAsync(backup);
        var atEnd = Volatile.Read(ref written);
        await UntilAsync(() => Volatile.Read(ref written) >= atEnd + 3);
        await enough.CancelAsync();
        await writing;

        var restored = Path.Combine(server.Folder, "restored", "memoir.db");
        var ending = await BackupFixture.RestoreAsync(backup, server.KeyFile(), restored);

        Assert.True(ending.Code == 0, ending.Errors);
        var (onLeft, onRight) = (await PairsAsync(restored, "left"), await PairsAsync(restored, "right"));
        Assert.Equal(Enumerable.Range(0, onLeft.Count), onLeft);
        Assert.Equal(Enumerable.Range(0, onRight.Count), onRight);
        Assert.InRange(onLeft.Count - onRight.Count, 0, 1);
        Assert.InRange(onRight.Count, 5, Volatile.Read(ref written) - 3);
        foreach (var tenant in (string[])["left", "right"])
        {
            Assert.Equal(
                (await CopyFixture.ReadFileAsync(restored, "memories", tenant)).Count,
                Number(Assert.Single(await CopyFixture.ReadFileAsync(restored, "tenants", tenant)), "last_sequence="));
        }
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(5, Ct);
        }
    }

    private static async Task<List<int>> PairsAsync(string file, string tenant) =>
    [
        .. (await CopyFixture.ReadFileAsync(file, "memories", tenant))
            .Where(row => row.Contains("|external_id=p", StringComparison.Ordinal)).Select(row => Number(row, "|external_id=p")).Order(),
    ];

    private static int Number(string row, string after)
    {
        var start = row.IndexOf(after, StringComparison.Ordinal) + after.Length;
        var end = row.IndexOf('|', start);
        return int.Parse(row.AsSpan(start, (end < 0 ? row.Length : end) - start), CultureInfo.InvariantCulture);
    }
}
