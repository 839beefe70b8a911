using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Tenants;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Processes.TwoProcesses;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Processes;

/// <summary>A database that is set back under running processes, as a standby does that had not heard of the last commits: nobody goes on from what is lost.</summary>
public sealed class SetBackTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_search_finds_what_was_stored_since_and_nothing_that_was_lost(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var kept = await StartWithLossAsync(both);
        await SetBackAsync(both, kept);
        await using var third = TestApp.StartBeside(both.A);
        await third.As("acme").StoreAsync("A bicycle came by.", ("conversation_id", "b"));

        foreach (var process in new[] { both.A, both.B })
        {
            Assert.Equal(["A bicycle came by."], (await process.As("acme").SearchAsync("bicycle", ("mode", "lexical"))).Each("content"));
            Assert.Empty((await process.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items());
            Assert.Equal(2, Loaded(process).Lexical.LiveCount);
        }

        await both.AssertCurrentAsync("a database that was set back");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whoever_writes_on_past_what_was_lost_notices_by_its_own_write(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var kept = await StartWithLossAsync(both);
        await SetBackAsync(both, kept);

        for (var i = 0; i < 5; i++)
        {
            await both.A.As("acme").StoreAsync($"Bicycle number {i} came by.", ("conversation_id", $"b{i}")); // The counters are then higher than they were.
        }

        Assert.Equal(5, (await both.A.As("acme").SearchAsync("bicycle", ("mode", "lexical"))).Items().Length);
        Assert.Equal(6, Loaded(both.A).Lexical.LiveCount);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_follower_forgets_an_index_and_a_model_that_were_lost(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(
            engine, ("EmbeddingProvider", "builtin"), ("GeminiApiKey", "AIza-key"), ("GeminiBaseUrl", provider.GeminiUrl));
        var kept = await StartWithLossAsync(both);
        const string choice = """{"provider":"google_gemini","model":"gemini-embedding-001","dimensions":96}""";
        await (await both.A.As("acme").SendAsync("PUT", "/v1/admin/embeddings", choice)).JsonAsync(HttpStatusCode.OK);
        await both.B.As("acme").SearchAsync("zeppelin");
        await SetBackAsync(both, kept);

        foreach (var process in new[] { both.A, both.B })
        {
            await process.Services.GetRequiredService<IndexFollower>().FollowAsync(Ct);

            Assert.Null(process.Services.GetRequiredService<RecallIndexes>().Peek(Acme));
            Assert.Equal("builtin", process.Services.GetRequiredService<TenantGenerations>().Of(Acme).Generation.Provider);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_search_forgets_a_model_that_was_lost(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(
            engine, ("EmbeddingProvider", "builtin"), ("GeminiApiKey", "AIza-key"), ("GeminiBaseUrl", provider.GeminiUrl));
        await both.WarmAsync("The kettle is on.");
        var kept = await CountersAsync(both);
        const string choice = """{"provider":"google_gemini","model":"gemini-embedding-001","dimensions":96}""";
        await (await both.A.As("acme").SendAsync("PUT", "/v1/admin/embeddings", choice)).JsonAsync(HttpStatusCode.OK);
        await SetBackAsync(both, kept);

        var found = await both.A.As("acme").SearchAsync("kettle", ("mode", "semantic"));

        Assert.DoesNotContain("degraded", found.Members());
        Assert.Equal("builtin", both.A.Services.GetRequiredService<TenantGenerations>().Of(Acme).Generation.Provider);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_merge_under_way_publishes_nothing_that_was_lost(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.");
        await MergeAsync(both.A);
        var kept = await CountersAsync(both);
        await both.A.As("acme").StoreAsync("A zeppelin came by.");
        await both.A.As("acme").SearchAsync("zeppelin");
        var database = both.A.Services.GetRequiredService<Database>();
        using var hold = new ManualResetEventSlim();
        using var held = new ManualResetEventSlim();

        // The merge has read what there is and waits for the writer, who sets the database back.
        var holding = database.WriteAsync(Acme, session =>
        {
            held.Set();
            hold.Wait(Ct);
            return SetBackAsync(session, kept);
        }, Ct);
        held.Wait(Ct);
        var merging = MergeAsync(both.A);
        var waiting = both.A.Services.GetRequiredService<Meters>();
        Assert.True(SpinWait.SpinUntil(() => waiting.WriteQueueDepth() > 0, TimeSpan.FromSeconds(30)), "the merge has read and wants to write");
        hold.Set();
        await holding;
        await merging;

        var stored = await database.ReadAsync(Acme, IndexStore.FindStateAsync, Ct);
        Assert.Equal(kept.LastSequence, stored!.MergedSequence);
        Assert.Equal(1, await RawDatabase.CountAsync(both.A, "acme", "SELECT COUNT(DISTINCT segment_id) FROM index_segments"));
        await both.AssertCurrentAsync("a merge of what was lost");
    }

    /// <summary>Three messages that will be lost, known to both.</summary>
    /// <returns>The counters from before them.</returns>
    private static async Task<TenantCounters> StartWithLossAsync(TwoProcesses both)
    {
        await both.WarmAsync("The kettle is on.");
        var kept = await CountersAsync(both);
        for (var i = 0; i < 3; i++)
        {
            await both.A.As("acme").StoreAsync($"Zeppelin number {i} came by.", ("conversation_id", $"z{i}"));
        }

        Assert.Equal(3, (await both.A.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items().Length);
        Assert.Equal(3, (await both.B.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items().Length);
        return kept;
    }

    private static Task<TenantCounters> CountersAsync(TwoProcesses both) =>
        both.A.Services.GetRequiredService<Database>().ReadAsync(Acme, TenantCounters.FindAsync, Ct);

    private static Task SetBackAsync(TwoProcesses both, TenantCounters to) =>
        both.A.Services.GetRequiredService<Database>().WriteAsync(Acme, session => SetBackAsync(session, to), Ct);

    private static async Task SetBackAsync(Session session, TenantCounters to)
    {
        await session.ExecuteAsync("DELETE FROM memories WHERE tenant_id = @Tenant AND sequence > @LastSequence", to);
        await session.ExecuteAsync("DELETE FROM index_changes WHERE tenant_id = @Tenant AND change > @LastChange", to);
        await session.ExecuteAsync("DELETE FROM embedding_generations WHERE tenant_id = @Tenant", to);
        await session.ExecuteAsync("DELETE FROM jobs WHERE tenant_id = @Tenant", to);
        const string sql = """
            UPDATE tenants SET last_sequence = @LastSequence, last_change = @LastChange, index_epoch = @Epoch, generation_change = @GenerationChange
            WHERE tenant_id = @Tenant
            """;
        await session.ExecuteAsync(sql, to);
    }
}
