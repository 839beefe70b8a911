using Memoir.Kit.Security;
using Memoir.Server.Backups.Format;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Backups;

/// <summary>A backup that is not as it was written is refused before anything is touched. The file is the same on both engines.</summary>
public sealed class DamagedBackupSqliteTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-damaged-").FullName;
    private TestApp _server = null!;
    private byte[] _whole = [];

    private string Good => Path.Combine(_folder, "good.backup");

    public async ValueTask InitializeAsync()
    {
        _server = await TestApp.StartAsync(TestEngines.Current);
        var random = new Random(7);
        await _server.As("acme").StoreManyAsync(Enumerable.Range(0, 12).Select(i =>
            Message(string.Create(90_000, random, (text, from) => from.GetItems("abcdefghijklmnopqrstuvwxyz0123456789 ", text)), ("external_id", $"e{i}"))));
        await _server.BackUpAsync(Good);
        _whole = await File.ReadAllBytesAsync(Good, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Every_damaged_copy_is_refused_by_name_before_the_target_exists()
    {
        await using var strangers = await TestApp.StartAsync(TestEngines.Current);
        await strangers.As("acme").StoreManyAsync(Enumerable.Range(0, 12).Select(i => Message(new string('x', 1000), ("external_id", $"e{i}"))));
        var (sibling, stranger) = (Path.Combine(_folder, "sibling.backup"), Path.Combine(_folder, "stranger.backup"));
        await _server.BackUpAsync(sibling);
        await strangers.BackUpAsync(stranger);
        var corpus = new DamagedBackups(_whole, await File.ReadAllBytesAsync(sibling, Ct), await File.ReadAllBytesAsync(stranger, Ct)).All();
        Assert.True(DamagedBackups.Chunks(_whole).Count >= 4, "too few chunks");
        Assert.True(corpus.Count >= 300, $"only {corpus.Count}");
        var number = 0;

        foreach (var (what, make) in corpus)
        {
            var path = Path.Combine(_folder, $"damaged-{++number}.backup");
            make(path);
            var target = Path.Combine(_folder, "target", "memoir.db");

            var refused = await BackupFixture.RestoreAsync(path, _server.KeyFile(), target);

            Assert.True(refused.Code == 65, $"{what}: {refused.Code} {refused.Output} {refused.Errors}");
            Assert.True(refused.Errors.StartsWith($"backup-integrity: {path} ", StringComparison.Ordinal), $"{what}: {refused.Errors}");
            Assert.False(Path.Exists(Path.GetDirectoryName(target)), what);
            if (File.Exists(path))
            {
                File.Delete(path);
            }
        }
    }

    [Fact]
    public async Task The_whole_one_is_accepted_twice()
    {
        var (first, second) = (Path.Combine(_folder, "a", "memoir.db"), Path.Combine(_folder, "b", "memoir.db"));

        Assert.Equal(0, (await BackupFixture.RestoreAsync(Good, _server.KeyFile(), first)).Code);
        Assert.Equal(0, (await BackupFixture.RestoreAsync(Good, _server.KeyFile(), second)).Code);

        Assert.True(File.Exists(first) && File.Exists(second));
    }

    /// <summary>Negative control: it is the checks that refuse.</summary>
    [Fact]
    public async Task With_the_checks_switched_off_damage_is_accepted()
    {
        using var keys = new InstanceKeys(InstanceKeys.Parse(await File.ReadAllTextAsync(_server.KeyFile(), Ct)));
        using var damaged = new MemoryStream([.. _whole, 1, 2, 3]);

        Assert.NotNull(await BackupReader.CheckAsync(damaged, "damaged", keys, isTrusting: true, Ct));
        await Assert.ThrowsAsync<BackupIntegrityException>(() => BackupReader.CheckAsync(damaged, "damaged", keys, isTrusting: false, Ct));
    }

    [Fact]
    public async Task One_of_a_newer_version_is_refused_and_says_of_which()
    {
        using var keys = new InstanceKeys(InstanceKeys.Parse(await File.ReadAllTextAsync(_server.KeyFile(), Ct)));
        var newer = Path.Combine(_folder, "newer.backup");
        await using (var file = File.Create(newer))
        {
            var header = new BackupHeader
            {
                File = new string('0', 32),
                CreatedAt = DateTimeOffset.UnixEpoch,
                Program = "99.0.0",
                Engine = "sqlite",
                Schema = 9999,
                Key = keys.KeyId,
            };
            await using var writer = await BackupWriter.BeginAsync(file, header, keys, Ct);
            await writer.FinishAsync(Ct);
        }

        var refused = await BackupFixture.RestoreAsync(newer, _server.KeyFile(), Path.Combine(_folder, "target", "memoir.db"));

        Assert.Equal(65, refused.Code);
        Assert.StartsWith("backup-integrity: ", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("99.0.0", refused.Errors, StringComparison.Ordinal);
    }
}
