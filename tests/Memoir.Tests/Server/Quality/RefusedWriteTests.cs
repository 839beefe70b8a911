using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Quality.Secrets;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>What a tenant refuses is refused with its kind and never with its words, and nothing of it is stored.</summary>
public sealed class RefusedWriteTests
{
    private const string Refusal = "contains a secret (github_token); this tenant refuses to store those";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    public static TheoryData<string, string, string> Doors => new()
    {
        { "/v1/messages", """{"tenant_id":"acme","conversation_id":"c","role":"user","content":"see *"}""", "content" },
        { "/v1/messages", """{"tenant_id":"acme","conversation_id":"c","role":"user","content":"x","metadata":{"a":[{"b":"*"}]}}""", "metadata" },
        { "/v1/memories", """{"content":"*"}""", "content" },
        { "/v1/memories", """{"content":"x","categories":["*"]}""", "categories" },
        { "/v1/memories/user?user_id=ann", """{"type":"fact","key":"k","value":{"a":"*"}}""", "value" },
        { "/v1/memories/shared", """{"type":"fact","key":"k","value":{"a":"*"}}""", "value" },
        { "/memory/store", """{"user_id":"ann","content":"*"}""", "content" },
        { "/memory/ann", """{"profile":{"role":"*"}}""", "document" },
    };

