using System.Net;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Processes;

/// <summary>What a process knows of keys and models follows what another process changed.</summary>
public sealed class SharedKnowledgeTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_revoked_in_one_process_is_refused_in_the_other_after_three_seconds(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var key = await both.A.MakeKeyAsync("acme");
        var member = both.B.WithKey(key.Text("key")!);
        await (await member.GetAsync("/v1/conversations", Ct)).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.NoContent, (await both.A.As("acme").DeleteAsync($"/v1/admin/keys/{key.Text("id")}", Ct)).StatusCode);

        both.B.Time.Advance(TimeSpan.FromSeconds(3));

        await (await member.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_key_of_a_tenant_erased_in_one_process_is_refused_in_the_other_after_three_seconds(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var member = both.B.WithKey((await both.A.MakeKeyAsync("acme")).Text("key")!);
        await (await member.GetAsync("/v1/conversations", Ct)).JsonAsync(HttpStatusCode.OK);
        await TwoProcesses.EraseAsync(both.A);

        both.B.Time.Advance(TimeSpan.FromSeconds(3));

        await (await member.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_model_chosen_in_one_process_is_that_of_the_others_next_store_and_search(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(engine, Settings(provider, "builtin"));
        await both.WarmAsync("The kettle is on.");
        var b = both.B.As("acme");

        await ChooseAsync(both.A);
        var during = await b.SearchAsync("kettle", ("mode", "semantic"));
        var stored = await b.StoreAsync("The zeppelin has landed.");

        Assert.True(during.GetProperty("degraded").GetBoolean());
        Assert.Equal("pending", stored.Text("embedding_status"));
        Assert.Equal("gemini-embedding-001", (await b.ReadAsync("/v1/admin/embeddings")).GetProperty("current").Text("model"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Vectors_that_a_worker_stores_are_seen_by_the_searches_of_another_process(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(engine, Settings(provider, "openai"));
        var b = both.B.As("acme");
        var kept = await b.StoreAsync("The kettle is on.", ("metadata", new { room = "kitchen" }));
        await both.A.RunJobsAsync();
        Assert.Single((await b.SearchAsync("The kettle is on.", ("mode", "semantic"))).Items()); // From now on its vectors are in memory.

        var stored = await b.StoreAsync("The zeppelin has landed.");
        await both.A.RunJobsAsync();
        await both.A.As("acme").SendAsync("PATCH", $"/v1/messages/{kept.Text("id")}", """{"metadata":{"room":"garden"}}""");

        foreach (var (id, text) in new[] { (stored.Text("id"), "The zeppelin has landed."), (kept.Text("id"), "The kettle is on.") })
        {
            var best = (await b.SearchAsync(text, ("mode", "semantic"), ("explain", true))).Items()[0];
            Assert.Equal(id, best.Text("message_id"));
            Assert.True(best.GetProperty("explain").Number("semantic") > 0.99, best.GetRawText());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_pass_over_the_memories_is_run_by_a_process_that_did_not_choose_the_model(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(engine, Settings(provider, "builtin"));
        await both.WarmAsync("The kettle is on.");
        await ChooseAsync(both.A);

        await both.B.RunJobsAsync();

        foreach (var process in new[] { both.A, both.B })
        {
            var answer = await process.As("acme").SearchAsync("The kettle is on.", ("mode", "semantic"), ("explain", true));
            Assert.DoesNotContain("degraded", answer.Members());
            Assert.True(answer.Items()[0].GetProperty("explain").Number("semantic") > 0.99, answer.GetRawText());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_follower_learns_of_a_model_before_anybody_asks(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var both = await TwoProcesses.StartAsync(engine, Settings(provider, "builtin"));
        await both.WarmAsync("The kettle is on.");
        await ChooseAsync(both.A);

        await both.B.Services.GetRequiredService<IndexFollower>().FollowAsync(Ct);

        var known = both.B.Services.GetRequiredService<Memoir.Server.Embeddings.Stored.TenantGenerations>().Of(TwoProcesses.Acme);
        Assert.Equal("google_gemini/gemini-embedding-001/96", known.Generation.Key);
    }

    private static async Task ChooseAsync(TestApp process)
    {
        const string choice = """{"provider":"google_gemini","model":"gemini-embedding-001","dimensions":96}""";

        await (await process.As("acme").SendAsync("PUT", "/v1/admin/embeddings", choice)).JsonAsync(HttpStatusCode.OK);
    }

    private static (string Key, string? Value)[] Settings(ScriptedEmbeddingServer provider, string inUse) =>
    [
        ("EmbeddingProvider", inUse), ("EmbeddingBaseUrl", provider.Url), ("EmbeddingDimensions", inUse == "builtin" ? null : "64"),
        ("GeminiApiKey", "AIza-key"), ("GeminiBaseUrl", provider.GeminiUrl), ("EmbeddingDocumentRetries", "0"),
    ];
}
