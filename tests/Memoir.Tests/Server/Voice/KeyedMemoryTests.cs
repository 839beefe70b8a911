using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>A key has one current value, and everything it said before.</summary>
public sealed class KeyedMemoryTests
{
    private const string Color = "favorite_color";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_said_anew_keeps_its_id_and_what_it_said(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "preference", Color, """{"value":"blue"}""");
        server.Time.Advance(TimeSpan.FromDays(3));

        Assert.Equal(id, await client.SayAsync("ann", "preference", Color, """{"value":"green"}"""));

        var now = await client.ReadAsync($"/v1/memories/{id}");
        Assert.Equal(("favorite color: green", 2L), (now.Text("content"), now.GetProperty("version").GetInt64()));
        Assert.Equal(("2026-01-15T12:00:00Z", "2026-01-18T12:00:00Z", "2027-01-18T12:00:00Z"), (now.Text("created_at"), now.Text("updated_at"), now.Text("expires_at")));
        Assert.Single((await client.ReadAsync("/v1/memories")).Found());
        Assert.Empty((await client.ReadAsync("/v1/memories?query=blue")).Found());
        Assert.Single((await client.ReadAsync("/v1/memories?query=green")).Found());
        var old = Assert.Single((await client.ReadAsync($"/v1/memories/{id}/history")).Items());
        Assert.Equal(("replace", 1L, "2026-01-18T12:00:00Z"), (old.Text("action"), old.GetProperty("version").GetInt64(), old.Text("at")));
        Assert.Equal("""{"value":"blue"}""", old.GetProperty("memory").GetProperty("value").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_same_value_again_renews_its_time_only_when_some_of_it_is_over(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "preference", Color, """{"value":"blue"}""");
        server.Time.Advance(TimeSpan.FromDays(10));
        await client.SayAsync("ann", "preference", Color, """{"value":"blue"}""");
        Assert.Equal(("2027-01-15T12:00:00Z", 1), ((await client.ReadAsync($"/v1/memories/{id}")).Text("expires_at"), (await client.ReadAsync($"/v1/memories/{id}")).GetProperty("version").GetInt32()));

        server.Time.Advance(TimeSpan.FromDays(20));
        await client.SayAsync("ann", "preference", Color, """{"value":"blue"}""");

        Assert.Equal(("2027-02-14T12:00:00Z", 2), ((await client.ReadAsync($"/v1/memories/{id}")).Text("expires_at"), (await client.ReadAsync($"/v1/memories/{id}")).GetProperty("version").GetInt32()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Another_user_type_key_or_scope_is_another_memory(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        string[] ids =
        [
            await client.SayAsync("ann", "preference", Color, """{"value":"blue"}"""), await client.SayAsync("bob", "preference", Color, """{"value":"blue"}"""),
            await client.SayAsync("ann", "fact", Color, """{"value":"blue"}"""), await client.SayAsync("ann", "preference", "other", """{"value":"blue"}"""),
            await client.SayAsync(null, "preference", Color, """{"value":"blue"}"""), await server.As("other").SayAsync("ann", "preference", Color, """{"value":"blue"}"""),
        ];

        Assert.Equal(6, ids.Distinct().Count());
        Assert.Equal(ids[4], await client.SayAsync(null, "preference", Color, """{"value":"red"}"""));
        Assert.Equal("favorite color: blue", (await client.ReadAsync($"/v1/memories/{ids[0]}")).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_older_version_comes_back_and_can_be_taken_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "preference", Color, """{"value":"blue"}""", ""","ttl_days":null,"categories":["taste"],"importance":0.5""");
        await client.SayAsync("ann", "preference", Color, """{"value":"green"}""");

        var restored = await client.PostAsync($"/v1/memories/{id}/restore", """{"version":1}""");

        Assert.Equal(("favorite color: blue", 3L), (restored.Text("content"), restored.GetProperty("version").GetInt64()));
        Assert.Equal((JsonValueKind.Null, "taste", 0.5), (restored.GetProperty("expires_at").ValueKind, restored.GetProperty("categories")[0].GetString(), restored.Number("importance")));
        Assert.Equal(["favorite color: blue"], (await client.ReadAsync("/v1/memories?query=favorite+color")).Contents());
        Assert.Equal("favorite color: green", (await client.PostAsync($"/v1/memories/{id}/restore", """{"version":2}""")).Text("content"));
        Assert.Equal([3, 2, 1], (await client.ReadAsync($"/v1/memories/{id}/history")).Items().Select(item => item.GetProperty("version").GetInt64()));
        await (await client.SendAsync("POST", $"/v1/memories/{id}/restore", """{"version":9}""")).FailedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal(id, await client.SayAsync("ann", "preference", Color, """{"value":"red"}"""));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_new_text_gets_a_vector_of_its_own(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "preference", Color, """{"value":"ultramarine"}""");

        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"value":{"value":"vermilion"}}""")).JsonAsync(HttpStatusCode.OK);
        await server.RunJobsAsync();

        var found = (await client.SearchAsync("vermilion", ("mode", "semantic"))).Items();
        Assert.Equal(id, found[0].Text("message_id"));
        Assert.InRange(found[0].Number("similarity"), 0.3, 1);
        Assert.Empty((await client.SearchAsync("ultramarine", ("mode", "lexical"))).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_has_expired_is_not_returned_and_its_key_is_free(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", "guest", """{"name":"Zoe"}""", ""","ttl_days":2""");
        await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""", ""","ttl_days":null""");
        server.Time.Advance(TimeSpan.FromDays(2));

        Assert.Equal(["pet: name Tom"], (await client.ReadAsync("/v1/memories")).Contents());
        Assert.Equal(["pet: name Tom"], (await client.ReadAsync("/v1/memories/user/ann")).Contents());
        Assert.Empty((await client.ReadAsync("/v1/memories?query=guest")).Found());
        Assert.Empty((await client.SearchAsync("Zoe")).Items());
        await (await client.GetAsync($"/v1/memories/{id}", Ct)).FailedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.GetAsync($"/v1/memories/{id}/history", Ct)).FailedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"ttl_days":5}""")).FailedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.SendAsync("POST", $"/v1/memories/{id}/restore", """{"version":1}""")).FailedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.GetAsync($"/v1/messages/{id}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");

        Assert.Equal(id, await client.SayAsync("ann", "fact", "guest", """{"name":"Yan"}"""));
        var restored = await client.PostAsync($"/v1/memories/{id}/restore", """{"version":1}""");
        Assert.Equal(("guest: name Zoe", "2027-01-17T12:00:00Z"), (restored.Text("content"), restored.Text("expires_at"))); // Its own time is over.
        await client.SayAsync("ann", "fact", "guest", """{"name":"Yan"}""");
        Assert.Equal(["guest: name Yan"], (await client.ReadAsync("/v1/memories?query=guest")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_shared_is_found_beside_a_users_own_and_by_nobody_who_asks_for_one_user_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", "lighthouse", """{"text":"Ann's lighthouse"}""");
        await client.SayAsync("bob", "fact", "lighthouse", """{"text":"Bob's lighthouse"}""");
        await client.SayAsync(null, "fact", "lighthouse", """{"text":"everybody's lighthouse"}""");
        await client.StoreAsync("A lighthouse of nobody in particular.");

        async Task<string[]> OfAsync(string url) => [.. (await client.ReadAsync(url)).Contents().Order(StringComparer.Ordinal)];
        Assert.Equal(["lighthouse: Ann's lighthouse", "lighthouse: everybody's lighthouse"], await OfAsync("/v1/memories/user/ann?query=lighthouse"));
        Assert.Equal(["lighthouse: Ann's lighthouse", "lighthouse: everybody's lighthouse"], await OfAsync("/v1/memories/user/ann"));
        Assert.Equal(["lighthouse: Ann's lighthouse"], await OfAsync("/v1/memories/user/ann?query=lighthouse&include_shared=false"));
        Assert.Equal(["lighthouse: everybody's lighthouse"], await OfAsync("/v1/memories/shared?query=lighthouse"));
        Assert.Equal(["lighthouse: everybody's lighthouse"], await OfAsync("/v1/memories/user/nobody?query=lighthouse"));
        Assert.Equal(["lighthouse: Ann's lighthouse"], (await client.SearchAsync("lighthouse", ("user_id", "ann"))).Each("content"));
        Assert.Equal(4, (await client.SearchAsync("lighthouse", ("top_k", 10))).Items().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Shared_memories_are_found_after_a_restart_and_a_merge(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", "lighthouse", """{"text":"Ann's lighthouse"}""");
        var shared = await client.SayAsync(null, "fact", "lighthouse", """{"text":"everybody's lighthouse"}""");

        await using var beside = TestApp.StartBeside(server);

        Assert.Equal([shared], (await beside.As("acme").ReadAsync("/v1/memories/shared?query=lighthouse")).Found().Select(memory => memory.Text("id")!));
        Assert.Equal(2, (await beside.As("acme").ReadAsync("/v1/memories/user/ann?query=lighthouse")).Found().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_batch_stores_what_is_right_and_the_last_of_a_key(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var answer = await client.PostAsync("/v1/memories/batch", """
            {"items":[{"type":"fact","key":"a","value":{"n":1},"user_id":"u"},{"type":"fact","key":"b"},{"type":"fact","key":"a","value":{"n":2},"user_id":"u"},{"content":"plain","tpye":"x"}]}
            """);

        Assert.Equal((2, 2), (answer.GetProperty("accepted").GetInt32(), answer.GetProperty("rejected").GetInt32()));
        Assert.Equal(answer.Items()[0].Text("id"), answer.Items()[2].Text("id"));
        Assert.Equal("value: is missing", answer.Items()[1].GetProperty("error").Text("detail"));
        Assert.Contains("tpye", answer.Items()[3].GetProperty("error").Text("detail"), StringComparison.Ordinal);
        Assert.Equal(["a: n 2"], (await client.ReadAsync("/v1/memories")).Contents());
        Assert.Single((await client.ReadAsync($"/v1/memories/{answer.Items()[0].Text("id")}/history")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_request_stores_once_and_gets_its_first_answer(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k1");
        var first = await client.PostAsync("/v1/memories", """{"content":"The boiler is new.","user_id":"ann"}""");

        var second = await client.SendAsync("POST", "/v1/memories", """{"content":"The boiler is new.","user_id":"ann"}""");

        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(first.GetRawText(), (await second.JsonAsync(HttpStatusCode.OK)).GetRawText());
        Assert.Single((await server.As("acme").ReadAsync("/v1/memories")).Found());
        await (await server.As("acme").DeleteAsync($"/v1/memories/{first.Text("id")}", Ct)).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("POST", "/v1/memories", """{"content":"The boiler is new.","user_id":"ann"}""")).FailedAsync(HttpStatusCode.Conflict, "conflict");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_is_changed_as_what_it_is(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var keyed = await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""");
        var plain = (await client.PostAsync("/v1/memories", """{"content":"The boiler is new."}""")).Text("id");

        await (await client.SendAsync("PATCH", $"/v1/memories/{keyed}", """{"content":"x"}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PATCH", $"/v1/memories/{plain}", """{"value":{"a":1}}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PATCH", $"/v1/memories/{keyed}", """{"key":"dog"}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PUT", $"/v1/memories/{keyed}", """{"type":"rule"}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await client.SendAsync("PUT", $"/v1/memories/{keyed}", """{"type":"fact","key":"pet","value":{"name":"Tom"},"source":"x"}""")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("PATCH", $"/v1/memories/{keyed}", """{"importance":"high"}""")).FailedAsync(HttpStatusCode.BadRequest, "invalid-body");
        var same = await (await client.SendAsync("PATCH", $"/v1/memories/{keyed}", """{"value":{"name":"Tom"}}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(2, same.GetProperty("version").GetInt64());
        var changed = await (await client.SendAsync("PATCH", $"/v1/memories/{keyed}", """{"importance":0.1,"source":"web","categories":[],"metadata":{"a":1},"ttl_days":1}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal((0.1, "web", "2026-01-16T12:00:00Z"), (changed.Number("importance"), changed.Text("source"), changed.Text("expires_at")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_value_that_is_too_large_or_says_too_much_is_refused_however_it_comes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""");
        var large = $$"""{"text":"{{new string('x', 33_000)}}"}""";
        var members = string.Join(',', Enumerable.Range(0, 900).Select(i => $"\"{i}\":1"));
        var wordy = $"{{\"{new string('n', 3_000)}\":{{{members}}}}}";

        foreach (var value in (string[])[large, wordy])
        {
            await (await client.SendAsync("POST", "/v1/memories", $$"""{"type":"a","key":"b","value":{{value}}}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
            await (await client.SendAsync("PATCH", $"/v1/memories/{id}", $$"""{"value":{{value}}}""")).FailedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        }

        Assert.Equal(["pet: name Tom"], (await client.ReadAsync("/v1/memories")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_somebody_else_said_under_the_same_id_is_not_restored(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = (await client.StoreAsync("Ann's secret.", ("external_id", "e"), ("user_id", "ann"))).Text("id");
        await client.StoreAsync("Bob's words.", ("external_id", "e"), ("user_id", "bob"));

        await (await client.SendAsync("POST", $"/v1/memories/{id}/restore", """{"version":1}""")).FailedAsync(HttpStatusCode.NotFound, "not-found");

        Assert.Equal(["Bob's words."], (await client.ReadAsync("/v1/memories")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Two_memories_of_one_key_from_before_do_not_stop_a_third_statement(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""");
        await client.SayAsync("ann", "fact", "pot", """{"name":"Tim"}""");
        await server.Services.GetRequiredService<Database>().WriteAsync(
            new Tenant("acme"), session => session.ExecuteAsync("UPDATE memories SET key = 'pet' WHERE tenant_id = @Tenant", new { }), Ct);

        await client.SayAsync("ann", "fact", "pet", """{"name":"Tam"}""");

        Assert.Equal(["pet: name Tom", "pet: name Tam"], [.. (await client.ReadAsync("/v1/memories")).Contents().OrderDescending(StringComparer.Ordinal)]);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_takes_keys_along_and_a_second_memory_of_a_key_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""", ""","categories":["home"]""");
        await client.SayAsync("ann", "fact", "pet", """{"name":"Tim"}""");
        await client.SayAsync(null, "rule", "hours", """{"monday":"9-17"}""");
        var lines = await (await client.GetAsync("/v1/tenants/acme/export", Ct)).Content.ReadAsStringAsync(Ct);

        async Task<JsonElement> ImportAsync(string tenant) => Parse(await (await server.As(tenant).SendAsync("POST", $"/v1/admin/import?tenant_id={tenant}", lines, "application/x-ndjson")).Content.ReadAsStringAsync(Ct));
        var report = await ImportAsync("fresh");

        Assert.Equal((2, 1, 0), (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32(), report.GetProperty("refused").GetInt32()));
        var fresh = server.As("fresh");
        Assert.Equal(["pet: name Tim", "hours: monday 9-17"], [.. (await fresh.ReadAsync("/v1/memories/user/ann")).Contents().OrderDescending(StringComparer.Ordinal)]);
        Assert.Equal(["hours: monday 9-17"], (await fresh.ReadAsync("/v1/memories/shared?query=monday")).Contents());

        await server.As("taken").SayAsync("ann", "fact", "pet", """{"name":"Rex"}""");
        var refused = await ImportAsync("taken");
        Assert.Equal("key: another memory has it", refused.GetProperty("errors")[0].Text("reason"));
        Assert.Equal(1, refused.GetProperty("imported").GetInt32());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_a_legal_hold_covers_is_not_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""");
        await (await client.SendAsync("PUT", "/v1/admin/retention/holds/case", """{"user_id":"ann"}""")).JsonAsync(HttpStatusCode.OK);

        await (await client.DeleteAsync($"/v1/memories/{id}", Ct)).FailedAsync(HttpStatusCode.Conflict, "conflict");

        Assert.Equal(["pet: name Tom"], (await client.ReadAsync("/v1/memories")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_archived_memory_keeps_its_words_until_it_is_brought_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", "pet", """{"name":"Tom"}""");
        await server.Services.GetRequiredService<Database>().WriteAsync(
            new Tenant("acme"), session => session.ExecuteAsync("UPDATE memories SET archived_at = stored_at WHERE tenant_id = @Tenant", new { }), Ct);

        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", """{"value":{"name":"Tim"}}""")).FailedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Empty((await client.ReadAsync("/v1/memories")).Found());
        Assert.Equal("2026-01-15T12:00:00Z", (await client.ReadAsync($"/v1/memories/{id}")).Text("archived_at"));

        Assert.Equal(id, await client.SayAsync("ann", "fact", "pet", """{"name":"Tim"}"""));
        Assert.Equal(["pet: name Tim"], (await client.ReadAsync("/v1/memories?query=pet")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_erasure_takes_a_users_memories_and_leaves_what_is_shared(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", "pet", """{"name":"quagga71"}""");
        await client.SayAsync("ann", "fact", "pet", """{"name":"Tim"}""");
        await client.SayAsync(null, "rule", "hours", """{"monday":"9-17"}""");

        await (await client.DeleteAsync("/v1/users/ann/data?tenant_id=acme", Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(["hours: monday 9-17"], (await client.ReadAsync("/v1/memories/user/ann")).Contents());
        Assert.DoesNotContain("quagga71", await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }
}