    [Theory, MemberData(nameof(Doors))]
    public async Task Every_door_refuses(string url, string body, string field)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("Secrets", "refuse"));

        var problem = await (await server.As("acme").SendAsync("POST", url, body.Replace("*", Github, StringComparison.Ordinal))).RefusedAsync(
            HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: url.StartsWith("/v1/memories", StringComparison.Ordinal) || url.StartsWith("/memory/store", StringComparison.Ordinal));

        Assert.Equal(Refusal, problem.GetProperty("errors").GetProperty(field)[0].GetString());
        Assert.DoesNotContain(Github, problem.GetRawText(), StringComparison.Ordinal);
        Assert.Empty(await RawFiles.FindAsync(server, Github));
        Assert.DoesNotContain(Github, server.Log.Text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Personal_data_is_refused_by_its_own_rule(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("PersonalData", "refuse"));

        var problem = await (await server.As("acme").SendAsync("POST", "/v1/memories", $$"""{"content":"{{Email}}, {{Email}}, {{Card}}"}""")).RefusedAsync(
            HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);

        Assert.Equal(
            """["contains personal data (email); this tenant refuses to store those","contains personal data (payment_card); this tenant refuses to store those"]""",
            problem.GetProperty("errors").GetProperty("content").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task In_a_batch_what_is_refused_is_refused_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "refuse"));
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "once");
        var body = $$"""{"items":[{"content":"a"},{"content":"{{Github}}"},{"content":""},{"content":"b"}]}""";

        var first = await (await client.SendAsync("POST", "/v1/memories/batch", body)).JsonAsync(HttpStatusCode.OK);
        var again = await (await client.SendAsync("POST", "/v1/memories/batch", body)).JsonAsync(HttpStatusCode.OK);
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        var messages = await client.StoreManyAsync(Message(Github), Message("c"));
        var none = await client.StoreManyAsync(Message(Github));

        Assert.Equal((2, 2), (first.GetProperty("accepted").GetInt32(), first.GetProperty("rejected").GetInt32()));
        Assert.Equal(Refusal, first.GetProperty("items")[1].GetProperty("error").GetProperty("errors").GetProperty("content")[0].GetString());
        Assert.Equal(["index", "id"], first.GetProperty("items")[3].Members());
        Assert.Equal(first.GetRawText(), again.GetRawText());
        Assert.Equal(["index", "error"], messages.GetProperty("items")[0].Members());
        Assert.Equal(["index", "id"], messages.GetProperty("items")[1].Members());
        Assert.Equal((0, 1), (none.GetProperty("accepted").GetInt32(), none.GetProperty("rejected").GetInt32()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_is_refused_for_what_it_brings_and_not_for_what_was_there(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "keep"));
        var client = server.As("acme");
        var id = (await client.StoreAsync($"see {Github}")).Text("id");
        await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"content":"other"}""");
        await client.SendAsync("POST", $"/v1/memories/{id}/restore", """{"version":1}""");
        await (await client.SendAsync("PUT", Policy, PolicyOf("refuse", "keep"))).JsonAsync(HttpStatusCode.OK);

        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"importance":0.5}""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("PATCH", $"/v1/messages/{id}", $$"""{"metadata":{"a":"{{Github}}"} }""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", $$"""{"content":"now {{Github}}"}""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"content":"other"}""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("POST", $"/v1/memories/{id}/restore", """{"version":1}""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);

        Assert.Equal("other", (await client.ReadAsync($"/v1/memories/{id}")).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_document_is_refused_for_what_it_brings_and_not_for_what_was_there(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "keep"));
        var client = server.As("acme");
        await (await client.SendAsync("POST", "/memory/ann", $$"""{"profile":{"role":"{{Github}}"} }""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("PUT", Policy, PolicyOf("refuse", "keep"))).JsonAsync(HttpStatusCode.OK);

        await (await client.SendAsync("PATCH", "/memory/ann", """{"profile":{"name":"Ann"}}""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("PATCH", "/memory/ann", $$"""{"profile":{"name":"Ann {{Github}}"} }""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PATCH", "/memory/ann", """{"profile":{"role":"none"}}""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("POST", "/memory/ann/restore", """{"version":1}""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_name_with_a_secret_in_it_is_refused_where_it_would_be_masked(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var body = $$"""{"content":"x","metadata":{"a":{"{{Github}}":1} } }""";

        var problem = await (await client.SendAsync("POST", "/v1/memories", body)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);
        await (await client.SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("has a name that contains a secret (github_token); names are not masked", problem.GetProperty("errors").GetProperty("metadata")[0].GetString());
        Assert.DoesNotContain(Github, problem.GetRawText(), StringComparison.Ordinal);
        await (await client.SendAsync("POST", "/v1/memories", body)).JsonAsync(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_text_that_would_grow_too_long_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var body = $$"""{"content":"{{string.Concat(Enumerable.Repeat("password=a1b2 ", 7_000))}}"}""";

        var problem = await (await server.As("acme").SendAsync("POST", "/v1/memories", body)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);
        await (await server.As("acme").SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);

        await (await server.As("acme").SendAsync("POST", "/v1/memories", body)).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("would have more than 100000 characters once what is sensitive in it is masked", problem.GetProperty("errors").GetProperty("content")[0].GetString());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_value_that_would_say_too_much_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var body = $$"""{"type":"fact","key":"k","value":{"password":[{{string.Join(',', Enumerable.Repeat("\"q7w8\"", 3_000))}}]} }""";

        var problem = await (await server.As("acme").SendAsync("POST", "/v1/memories", body)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);

        Assert.Equal("would say more than 65536 characters once what is sensitive in it is masked", problem.GetProperty("errors").GetProperty("value")[0].GetString());
        Assert.Empty(await RawFiles.FindAsync(server, "q7w8"));
        await (await server.As("acme").SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);
        await (await server.As("acme").SendAsync("POST", "/v1/memories", body)).JsonAsync(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_request_that_was_carried_out_is_answered_again_whatever_the_policy_has_become(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await (await client.SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "once");
        var first = await client.StoreAsync($"see {Github}");
        await client.SendAsync("PUT", Policy, PolicyOf("refuse", "keep"));

        Assert.Equal(first.GetRawText(), (await client.StoreAsync($"see {Github}")).GetRawText());
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "twice");
        await (await client.SendAsync("POST", "/v1/memories", $$"""{"content":"{{Github}}"}""")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: true);
        await (await client.SendAsync("POST", "/v1/memories", """{"content":"clean"}""")).JsonAsync(HttpStatusCode.OK); // A refusal takes no key.
    }
}
