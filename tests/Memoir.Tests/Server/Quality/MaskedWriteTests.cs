using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Quality.Secrets;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>What is sensitive is masked before it is stored, and the answer says so, whatever door it comes through.</summary>
public sealed class MaskedWriteTests
{
    private const string Secret = """[{"field":"content","kind":"assigned_secret","count":1}]""";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_message_is_stored_with_its_secrets_masked(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var stored = await client.StoreAsync(
            $"Mail {Email}: {Github} and {Github}, my password is {Password}.",
            ("metadata", new { note = $"see {Github}", password = Password, nested = new { a = 1.50m, b = 2 }, user = Email }));

        Assert.Equal($"Mail {Email}: [masked:github_token] and [masked:github_token], my password is [masked:assigned_secret].", stored.Text("content"));
        Assert.Equal(
            $$"""{"note":"see [masked:github_token]","password":"[masked:assigned_secret]","nested":{"a":1.50,"b":2},"user":"{{Email}}"}""", stored.GetProperty("metadata").GetRawText());
        Assert.Equal(
            """[{"field":"content","kind":"assigned_secret","count":1},{"field":"content","kind":"github_token","count":2},{"field":"metadata","kind":"assigned_secret","count":1},{"field":"metadata","kind":"github_token","count":1}]""",
            stored.GetProperty("masked").GetRawText());
        Assert.Equal(stored.GetRawText(), (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).GetRawText());
        Assert.Empty((await client.SearchAsync(Password, ("mode", "lexical"))).GetProperty("items").EnumerateArray());
        Assert.False((await client.StoreAsync($"Mail {Email}")).TryGetProperty("masked", out _));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Personal_data_is_masked_where_the_tenant_wants_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "keep"), ("PersonalData", "mask"));
        var client = server.As("acme");

        var stored = await client.StoreAsync($"{Email}, {Phone}, {Card}, {Iban}, {Github}", ("user_id", Email), ("external_id", Phone), ("conversation_id", Email), ("source", Email), ("name", Email));

        Assert.Equal($"[masked:email], [masked:phone], [masked:payment_card], [masked:iban], {Github}", stored.Text("content"));
        Assert.Equal((Email, Phone, Email, Email), (stored.Text("user_id"), stored.Text("external_id"), stored.Text("conversation_id"), stored.Text("name")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Each_item_of_a_batch_says_what_was_masked_in_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var messages = (await client.StoreManyAsync(Message("hello"), Message($"my password is {Password}"))).GetProperty("items");
        var memories = (await (await client.SendAsync("POST", "/v1/memories/batch", $$"""{"items":[{"content":"password: {{Password}}"},{"content":"x"}]}""")).JsonAsync(HttpStatusCode.OK)).GetProperty("items");

        Assert.Equal(["index", "id"], messages[0].Members());
        Assert.Equal(Secret, messages[1].GetProperty("masked").GetRawText());
        Assert.Equal(Secret, memories[0].GetProperty("masked").GetRawText());
        Assert.Equal(["index", "id"], memories[1].Members());
    }

    [Fact]
    public async Task What_was_judged_in_a_batch_is_not_judged_again()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var intake = server.Services.GetRequiredService<Intake>();
        var tenant = new Tenant("acme");
        NewMemory[] items = [Of("hello"), Of($"see {Github}")];

        var judged = await intake.JudgeAsync(tenant, items, Ct);
        await (await server.As("acme").SendAsync("PUT", Policy, PolicyOf("refuse", "refuse"))).JsonAsync(HttpStatusCode.OK);
        var refused = await intake.JudgeAsync(tenant, items, Ct);

        Assert.Null(judged.Refusals);
        Assert.Equal(["hello", "see [masked:github_token]"], judged.Items.Select(item => item.Content));
        Assert.Same(judged.Items, await intake.ScreenAsync(tenant, judged.Items, answered: null, Ct));
        Assert.Equal([false, true], refused.Refusals!.Select(refusal => refusal is not null));

        static NewMemory Of(string content) => new() { Type = "note", Content = content, Metadata = new Json("{}") };
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_words_of_a_value_are_made_from_the_masked_value(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var stored = await PostAsync(client, "/v1/memories", $$"""{"type":"fact","key":"wifi_password","value":{"value":"{{Password}}"},"categories":["home"]}""");
        var found = await client.ReadAsync($"/v1/memories/{stored.Text("id")}");
        var nested = await PostAsync(client, "/v1/memories/user?user_id=ann", $$"""{"type":"fact","key":"router","value":{"login":{"name":"admin","password":"{{Password}}","pins":[1,2]},"token":"{{Github}}"} }""");
        var shared = await PostAsync(client, "/v1/memories/shared", $$"""{"type":"fact","key":"api","value":{"note":"see {{Github}}"},"categories":["{{Github}}"],"metadata":{"a":"{{Github}}"} }""");
        var words = await client.ReadAsync($"/v1/memories/{nested.Text("memory_id")}");

        Assert.Equal("""[{"field":"value","kind":"assigned_secret","count":1}]""", stored.GetProperty("masked").GetRawText());
        Assert.Equal(("wifi password: [masked:assigned_secret]", """{"value":"[masked:assigned_secret]"}"""), (found.Text("content"), found.GetProperty("value").GetRawText()));
        Assert.Equal("router: login name admin, login password [masked:assigned_secret], login pins 1 and 2, token [masked:github_token]", words.Text("content"));
        Assert.Equal(
            """[{"field":"categories","kind":"github_token","count":1},{"field":"metadata","kind":"github_token","count":1},{"field":"value","kind":"github_token","count":1}]""",
            shared.GetProperty("masked").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_number_of_a_card_is_masked_where_it_is_a_number(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("PersonalData", "mask"));

        var stored = await PostAsync(server.As("acme"), "/v1/memories", """{"type":"fact","key":"card","value":{"number":4242424242424242,"year":2027}}""");
        var found = await server.As("acme").ReadAsync($"/v1/memories/{stored.Text("id")}");

        Assert.Equal("""{"number":"[masked:payment_card]","year":2027}""", found.GetProperty("value").GetRawText());
        Assert.Equal("card: number [masked:payment_card], year 2027", found.Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_older_route_says_so_too(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var stored = await PostAsync(server.As("acme"), "/memory/store", $$"""{"user_id":"ann","content":"my password is {{Password}}"}""");
        var clean = await PostAsync(server.As("acme"), "/memory/store", """{"user_id":"ann","content":"hello"}""");

        Assert.Equal(Secret, stored.GetProperty("masked").GetRawText());
        Assert.Equal(["success", "id", "memory_id"], clean.Members());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_is_masked_where_it_changes_something(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await (await client.SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);
        var id = (await PostAsync(client, "/v1/memories", $$"""{"content":"my password is {{Password}}"}""")).Text("id");
        await client.DeleteAsync(Policy, Ct);

        var weighed = await ChangeAsync(client, id, """{"importance":0.5}""");
        var noted = await ChangeAsync(client, id, $$"""{"metadata":{"token":"{{Github}}"} }""");
        var changed = await ChangeAsync(client, id, $$"""{"content":"my new password is {{Password}}"}""");
        var emptied = await ChangeAsync(client, id, """{"metadata":{}}""");
        var same = await ChangeAsync(client, id, $$"""{"content":"my new password is {{Password}}"}""");

        Assert.Equal($"my password is {Password}", weighed.Text("content")); // What was stored before stays.
        Assert.Equal("""[{"field":"metadata","kind":"github_token","count":1}]""", noted.GetProperty("masked").GetRawText());
        Assert.Equal("my new password is [masked:assigned_secret]", changed.Text("content"));
        Assert.Equal("""[{"field":"content","kind":"assigned_secret","count":1},{"field":"metadata","kind":"github_token","count":1}]""", changed.GetProperty("masked").GetRawText());
        Assert.Equal(Secret, emptied.GetProperty("masked").GetRawText());
        Assert.Equal(emptied.GetProperty("version").GetInt64(), same.GetProperty("version").GetInt64());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_an_older_version_said_comes_back_masked(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await (await client.SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);
        var id = (await PostAsync(client, "/v1/memories", $$"""{"content":"my password is {{Password}}"}""")).Text("id");
        await ChangeAsync(client, id, """{"content":"nothing"}""");
        await client.DeleteAsync(Policy, Ct);

        var restored = await PostAsync(client, $"/v1/memories/{id}/restore", """{"version":1}""");
        await ChangeAsync(client, id, """{"content":"nothing"}""");
        var again = await PostAsync(client, $"/v1/memories/{id}/restore", """{"version":3}""");

        Assert.Equal("my password is [masked:assigned_secret]", restored.Text("content"));
        Assert.Equal(Secret, restored.GetProperty("masked").GetRawText());
        Assert.Equal(("my password is [masked:assigned_secret]", Secret), (again.Text("content"), again.GetProperty("masked").GetRawText()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_same_said_again_is_no_other_version(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var body = $$"""{"type":"fact","key":"wifi_password","value":{"value":"{{Password}}"},"ttl_days":null}""";
        client.DefaultRequestHeaders.Add("Idempotency-Key", "once");

        var first = await PostAsync(client, "/v1/memories", body);
        var repeated = await PostAsync(client, "/v1/memories", body);
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        var again = await PostAsync(client, "/v1/memories", body);
        var read = await PostAsync(client, "/v1/memories", """{"type":"fact","key":"wifi_password","value":{"value":"[masked:assigned_secret]"},"ttl_days":null}""");

        Assert.Equal(first.GetRawText(), repeated.GetRawText());
        Assert.Equal(first.GetRawText(), again.GetRawText());
        Assert.Equal(first.GetRawText(), read.GetRawText()); // As who reads it and writes it back sends it.
        Assert.Equal(1, (await client.ReadAsync($"/v1/memories/{first.Text("id")}")).GetProperty("version").GetInt64());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_document_is_masked_where_it_is_new_and_a_header_says_so(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await (await client.SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);
        await SaveAsync(client, "POST", "/memory/ann", $$"""{"profile":{"name":"Ann","role":"uses {{Github}}"} }""", masked: null);
        await (await client.SendAsync("PUT", Policy, PolicyOf("mask", "mask"))).JsonAsync(HttpStatusCode.OK);

        var patched = await SaveAsync(client, "PATCH", "/memory/ann", $$"""{"working_memory":{"open_loops":["my password is {{Password}}","{{Email}}","{{Email}} again"],"tasks":[{"id":"{{Email}}","title":"call {{Phone}}"}]} }""",
            "secrets.assigned_secret=1, personal_data.email=2, personal_data.phone=1");
        var merged = await SaveAsync(client, "PATCH", "/memory/ann", """{"profile":{"name":"Anna"}}""", masked: null);
        var stored = await SaveAsync(client, "POST", "/memory/ann?overwrite=true", $$"""{"profile":{"name":"Ann","preferences":{"password":"{{Password}}"} } }""", "secrets.assigned_secret=1");
        var restored = await SaveAsync(client, "POST", "/memory/ann/restore", """{"version":1}""", "secrets.github_token=1");
        var history = (await client.ReadAsync("/memory/ann/history")).GetRawText();

        Assert.Contains($"uses {Github}", patched, StringComparison.Ordinal);
        Assert.Contains($$"""{"id":"{{Email}}","title":"call [masked:phone]"}""", patched, StringComparison.Ordinal);
        Assert.Contains("""["my password is [masked:assigned_secret]","[masked:email]","[masked:email] again"]""", merged, StringComparison.Ordinal);
        Assert.Contains("""{"password":"[masked:assigned_secret]"}""", stored, StringComparison.Ordinal);
        Assert.Contains("uses [masked:github_token]", restored, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, history, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_search_is_recorded_without_its_secrets(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "keep"));
        await server.As("acme").StoreAsync("hello");
        await server.As("acme").SearchAsync($"is my password {Github}? {Email}");
        await server.WriteSearchesAsync();

        Assert.Equal($"is my password [masked:github_token]? {Email}", await RawDatabase.RunAsync(server.Folder, "acme", "SELECT query FROM search_log WHERE tenant_id = 'acme'"));
    }

    private static async Task<JsonElement> PostAsync(HttpClient client, string url, string body) =>
        await (await client.SendAsync("POST", url, body)).JsonAsync(HttpStatusCode.OK);

    private static async Task<JsonElement> ChangeAsync(HttpClient client, string? id, string body) =>
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", body)).JsonAsync(HttpStatusCode.OK);

    private static async Task<string> SaveAsync(HttpClient client, string method, string url, string body, string? masked)
    {
        var answer = await client.SendAsync(method, url, body);
        Assert.Equal(masked, answer.Headers.TryGetValues("Memoir-Masked", out var said) ? said.Single() : null);
        return (await answer.JsonAsync(HttpStatusCode.OK)).GetRawText();
    }
}
