using System.Text;
using Memoir.Kit.Audit;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Kit.Files;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Audit;

/// <summary>How records get their places and chains their checkpoints.</summary>
public sealed class SealingTests : IAsyncLifetime
{
    private ChainFixture _chains = null!;

    private Database Database => _chains.App.Services.GetRequiredService<Database>();

    public async ValueTask InitializeAsync() => _chains = await ChainFixture.StartAsync("acme", "globex");

    public ValueTask DisposeAsync() => _chains.DisposeAsync();

    [Fact]
    public void The_bytes_that_are_hashed_are_those_of_the_docs()
    {
        using var hash = new ChainHash();
        var entry = new AuditEntry
        {
            Id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), At = Instants.FromMicroseconds(1_700_000_000_000_001), Actor = "key:mk_1",
            Action = "memory.store", Subject = null, Count = 3, RequestId = "r", Address = "::1",
        };
        static byte[] Field(byte[] bytes) => [0, 0, 0, (byte)bytes.Length, .. bytes];
        static byte[] Number(long value) => [.. BitConverter.GetBytes(value).Reverse()];
        byte[] documented =
        [
            .. Field("memoir-audit-1"u8.ToArray()), .. Field(new byte[32]), .. Number(1), .. Field("acme"u8.ToArray()),
            .. Field(Convert.FromHexString("00112233445566778899AABBCCDDEEFF")), .. Number(1_700_000_000_000_001), .. Field("key:mk_1"u8.ToArray()),
            .. Field("memory.store"u8.ToArray()), 255, 255, 255, 255, .. Number(3), .. Field("r"u8.ToArray()), .. Field("::1"u8.ToArray()),
        ];

