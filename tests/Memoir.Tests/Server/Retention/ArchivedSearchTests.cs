using System.Net;
using Memoir.Server.Embeddings.Stored;
using Memoir.Tests.Server.Processes;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Processes.TwoProcesses;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>What is archived leaves the default search of every process, comes back when it is asked for, and can be brought back.</summary>
public sealed class ArchivedSearchTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task An_archived_memory_is_found_only_by_who_asks_for_the_archive(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("role", "tool"), ("created_at", both.A.Time.GetUtcNow().AddDays(-40)));
        await both.A.As("acme").StoreAsync("My garden has a kettle.");

        Assert.Equal((1, 0), (await both.A.RunAsync()).Counts());

        foreach (var process in new[] { both.A, both.B })
        {
            var client = process.As("acme");
            foreach (var mode in (string[])["lexical", "semantic", "hybrid"])
            {
                Assert.Equal(["My garden has a kettle."], (await client.SearchAsync("kettle", ("mode", mode))).Each("content"));
            }

            Assert.Equal(2, (await client.SearchAsync("kettle", ("mode", "lexical"), ("include_archived", true))).Items().Length);
            Assert.Equal(["My garden has a kettle."], (await client.SearchAsync("kettle", ("mode", "semantic"), ("include_archived", true))).Each("content"));
            Assert.Empty((await client.SearchAsync("garden", ("neighbors", 5))).Items()[0].GetProperty("neighbors").EnumerateArray());
            Assert.Single((await client.SearchAsync("garden", ("neighbors", 5), ("include_archived", true))).Items()[0].GetProperty("neighbors").EnumerateArray());
            Assert.Equal(2, (await client.ReadAsync("/v1/conversations/c1/messages")).Items().Length);
        }

        await both.AssertCurrentAsync("a run");
        await MergeAsync(both.B);
        await both.AssertCurrentAsync("a merge after a run");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_merge_under_way_does_not_lose_what_was_archived_meanwhile(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await both.WarmAsync("The kettle is on.", ("role", "tool"), ("created_at", both.A.Time.GetUtcNow().AddDays(-40)));
        await MergeAsync(both.A);
        await both.A.RunAsync();
        await MergeAsync(both.A);

        Assert.Empty((await both.B.As("acme").SearchAsync("kettle")).Items());
        Assert.Single((await both.B.As("acme").SearchAsync("kettle", ("include_archived", true))).Items());
        await both.AssertCurrentAsync("two merges");

        both.A.Time.Advance(TimeSpan.FromDays(90));
        Assert.Equal((0, 1), (await both.B.RunAsync()).Counts());
        Assert.Empty((await both.A.As("acme").SearchAsync("kettle", ("include_archived", true))).Items());
        await both.AssertCurrentAsync("a deletion");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_brought_back_is_found_and_is_as_young_as_that(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var stored = await both.WarmAsync("The kettle is on.", ("role", "tool"), ("created_at", both.A.Time.GetUtcNow().AddDays(-40)));
        await both.A.RunAsync();

        var restored = await (await both.B.As("acme").SendAsync("POST", $"/v1/messages/{stored.Text("id")}/restore")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(stored.GetRawText(), restored.GetRawText());
        Assert.Single((await both.A.As("acme").SearchAsync("kettle")).Items());
        Assert.Single((await both.A.As("acme").SearchAsync("kettle", ("mode", "semantic"))).Items());
        await both.AssertCurrentAsync("a return");
        Assert.Equal((0, 0), (await both.A.RunAsync()).Counts());
        both.A.Time.Advance(TimeSpan.FromDays(30));
        Assert.Equal((1, 0), (await both.A.RunAsync()).Counts());
        Assert.Equal(1, await RawDatabase.CountAsync(both.A, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'memory.restore'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_not_archived_stays_as_it_is_when_it_is_brought_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var stored = await server.As("acme").StoreAsync("The kettle is on.");

        var restored = await (await server.As("acme").SendAsync("POST", $"/v1/messages/{stored.Text("id")}/restore")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(stored.GetRawText(), restored.GetRawText());
        await (await server.As("umbrella").SendAsync("POST", $"/v1/messages/{stored.Text("id")}/restore")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Storing_an_archived_external_id_anew_brings_it_back_even_with_the_same_words(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var stored = await both.WarmAsync("The kettle is on.", ("role", "tool"), ("external_id", "e1"), ("created_at", both.A.Time.GetUtcNow().AddDays(-40)));
        await both.A.RunAsync();

        var again = await both.B.As("acme").StoreAsync("The kettle is on.", ("role", "tool"), ("external_id", "e1"));

        Assert.Equal(stored.Text("id"), again.Text("id"));
        Assert.False(again.IsArchived());
        Assert.Single((await both.A.As("acme").SearchAsync("kettle")).Items());
        Assert.Equal((0, 0), (await both.A.RunAsync()).Counts());
        await both.AssertCurrentAsync("a store");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_leaves_it_in_the_archive(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var stored = await both.WarmAsync("The kettle is on.", ("role", "tool"), ("created_at", both.A.Time.GetUtcNow().AddDays(-40)));
        await both.A.RunAsync();

        var changed = await (await both.A.As("acme").SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"room":"kitchen"}}""")).JsonAsync(HttpStatusCode.OK);

        Assert.True(changed.IsArchived());
        Assert.Equal("skipped", changed.Text("embedding_status"));
        Assert.Empty((await both.B.As("acme").SearchAsync("kettle")).Items());
        Assert.Single((await both.B.As("acme").SearchAsync("kettle", ("include_archived", true), ("filter", new { room = "kitchen" }))).Items());
        await both.AssertCurrentAsync("a change");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Stored_vectors_go_with_archiving_and_are_made_anew_for_what_comes_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("EmbeddingProvider", "mock"));
        var old = await server.StoreAgedAsync("The kettle is on.", 40);
        var waiting = await server.StoreAgedAsync("The kettle is off.", 40);
        await server.As("acme").StoreAsync("My garden.");
        await server.RunJobsAsync();
        Assert.Equal(3, await VectorsAsync());

        Assert.Equal((2, 0), (await server.RunAsync()).Counts());
        Assert.Equal(1, await VectorsAsync());

        await server.As("acme").SendAsync("PUT", "/v1/admin/embeddings", """{"provider":"builtin"}""");
        await server.As("acme").SendAsync("PUT", "/v1/admin/embeddings", """{"provider":"mock"}""");
        await server.RunJobsAsync();
        Assert.Equal(1, await VectorsAsync()); // A pass over the memories leaves the archive alone.
        Assert.Equal(0, (await server.As("acme").ReadAsync("/v1/admin/embeddings")).GetProperty("progress").GetProperty("pending").GetInt64());

        await server.As("acme").SendAsync("POST", $"/v1/messages/{old.Text("id")}/restore");
        Assert.Equal(EmbeddingStatus.Pending, (await server.ReadMessageAsync(old)).Text("embedding_status"));
        await server.RunJobsAsync();
        Assert.Equal(EmbeddingStatus.Completed, (await server.ReadMessageAsync(old)).Text("embedding_status"));
        Assert.Equal(EmbeddingStatus.Skipped, (await server.ReadMessageAsync(waiting)).Text("embedding_status"));
        Assert.Equal(2, await VectorsAsync());

        Task<long> VectorsAsync() => RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM embeddings WHERE tenant_id = 'acme'");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_vector_that_comes_too_late_is_not_kept(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("EmbeddingProvider", "mock"));
        var old = await server.StoreAgedAsync("The kettle is on.", 40);
        await server.RunAsync();

        await server.RunJobsAsync();

        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM embeddings WHERE tenant_id = 'acme'"));
        Assert.Equal(EmbeddingStatus.Skipped, (await server.ReadMessageAsync(old)).Text("embedding_status"));
    }
}
