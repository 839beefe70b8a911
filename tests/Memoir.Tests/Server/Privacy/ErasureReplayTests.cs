using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Memoir.Server.Privacy.Erasure;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

/// <summary>A backup from before an erasure is restored: another server stands for it, filled as the first one was.</summary>
public sealed class ErasureReplayTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_subject_that_was_erased_after_the_backup_stays_erased(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var restored = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        await Subject.SpreadAsync(restored);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        var receipt = await Subject.EraseAsync(server);

        var gone = await ReplayAsync(server, restored);

        Assert.Equal((15, 3, 1, 1), (gone.Memories, gone.Versions, gone.Vectors, gone.IdempotencyKeys));
        var state = await RawDatabase.StateAsync(restored, "acme");
        Assert.DoesNotContain(Subject.Canary, state, StringComparison.Ordinal);
        Assert.DoesNotContain("z\\u00FCndel", state, StringComparison.Ordinal);
        Assert.Equal(receipt.GetRawText(), (await restored.As("acme").ReadAsync("/v1/erasures")).Items().Single().GetProperty("receipt").GetRawText());
        Assert.NotEmpty((await restored.As("acme").SearchAsync("boat", ("mode", "lexical"))).Items());
        Assert.Empty((await restored.As("acme").SearchAsync("lighthouse", ("mode", "lexical"))).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_stored_after_the_erasure_is_kept_and_replaying_again_changes_nothing(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var restored = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(restored);
        await Subject.SpreadAsync(server);
        await Subject.EraseAsync(server);
        restored.Time.Advance(TimeSpan.FromMinutes(1));
        await restored.As("acme").StoreAsync("I am back.", ("user_id", Subject.Canary));

        await ReplayAsync(server, restored);
        var again = await ReplayAsync(server, restored);

        Assert.Equal(0, again.Memories);
        Assert.Equal(1, await RawDatabase.CountAsync(restored, "acme", $"SELECT COUNT(*) FROM memories WHERE user_id = '{Subject.Canary}'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_whole_tenant_stays_erased_and_others_stay(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var restored = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(restored);
        await restored.As("other").StoreAsync("Mine.", ("tenant_id", "other"), ("user_id", Subject.Canary));
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct);

        var gone = await ReplayAsync(server, restored);

        Assert.Equal(26, gone.Memories);
        Assert.Equal(0, await RawDatabase.CountAsync(restored, "acme", "SELECT COUNT(*) FROM memories WHERE tenant_id = 'acme'"));
        Assert.Equal(1, await RawDatabase.CountAsync(restored, "other", "SELECT COUNT(*) FROM memories WHERE tenant_id = 'other'"));
    }

    [Fact]
    public async Task Tombstones_of_a_key_that_is_not_known_are_refused_before_anything_is_touched()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await using var restored = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(restored);
        await Subject.EraseAsync(server);
        using var others = new InstanceKeys(["another secret of thirty-two characters or so"]);
        var before = await RawDatabase.StateAsync(restored, "acme");

        await Assert.ThrowsAsync<StartupException>(async () => await ErasureReplay.ApplyAsync(
            restored.Services.GetRequiredService<Database>(), others, await TombstonesAsync(server), Ct));

        Assert.Equal(before, await RawDatabase.StateAsync(restored, "acme"));
    }

    [Fact]
    public async Task Pseudonyms_made_by_an_older_key_are_known_after_a_rotation()
    {
        const string older = "an older secret of thirty-two characters";
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("SecretKey", older));
        await using var restored = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);
        await Subject.SpreadAsync(restored);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await Subject.EraseAsync(server);
        using var rotated = new InstanceKeys(["a newer secret of thirty-two characters", older]);

        var gone = await ErasureReplay.ApplyAsync(restored.Services.GetRequiredService<Database>(), rotated, await TombstonesAsync(server), Ct);

        Assert.Equal(15, gone.Memories);
    }

    private static async Task<ErasedCounts> ReplayAsync(TestApp from, TestApp to) => await ErasureReplay.ApplyAsync(
        to.Services.GetRequiredService<Database>(), from.Services.GetRequiredService<InstanceKeys>(), await TombstonesAsync(from), Ct);

    private static Task<IReadOnlyList<Tombstone>> TombstonesAsync(TestApp server) =>
        ErasureLedger.ReadAsync(server.Services.GetRequiredService<ErasureLedger>().Path, Ct);
}
