using System.Net;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Server.Retention;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>Whatever becomes of what was said first: what repeats it is found from then on.</summary>
public sealed class DuplicateLinkTests
{
    private const string Fact = "The zeppelin landed behind the old brewery.";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task When_the_first_is_deleted_the_oldest_repetition_takes_its_place(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var beside = TestApp.StartBeside(server);
        var client = server.As("acme");
        var ids = await TellAsync(client, 4);
        Assert.Equal([ids[0]], await FoundAsync(beside.As("acme")));

        for (var gone = 0; gone < 3; gone++)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/v1/messages/{ids[gone]}", Ct)).StatusCode);

            Assert.Equal([ids[gone + 1]], await FoundAsync(client));
            Assert.Equal([ids[gone + 1]], await FoundAsync(beside.As("acme")));
            Assert.False((await client.ReadAsync($"/v1/messages/{ids[gone + 1]}")).TryGetProperty("duplicate_of", out _));
        }

        var again = await client.StoreAsync(Fact);
        Assert.Equal(ids[3], again.Text("duplicate_of"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task When_a_repetition_is_deleted_nothing_else_changes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var ids = await TellAsync(client, 3);

        await client.DeleteAsync($"/v1/messages/{ids[1]}", Ct);

        Assert.Equal([ids[0]], await FoundAsync(client));
        Assert.Equal(ids[0], (await client.ReadAsync($"/v1/messages/{ids[2]}")).Text("duplicate_of"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task When_the_first_says_something_else_the_next_one_is_found(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var ids = await TellAsync(client, 3);

        await (await client.SendAsync("PATCH", $"/v1/memories/{ids[0]}", """{"content":"The submarine surfaced at the pier."}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal([ids[1]], await FoundAsync(client));
        Assert.Equal(ids[1], (await client.ReadAsync($"/v1/messages/{ids[2]}")).Text("duplicate_of"));
        Assert.Equal(ids[0], (await client.SearchAsync("submarine", ("mode", "lexical"))).Each("message_id")[0]);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task When_the_first_gets_other_metadata_what_has_the_old_one_is_found_by_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.StoreAsync(Fact, ("metadata", new Dictionary<string, string> { ["ticket"] = "one" }));
        var again = await client.StoreAsync(Fact, ("metadata", new Dictionary<string, string> { ["ticket"] = "one" }));
        Assert.True(again.TryGetProperty("duplicate_of", out _));

        await (await client.SendAsync("PATCH", $"/v1/messages/{first.Text("id")}", """{"metadata":{"ticket":"two"}}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal([again.Text("id")!], (await client.SearchAsync("zeppelin", ("filter", new Dictionary<string, string> { ["ticket"] = "one" }))).Each("message_id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repetition_that_is_changed_stands_for_itself_and_the_firsts_weight_frees_none(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var ids = await TellAsync(client, 3);

        await (await client.SendAsync("PATCH", $"/v1/messages/{ids[0]}", """{"importance_override":0.9}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal([ids[0]], await FoundAsync(client));
        await (await client.SendAsync("PATCH", $"/v1/messages/{ids[1]}", """{"metadata":{"seen":"twice"}}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(((string[])[ids[0], ids[1]]).Order(StringComparer.Ordinal), (await FoundAsync(client)).Order(StringComparer.Ordinal));
        Assert.Equal(ids[0], (await client.ReadAsync($"/v1/messages/{ids[2]}")).Text("duplicate_of"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task When_a_user_is_erased_what_others_repeated_is_found(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Quarantine", "off"));
        const string prompt = $"You are a helpful assistant that answers questions. {Fact}"; // The same whoever takes part.
        var client = server.As("acme");
        await client.StoreAsync(prompt, ("role", "system"), ("user_id", "ann"));
        var second = await client.StoreAsync(prompt, ("role", "system"), ("user_id", "ann"), ("conversation_id", "c2"));
        var third = await client.StoreAsync(prompt, ("role", "system"), ("user_id", "bob"), ("conversation_id", "c3"));
        Assert.True(second.TryGetProperty("duplicate_of", out _) && third.TryGetProperty("duplicate_of", out _));

        await (await client.DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal([third.Text("id")!], (await client.SearchAsync(Fact)).Each("message_id"));
        Assert.False((await client.ReadAsync($"/v1/messages/{third.Text("id")}")).TryGetProperty("duplicate_of", out _));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task When_retention_archives_and_deletes_the_first_the_rest_is_not_lost(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.PutPolicyAsync(maxAge: 30, deleteAfter: 20);
        var at = new DateTimeOffset(server.Time.GetUtcNow().UtcDateTime.Date.AddDays(-31), TimeSpan.Zero).AddHours(12);
        var client = server.As("acme");
        var ids = new List<string>();
        foreach (var hours in (int[])[0, 1, 2])
        {
            ids.Add((await client.StoreAsync(Fact, ("role", "tool"), ("created_at", at.AddHours(hours)))).Text("id")!);
        }

        await server.PlaceHoldAsync("last", new { message_id = ids[2] });
        await server.RunAsync();

        Assert.True((await client.ReadAsync($"/v1/messages/{ids[0]}")).IsArchived());
        Assert.Equal([ids[2]], await FoundAsync(client)); // Held, and nobody's repetition any more.
        server.Time.Advance(TimeSpan.FromDays(21));
        await server.RunAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/v1/messages/{ids[0]}", Ct)).StatusCode);
        Assert.Equal([ids[2]], await FoundAsync(client));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repetition_that_is_brought_back_from_the_archive_is_found(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.PutPolicyAsync(maxAge: 30, deleteAfter: 90);
        var at = new DateTimeOffset(server.Time.GetUtcNow().UtcDateTime.Date.AddDays(-40), TimeSpan.Zero).AddHours(12);
        var client = server.As("acme");
        await client.StoreAsync(Fact, ("role", "tool"), ("created_at", at));
        var again = await client.StoreAsync(Fact, ("role", "tool"), ("created_at", at.AddHours(1)));
        await server.RunAsync();
        Assert.Empty(await FoundAsync(client));
        Assert.False((await client.StoreAsync(Fact, ("role", "tool"), ("created_at", at.AddHours(2)))).TryGetProperty("duplicate_of", out _)); // What is archived is not found.

        await (await client.SendAsync("POST", $"/v1/messages/{again.Text("id")}/restore")).JsonAsync(HttpStatusCode.OK);

        Assert.Contains(again.Text("id"), await FoundAsync(client));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_brings_links_and_doubts_along_and_what_repeats_nothing_stands_for_itself(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var other = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var ids = await TellAsync(client, 3);
        var doubted = await client.StoreAsync(DoubtfulTexts.Injections[0], ("role", "tool"));
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);

        var report = await ImportAsync(other.As("acme"), exported);
        Assert.Equal((4, 0), (report.GetProperty("imported").GetInt32(), report.GetProperty("refused").GetInt32()));
        Assert.Equal([ids[0]], await FoundAsync(other.As("acme")));
        Assert.Equal(ids[0], (await other.As("acme").ReadAsync($"/v1/messages/{ids[2]}")).Text("duplicate_of"));
        Assert.Equal("injection_pattern", (await other.As("acme").ReadAsync($"/v1/messages/{doubted.Text("id")}")).GetProperty("quarantine")[0].GetString());
        Assert.Equal(ids[0], (await other.As("acme").StoreAsync(Fact)).Text("duplicate_of")); // It is known again there.

        var withoutFirst = string.Join('\n', exported.Split('\n').Where(line => !line.Contains($"\"id\":\"{ids[0]}\"", StringComparison.Ordinal)));
        await ImportAsync(other.As("elsewhere"), withoutFirst);
        Assert.Equal(((string[])[ids[1], ids[2]]).Order(StringComparer.Ordinal), (await FoundAsync(other.As("elsewhere"))).Order(StringComparer.Ordinal));
        Assert.Equal(0, (await ImportAsync(other.As("elsewhere"), withoutFirst)).GetProperty("imported").GetInt32());
        Assert.Equal(3, (await ImportAsync(other.As("elsewhere"), withoutFirst)).GetProperty("unchanged").GetInt32());
    }

    private static async Task<JsonElement> ImportAsync(HttpClient client, string lines) =>
        await (await client.PostAsync("/v1/admin/import", new StringContent(lines, Encoding.UTF8, "application/x-ndjson"), Ct)).JsonAsync(HttpStatusCode.OK);

    private static async Task<List<string>> TellAsync(HttpClient client, int times)
    {
        var ids = new List<string>();
        for (var i = 0; i < times; i++)
        {
            ids.Add((await client.StoreAsync(Fact)).Text("id")!);
        }

        return ids;
    }

    private static async Task<string[]> FoundAsync(HttpClient client) =>
        [.. (await client.SearchAsync("zeppelin brewery", ("mode", "lexical"), ("top_k", 50))).Items().Where(item => item.Text("content") == Fact).Select(item => item.Text("message_id")!)];
}
