using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

/// <summary>The documented calls of the structured memory's family, one after another, as its clients send them: with nothing that is Memoir's own.</summary>
public sealed class StructuredMemoryFamilyTests
{
    private const string Ann = "/memory/ann";

    private static readonly string[] Members = ["user_id", "profile", "working_memory", "long_term_knowledge", "session_snapshots", "events"];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_client_stores_reads_merges_replaces_and_deletes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = await server.MemberAsync("acme", "memory:read", "memory:write");
        await (await client.GetAsync(Ann, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");

        var stored = await SendAsync(client, "POST", Ann, """
            {"profile":{"name":"Ann","role":"founder","preferences":{"tone":"short"},"weekly_planning":{"planning_day":"monday","planning_time_local":"09:00","timezone":"Europe/Berlin"}},
             "working_memory":{"current_focus_thread":"launch","active_priorities":["launch"],"open_loops":["pricing"],"tasks":[{"id":"t1","title":"Write the page","status":"todo"}]},
             "long_term_knowledge":{"projects":[{"id":"p1","name":"Launch","status":"planning"}]},
             "events":[{"id":"meeting-20260115-kickoff","type":"meeting","title":"Kick-off","occurred_at":"2026-01-15T10:00:00Z"}]}
            """);
        Assert.Equal(Members, stored.Members());
        await (await client.SendAsync("POST", Ann, "{}")).RefusedAsync(HttpStatusCode.Conflict, "conflict");

        var merged = await SendAsync(client, "PATCH", Ann, """
            {"profile":{"role":null,"preferences":{"language":"de"}},
             "working_memory":{"open_loops":["pricing","hiring"],"tasks":[{"id":"t1","title":"Write the page","status":"done"},{"title":"Call Bob"}],
                               "decisions":[{"summary":"Launch in May","decision_type":"strategic"}],
                               "timeblocks":[{"label":"Writing","block_type":"focus","start_at":"2026-01-16T09:00:00Z","end_at":"2026-01-16T11:00:00Z"}]},
             "events":[{"id":"snapshot-20260116-180000","type":"snapshot","summary":"End of day"}],"session_snapshots":[{"at":"noon"}]}
            """);
        Assert.Equal("founder", merged.GetProperty("profile").Text("role"));
        Assert.Equal("""{"tone":"short","language":"de"}""", merged.GetProperty("profile").GetProperty("preferences").GetRawText());
        var working = merged.GetProperty("working_memory");
        Assert.Equal("""["pricing","hiring"]""", working.GetProperty("open_loops").GetRawText());
        Assert.Equal(["done", null], working.GetProperty("tasks").EnumerateArray().Select(task => task.TryGetProperty("status", out var status) ? status.GetString() : null));
        Assert.Equal(2, merged.GetProperty("events").GetArrayLength());
        Assert.Equal(merged.GetRawText(), (await client.ReadAsync(Ann)).GetRawText());

        var overwritten = await SendAsync(client, "PATCH", Ann, """{"events":[{"id":"note-1","type":"note","title":"Anew"}],"events_overwrite":true}""");
        Assert.Equal("note-1", Assert.Single(overwritten.GetProperty("events").EnumerateArray()).Text("id"));

        var history = (await client.ReadAsync(Ann + "/history")).Items();
        Assert.Equal(["patch", "patch", "create"], history.Select(item => item.Text("action")));
        Assert.Equal(["version", "action", "actor", "at", "diff"], history[0].Members());
        Assert.Equal("founder", (await client.ReadAsync(Ann + "/history/1")).GetProperty("profile").Text("role"));
        Assert.Equal(2, (await SendAsync(client, "POST", Ann + "/restore", """{"version":2}""")).GetProperty("events").GetArrayLength());

        var replaced = await SendAsync(client, "POST", Ann + "?overwrite=true", """{"profile":{"name":"Anna"}}""");
        Assert.Equal("""{"user_id":"ann","profile":{"name":"Anna"},"working_memory":{},"long_term_knowledge":{},"session_snapshots":[],"events":[]}""", replaced.GetRawText());
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(Ann, Ct)).StatusCode);
        await (await client.GetAsync(Ann, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal("Bob", (await SendAsync(client, "PATCH", "/memory/bob", """{"profile":{"name":"Bob"}}""")).GetProperty("profile").Text("name"));
    }

    private static async Task<JsonElement> SendAsync(HttpClient client, string method, string url, string body) =>
        await (await client.SendAsync(method, url, body)).JsonAsync(HttpStatusCode.OK);
}
