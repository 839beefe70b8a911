using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>The documented calls of the voice assistant's family, as its clients send them: with a token of its customer.</summary>
public sealed class VoiceFamilyTests
{
    private static readonly string[] MemoryMembers =
    [
        "id", "type", "key", "value", "content", "user_id", "scope", "source", "categories", "metadata", "importance", "version", "created_at", "updated_at", "expires_at",
    ];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_call_stores_lists_searches_changes_and_deletes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, VoiceClient.Secret);
        var client = VoiceClient.Of(server);

        var stored = await client.PostAsync("/v1/memories", """{"type":"rule","key":"opening_hours","value":{"monday":"9-17"},"ttl_days":30,"source":"settings"}""");
        var ofUser = await client.PostAsync("/v1/memories/user?user_id=%2B4930123", """{"type":"person","key":"daughter","value":{"name":"Emma","age":7}}""");
        var shared = await client.PostAsync("/v1/memories/shared", """{"type":"fact","key":"parking","value":{"text":"behind the house"}}""");
        var plain = await client.PostAsync("/v1/memories", """{"content":"Likes to be called in the morning.","user_id":"+4930123","categories":["habit"],"metadata":{"n":1},"importance":0.75}""");

        Assert.Equal(["success", "id", "memory_id", "message"], stored.Members());
        Assert.Equal(stored.Text("id"), stored.Text("memory_id"));
        Assert.Equal(["success", "memory_id", "user_id", "message"], ofUser.Members());
        Assert.Equal("+4930123", ofUser.Text("user_id"));
        Assert.Equal(["success", "memory_id", "scope", "message"], shared.Members());
        Assert.Equal("shared", shared.Text("scope"));
        Assert.All([stored, ofUser, shared, plain], answer => Assert.True(answer.GetProperty("success").GetBoolean()));

        var list = await client.ReadAsync("/v1/memories?limit=3");
        Assert.Equal(["memories", "count", "stats", "next_cursor"], list.Members());
        Assert.Equal([plain.Text("id"), shared.Text("memory_id"), ofUser.Text("memory_id")], list.Found().Select(memory => memory.Text("id")));
        Assert.Equal(4, list.GetProperty("stats").GetProperty("total").GetInt32());
        Assert.Equal("""{"fact":2,"person":1,"rule":1}""", list.GetProperty("stats").GetProperty("by_type").GetRawText());
        var rest = await client.ReadAsync($"/v1/memories?limit=3&cursor={list.Text("next_cursor")}");
        Assert.Equal([stored.Text("id")], rest.Found().Select(memory => memory.Text("id")));
        Assert.Null(rest.Text("next_cursor"));

        var rule = Assert.Single((await client.ReadAsync("/v1/memories?memory_type=rule")).Found());
        Assert.Equal(MemoryMembers, rule.Members());
        Assert.Equal(("rule", "opening_hours", "shared", "settings"), (rule.Text("type"), rule.Text("key"), rule.Text("scope"), rule.Text("source")));
        Assert.Equal("""{"monday":"9-17"}""", rule.GetProperty("value").GetRawText());
        Assert.Equal("2026-02-14T12:00:00Z", rule.Text("expires_at"));

        var known = await client.ReadAsync("/v1/memories/user/%2B4930123");
        Assert.Equal(["user_id", "memories", "count"], known.Members());
        Assert.Equal(4, known.GetProperty("count").GetInt32());
        Assert.Equal(2, (await client.ReadAsync("/v1/memories/user/%2B4930123?include_shared=false")).GetProperty("count").GetInt32());
        var daughter = (await client.ReadAsync("/v1/memories/user/%2B4930123?query=how+old+is+Emma&limit=1")).Found()[0];
        Assert.Equal(ofUser.Text("memory_id"), daughter.Text("id"));
        Assert.InRange(daughter.Number("similarity"), 0.1, 1);
        Assert.Equal(["opening hours: monday 9-17"], (await client.ReadAsync("/v1/memories/shared?query=monday")).Contents());
        Assert.Equal(2, (await client.ReadAsync("/v1/memories/shared")).GetProperty("count").GetInt32());

        var one = await client.ReadAsync($"/v1/memories/{plain.Text("id")}");
        Assert.Equal("""{"content":"Likes to be called in the morning."}""", one.GetProperty("value").GetRawText());
        Assert.Equal((0.75, "habit", 1), (one.Number("importance"), one.GetProperty("categories")[0].GetString(), one.GetProperty("metadata").GetProperty("n").GetInt32()));

        var changed = await (await client.SendAsync("PATCH", $"/v1/memories/{ofUser.Text("memory_id")}", """{"value":{"name":"Emma","age":8}}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("daughter: name Emma, age 8", changed.Text("content"));
        await (await client.SendAsync("PUT", $"/v1/memories/{plain.Text("id")}", """{"content":"Likes to be called in the evening."}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(["Likes to be called in the evening."], (await client.ReadAsync("/v1/memories?query=evening")).Contents());
        Assert.Empty((await client.ReadAsync("/v1/memories?query=morning")).Found());

        var deleted = await (await client.DeleteAsync($"/v1/memories/{shared.Text("memory_id")}", Ct)).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(["success", "message"], deleted.Members());
        await (await client.GetAsync($"/v1/memories/{shared.Text("memory_id")}", Ct)).FailedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_said_is_stored_and_retrieved_by_the_older_routes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, VoiceClient.Secret);
        var client = VoiceClient.Of(server);

        var first = await client.SendAsync("POST", "/memory/store", """{"user_id":"u","content":"My cat is called Tom.","metadata":{"thread_id":"t1"}}""");
        await client.PostAsync("/memory/store", """{"user_id":"u","role":"assistant","content":"What a fine name.","metadata":{"thread_id":"t1"}}""");
        await client.PostAsync("/memory/store", """{"user_id":"u","content":"Elsewhere.","metadata":{"thread_id":"t2"}}""");
        await client.PostAsync("/memory/store", """{"user_id":"v","content":"Somebody else."}""");

        Assert.Equal(["success", "id", "memory_id"], (await first.JsonAsync(HttpStatusCode.OK)).Members());
        Assert.Equal("@1795305600", first.Headers.GetValues("Deprecation").Single());
        Assert.Equal("</v1/memories>; rel=\"successor-version\"", first.Headers.GetValues("Link").Single());
        var all = await client.SendAsync("POST", "/memory/retrieve", """{"user_id":"u"}""");
        Assert.Equal("@1795305600", all.Headers.GetValues("Deprecation").Single());
        var retrieved = await all.JsonAsync(HttpStatusCode.OK);
        Assert.Equal(["success", "memories", "count"], retrieved.Members());
        Assert.Equal(["Elsewhere.", "What a fine name.", "My cat is called Tom."], retrieved.Contents());
        Assert.Equal(["What a fine name.", "My cat is called Tom."], (await client.PostAsync("/memory/retrieve", """{"user_id":"u","thread_id":"t1"}""")).Contents());
        Assert.Equal(["Elsewhere."], (await client.PostAsync("/memory/retrieve", """{"user_id":"u","limit":1}""")).Contents());

        // They are messages of a conversation like all others.
        Assert.Equal(2, (await client.ReadAsync("/v1/conversations/t1/messages")).Items().Length);
        Assert.Equal("My cat is called Tom.", (await client.SearchAsync("cat")).Items()[0].Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_token_opens_what_its_scope_says_and_its_customer_has(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, VoiceClient.Secret);
        var id = await VoiceClient.Of(server).SayAsync("u", "fact", "pet", """{"name":"Tom"}""");
        var reader = VoiceClient.Of(server, scope: "memory:read");
        var stranger = VoiceClient.Of(server, customer: 18);

        Assert.Equal(id, (await reader.ReadAsync($"/v1/memories/{id}")).Text("id"));
        await (await reader.SendAsync("POST", "/v1/memories", """{"content":"x"}""")).FailedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await reader.SendAsync("POST", "/memory/store", """{"user_id":"u","content":"x"}""")).FailedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await server.CreateClient().SendAsync("POST", "/v1/memories", """{"content":"x"}""")).FailedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        foreach (var (method, url, body) in new (string, string, string?)[]
        {
            ("GET", $"/v1/memories/{id}", null), ("DELETE", $"/v1/memories/{id}", null), ("PATCH", $"/v1/memories/{id}", "{}"), ("PUT", $"/v1/memories/{id}", "{}"),
            ("GET", $"/v1/memories/{id}/history", null), ("POST", $"/v1/memories/{id}/restore", """{"version":1}"""),
        })
        {
            await (await stranger.SendAsync(method, url, body)).FailedAsync(HttpStatusCode.NotFound, "not-found");
        }

        Assert.Empty((await stranger.ReadAsync("/v1/memories/user/u")).Found());
        Assert.Equal(0, (await stranger.ReadAsync("/v1/memories")).GetProperty("stats").GetProperty("total").GetInt32());
        Assert.Empty((await stranger.PostAsync("/memory/retrieve", """{"user_id":"u"}""")).Found());
    }
}