        Assert.Equal(System.Security.Cryptography.SHA256.HashData(documented), hash.Of(ChainHash.Start, 1, new Tenant("acme"), entry));
    }

    [Fact]
    public async Task A_record_that_commits_late_with_an_earlier_time_gets_the_next_place()
    {
        await Database.WriteAsync(new Tenant("acme"), session => AuditLog.AppendAsync(
            session, new AuditRecord("key:mk_late", "memory.store", null, 1, "late"), _chains.App.Time.Now().AddDays(-1)), Ct);

        await _chains.KeepAsync();

        var chain = await _chains.ReadAsync("acme");
        Assert.Equal(("late", ChainFixture.All + 1L), (chain[^1].RequestId, chain[^1].Position!.Value));
        Assert.True((await _chains.VerifyAsync("acme")).IsOk);
    }

    [Fact]
    public async Task What_is_not_sealed_yet_is_reported_and_no_fault()
    {
        await _chains.AppendAsync("acme", 3);

        var report = await _chains.VerifyAsync("acme");

        Assert.True(report.IsOk);
        Assert.Equal((ChainFixture.All, 3, ChainFixture.All), (report.Sealed, report.Unsealed, report.Vouched));
    }

    [Fact]
    public async Task The_gauge_tells_how_long_the_oldest_has_waited()
    {
        var meters = _chains.App.Services.GetRequiredService<Meters>();
        Assert.Equal(0, meters.AuditUnsealedSeconds());
        await _chains.AppendAsync("acme", 1);
        _chains.App.Time.Advance(TimeSpan.FromSeconds(30));

        await _chains.Sealer.ListAsync(Ct);
        Assert.InRange(meters.AuditUnsealedSeconds(), 29, 30);

        await _chains.KeepAsync();
        Assert.Equal(0, meters.AuditUnsealedSeconds());
    }

    [Fact]
    public async Task Two_processes_that_seal_at_once_make_one_chain()
    {
        using var second = Another();
        var other = new AuditSealer(second, CheckpointsIn(Directory.CreateTempSubdirectory("memoir-").FullName), _chains.App.Services.GetRequiredService<Meters>(), _chains.App.Time);
        for (var round = 0; round < 10; round++)
        {
            await _chains.AppendAsync("acme", 700);
            await Task.WhenAll(_chains.Sealer.SealAllAsync(Ct), other.SealAllAsync(Ct), _chains.AppendAsync("acme", 5));
            await _chains.Sealer.SealAllAsync(Ct);
        }

        await _chains.KeepAsync();
        var report = await _chains.VerifyAsync("acme");
        Assert.Null(report.FirstBad);
        Assert.Equal((ChainFixture.All + 7050, 0), (report.Sealed, report.Unsealed));
    }

    [Fact]
    public async Task A_sealer_that_was_overtaken_writes_nothing()
    {
        await _chains.AppendAsync("acme", 1);
        var waiting = await Database.ReadAsync(new Tenant("acme"), session => ChainStore.ListUnsealedAsync(session, 10), Ct);

        var written = await Database.WriteAsync(
            new Tenant("acme"), session => ChainStore.AppendAsync(session, last: ChainFixture.All - 1, [new ChainLink(waiting[0].Id, ChainFixture.All, new byte[32])]), Ct);

        Assert.False(written);
        Assert.Equal(1, (await _chains.VerifyAsync("acme")).Unsealed);
    }

    [Fact]
    public async Task A_busy_tenant_has_a_checkpoint_every_thousand_records_and_every_minute()
    {
        var before = File.ReadAllLines(_chains.CheckpointFile).Length;
        await _chains.AppendAsync("acme", 2300);
        await _chains.KeepAsync(isLast: false);
        Assert.Equal(before + 2, File.ReadAllLines(_chains.CheckpointFile).Length); // Two full ones; the rest waits for its minute.

        await _chains.AppendAsync("acme", 10);
        await _chains.KeepAsync(isLast: false);
        Assert.Equal(before + 2, File.ReadAllLines(_chains.CheckpointFile).Length);

        _chains.App.Time.Advance(TimeSpan.FromSeconds(60));
        await _chains.KeepAsync(isLast: false);
        Assert.Equal(before + 3, File.ReadAllLines(_chains.CheckpointFile).Length);

        var report = await _chains.VerifyAsync("acme");
        Assert.Equal((true, ChainFixture.All + 2310), (report.IsOk, report.Vouched));
    }

    [Fact]
    public async Task What_cannot_be_written_is_written_the_next_time()
    {
        await _chains.AppendAsync("acme", 5);
        File.Move(_chains.CheckpointFile, _chains.CheckpointFile + ".away");
        Directory.CreateDirectory(_chains.CheckpointFile);

        await _chains.KeepAsync();
        Assert.Equal(0, (await _chains.VerifyAsync("acme", withCheckpoints: false)).Unsealed); // The chain itself goes on.
        Assert.Contains(_chains.App.Log.Faults, line => line.Contains("cannot be written", StringComparison.Ordinal));

        Directory.Delete(_chains.CheckpointFile);
        File.Move(_chains.CheckpointFile + ".away", _chains.CheckpointFile);
        await _chains.KeepAsync();
        Assert.Equal(ChainFixture.All + 5, (await _chains.VerifyAsync("acme")).Vouched);
    }

    [Fact]
    public async Task An_idle_server_commits_nothing_and_writes_no_file()
    {
        await _chains.KeepAsync();
        var lines = File.ReadAllLines(_chains.CheckpointFile);
        var before = await CommitsAsync();

        for (var round = 0; round < 5; round++)
        {
            _chains.App.Time.Advance(TimeSpan.FromMinutes(1));
            await _chains.KeepAsync(isLast: false);
        }

        Assert.Equal(before, await CommitsAsync());
        Assert.Equal(lines, File.ReadAllLines(_chains.CheckpointFile));
    }

    [Fact]
    public async Task A_line_of_a_checkpoint_that_was_changed_is_found()
    {
        var text = await File.ReadAllTextAsync(_chains.CheckpointFile, Ct);
        await File.WriteAllTextAsync(_chains.CheckpointFile, text.Replace($"\"position\":{ChainFixture.First},", $"\"position\":{ChainFixture.First - 1},", StringComparison.Ordinal), Ct);

        Assert.Equal(new BadRecord(ChainFixture.First - 1, null, ChainFault.Signature), (await _chains.VerifyAsync("acme")).FirstBad);
    }

    [Fact]
    public async Task A_checkpoint_that_somebody_else_signed_is_found()
    {
        using var others = new Memoir.Kit.Security.InstanceKeys(["0123456789abcdef0123456789abcdef-other"]);
        var forged = Checkpoint.Parse(File.ReadLines(_chains.CheckpointFile).First())!.SignedBy(others);
        await DurableFiles.AppendAsync(_chains.CheckpointFile, forged.ToLine(), Ct);

        Assert.Equal(ChainFault.Signature, (await _chains.VerifyAsync(forged.TenantId)).FirstBad?.Reason);
    }

    [Fact]
    public async Task The_part_of_a_line_that_a_power_cut_left_spoils_nothing()
    {
        await DurableFiles.AppendAsync(_chains.CheckpointFile, Encoding.UTF8.GetBytes("{\"kind\":\"checkpoint\",\"tenant_id\":\"ac"), Ct);
        Assert.True((await _chains.VerifyAsync("acme")).IsOk);
        await _chains.AppendAsync("acme", 5);

        await _chains.KeepAsync();

        Assert.Equal((true, ChainFixture.All + 5), (await _chains.VerifyAsync("acme")) is var report ? (report.IsOk, report.Vouched) : default);
    }

    [Fact]
    public async Task A_restore_that_was_accepted_is_no_fault_and_what_comes_after_it_is_guarded_again()
    {
        await SetBackAsync();
        Assert.Equal(new BadRecord(ChainFixture.First + 1, null, ChainFault.Missing), (await _chains.VerifyAsync("acme")).FirstBad);

        Assert.Equal(2, await _chains.Verifier.AcceptRestoreAsync(Ct));
        Assert.True((await _chains.VerifyAsync("acme")).IsOk);

        await _chains.AppendAsync("acme", 50);
        await _chains.KeepAsync();
        Assert.Equal((true, ChainFixture.First + 50), (await _chains.VerifyAsync("acme")) is var report ? (report.IsOk, report.Vouched) : default);
        await SetBackAsync();
        Assert.Equal(new BadRecord(ChainFixture.First + 1, null, ChainFault.Missing), (await _chains.VerifyAsync("acme")).FirstBad);
    }

    [Fact]
    public async Task Checkpoints_of_several_processes_count_together()
    {
        var folder = Directory.CreateTempSubdirectory("memoir-").FullName;
        var beside = CheckpointsIn(folder);
        var other = new AuditSealer(Database, beside, _chains.App.Services.GetRequiredService<Meters>(), _chains.App.Time);
        await _chains.AppendAsync("acme", 20);
        await other.SealAllAsync(Ct);
        await beside.WriteDueAsync(all: true, Ct);
        await _chains.ExecuteAsync("acme", $"DELETE FROM audit_records WHERE tenant_id = 'acme' AND position > {ChainFixture.All + 7}");

        var alone = await _chains.VerifyAsync("acme");
        var together = Assert.Single(await _chains.Verifier.VerifyAsync([new Tenant("acme")], [_chains.CheckpointFile, beside.Path], Ct));

        Assert.True(alone.IsOk);
        Assert.Equal(new BadRecord(ChainFixture.All + 8, null, ChainFault.Missing), together.FirstBad);
        Directory.Delete(folder, recursive: true);
    }

    private Task SetBackAsync() => _chains.ExecuteAsync("acme", $"DELETE FROM audit_records WHERE tenant_id = 'acme' AND position > {ChainFixture.First}");

    /// <summary>How often this server's database was written to, as its own engine counts.</summary>
    private async Task<object?> CommitsAsync() => TestEngines.Current == TestEngine.Postgres
        ? await RawDatabase.RunAsync(_chains.App.Folder, "acme", "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::text FROM pg_stat_user_tables")
        : await File.ReadAllBytesAsync(Path.Combine(_chains.App.Folder, "memoir.db-wal"), Ct) is var log ? Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(log)) : null;

    /// <summary>On PostgreSQL another process's connections; SQLite has one process.</summary>
    private Database Another() => TestEngines.Current == TestEngine.Postgres
        ? new Database(_chains.App.Services.GetRequiredService<IOptions<DatabaseOptions>>(), _chains.App.Services.GetRequiredService<Meters>())
        : Database;

    private CheckpointWriter CheckpointsIn(string folder) => new(
        _chains.App.Services.GetRequiredService<Memoir.Kit.Security.InstanceKeys>(), Options.Create(new DatabaseOptions { DataDirectory = folder }), _chains.App.Time);
}
