using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Messages;

public sealed class ChangeMessageTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task The_same_external_id_replaces_the_message_under_its_id(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.StoreAsync("I drink tea.", ("external_id", "e"));
        server.Time.Advance(TimeSpan.FromMinutes(5));

        var second = await client.StoreAsync("I drink cocoa.", ("external_id", "e"), ("conversation_id", "c2"));

        Assert.Equal(first.Text("id"), second.Text("id"));
        Assert.Equal("I drink cocoa.", second.Text("content"));
        Assert.Equal(first.Text("created_at"), second.Text("created_at"));
        Assert.Equal(first.Text("stored_at"), second.Text("stored_at"));
        Assert.Equal("2026-01-15T12:05:00Z", second.Text("updated_at"));
        Assert.Empty((await client.ReadAsync("/v1/conversations/c1/messages")).Items());
        Assert.Single((await client.ReadAsync("/v1/conversations/c2/messages")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_same_message_again_makes_no_version(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        (string, object?)[] members = [("external_id", "e"), ("metadata", new { n = 1 }), ("name", "Ann"), ("created_at", "2026-01-01T00:00:00Z")];
        var first = await client.StoreAsync("I drink tea.", members);
        server.Time.Advance(TimeSpan.FromMinutes(5));

        var second = await client.StoreAsync("I drink tea.", members);

        Assert.Equal(first.Text("id"), second.Text("id"));
        Assert.Equal(first.Text("updated_at"), second.Text("updated_at"));
        Assert.Empty((await client.ReadAsync($"/v1/messages/{first.Text("id")}/history")).Items());
        Assert.Single((await client.SearchAsync("tea")).Items());
    }

    [Theory]
    [InlineData("metadata", "{\"n\":2}")]
    [InlineData("name", "\"Bob\"")]
    [InlineData("user_id", "\"u\"")]
    [InlineData("role", "\"assistant\"")]
    [InlineData("source", "\"mail\"")]
    [InlineData("conversation_id", "\"c2\"")]
    [InlineData("importance_override", "0.5")]
    [InlineData("created_at", "\"2026-01-02T00:00:00Z\"")]
    public async Task Whatever_differs_makes_a_version(string member, string value)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        var first = await client.StoreAsync("I drink tea.", ("external_id", "e"));

        await client.StoreAsync("I drink tea.", ("external_id", "e"), (member, Parse(value)));

        Assert.Single((await client.ReadAsync($"/v1/messages/{first.Text("id")}/history")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_replaced_message_is_found_by_its_new_words_only(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("I drink chamomile.", ("external_id", "e"));

        await client.StoreAsync("I drink espresso.", ("external_id", "e"));

        Assert.Empty((await client.SearchAsync("chamomile", ("mode", "lexical"))).Items());
        Assert.Equal(["I drink espresso."], (await client.SearchAsync("espresso")).Each("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_a_message_was_is_kept_in_its_history_newest_first(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("one", ("external_id", "e"), ("metadata", new { n = 1 }), ("user_id", "u"));
        await client.StoreAsync("two", ("external_id", "e"));
        await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"n":3}}""");

        var history = await client.ReadAsync($"/v1/messages/{stored.Text("id")}/history");

        Assert.Equal(["items", "next_cursor"], history.Members());
        Assert.Equal(["version", "action", "actor", "at", "message"], history.Items()[0].Members());
        Assert.Equal(["patch", "replace"], history.Each("action"));
        Assert.Equal(["two", "one"], history.Items().Select(item => item.GetProperty("message").Text("content")));
        Assert.Equal("""{"n":1}""", history.Items()[1].GetProperty("message").GetProperty("metadata").GetRawText());
        Assert.Equal("u", history.Items()[1].GetProperty("message").Text("user_id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_history_is_paged(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = (await client.StoreAsync("v1", ("external_id", "e"))).Text("id");
        for (var version = 2; version <= 5; version++)
        {
            await client.StoreAsync($"v{version}", ("external_id", "e"));
        }

        var first = await client.ReadAsync($"/v1/messages/{id}/history?limit=3");
        var second = await client.ReadAsync($"/v1/messages/{id}/history?limit=3&cursor={first.Text("next_cursor")}");

        Assert.Equal([4, 3, 2, 1], first.Items().Concat(second.Items()).Select(item => item.GetProperty("version").GetInt64()));
        Assert.Null(second.Text("next_cursor"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patch_replaces_metadata_as_a_whole_and_leaves_the_rest(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("Hi.", ("metadata", new { a = 1, b = 2 }), ("importance_override", 0.9));
        server.Time.Advance(TimeSpan.FromMinutes(1));

        var patched = await (await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"c":3}}"""))
            .JsonAsync(HttpStatusCode.OK);

        Assert.Equal("""{"c":3}""", patched.GetProperty("metadata").GetRawText());
        Assert.Equal(0.9, patched.Number("importance_score"));
        Assert.Equal("Hi.", patched.Text("content"));
        Assert.Equal("2026-01-15T12:01:00Z", patched.Text("updated_at"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patch_that_changes_nothing_makes_no_version(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var url = $"/v1/messages/{(await client.StoreAsync("Hi.")).Text("id")}";

        await (await client.SendAsync("PATCH", url, "{}")).JsonAsync(HttpStatusCode.OK);

        Assert.Empty((await client.ReadAsync($"{url}/history")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Metadata_is_not_patched_to_null(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var url = $"/v1/messages/{(await client.StoreAsync("Hi.")).Text("id")}";

        var refused = await client.SendAsync("PATCH", url, """{"metadata":null}""");

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patch_sets_the_importance_and_null_clears_it_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("Hi.");
        var url = $"/v1/messages/{stored.Text("id")}";

        var set = await (await client.SendAsync("PATCH", url, """{"importance_override":0.05}""")).JsonAsync(HttpStatusCode.OK);
        var cleared = await (await client.SendAsync("PATCH", url, """{"importance_override":null}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(0.05, set.Number("importance_score"));
        Assert.Equal(stored.Number("importance_score"), cleared.Number("importance_score"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patched_message_is_still_found_by_its_words_and_its_vector(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("The boiler is serviced in October.");
        var before = await client.SearchAsync("boiler service", ("explain", true));

        await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"k":"v"}}""");

        var after = await client.SearchAsync("boiler service", ("explain", true), ("filter", new { k = "v" }));
        Assert.Equal(before.Items()[0].Number("score"), after.Items()[0].Number("score"));
        Assert.Equal(
            before.Items()[0].GetProperty("explain").GetRawText(), after.Items()[0].GetProperty("explain").GetRawText());
    }

    [Theory]
    [InlineData("""{"content":"new"}""", HttpStatusCode.BadRequest, "invalid-body")]
    [InlineData("""{"importance_override":"0.5"}""", HttpStatusCode.BadRequest, "invalid-body")]
    [InlineData("""{"importance_override":1.5}""", HttpStatusCode.UnprocessableEntity, "validation-failed")]
    [InlineData("""{"importance_override":1e400}""", HttpStatusCode.BadRequest, "invalid-body")]
    [InlineData("""{"metadata":[]}""", HttpStatusCode.BadRequest, "invalid-body")]
    [InlineData("""{"metadata":{"a":1e400}}""", HttpStatusCode.BadRequest, "invalid-body")]
    [InlineData("[]", HttpStatusCode.BadRequest, "invalid-body")]
    public async Task A_wrong_patch_is_refused_and_changes_nothing(string body, HttpStatusCode status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        var stored = await client.StoreAsync("Hi.");

        var refused = await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", body);

        await refused.RefusedAsync(status, slug);
        Assert.Empty((await client.ReadAsync($"/v1/messages/{stored.Text("id")}/history")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deleted_message_is_gone_everywhere(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("The password of the lake house.", ("external_id", "e"));
        await client.StoreAsync("The code of the lake house.", ("external_id", "e"));
        var url = $"/v1/messages/{stored.Text("id")}";

        var deleted = await client.DeleteAsync(url, Ct);

        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Empty(await deleted.Content.ReadAsByteArrayAsync(Ct));
        await (await client.GetAsync(url, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.GetAsync(url + "/history", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.SendAsync("PATCH", url, "{}")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await client.DeleteAsync(url, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Empty((await client.SearchAsync("lake house")).Items());
        Assert.Empty((await client.ReadAsync("/v1/conversations")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_external_id_is_free_again_after_its_message_was_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.StoreAsync("one", ("external_id", "e"));
        await client.DeleteAsync($"/v1/messages/{first.Text("id")}", Ct);

        var second = await client.StoreAsync("two", ("external_id", "e"));

        Assert.NotEqual(first.Text("id"), second.Text("id"));
        Assert.Empty((await client.ReadAsync($"/v1/messages/{second.Text("id")}/history")).Items());
    }
}
