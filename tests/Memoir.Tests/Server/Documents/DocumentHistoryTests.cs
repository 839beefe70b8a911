using System.Net;
using System.Text.Json;
using Memoir.Tests.Server.Retention;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

public sealed class DocumentHistoryTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task The_history_says_who_did_what_when_and_what_it_changed(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.AskAsync("POST", Ann, """{"profile":{"name":"Ann"},"working_memory":{"tasks":[{"id":"t1","title":"buy \"tea\"","status":"todo"},{"title":"sleep"}]}}""").DoneAsync();
        server.Time.Advance(TimeSpan.FromMinutes(5));
        await client.PatchMemoryAsync("""{"profile":{"name":"Anna","preferences":{"tea":{"sugar":2}}},"working_memory":{"open_loops":["a"],"tasks":[{"id":"t1","title":"buy \"tea\"","status":"done"}]}}""");
        await client.PatchMemoryAsync("""[{"op":"remove","path":"/working_memory/tasks/1"},{"op":"remove","path":"/profile/preferences"}]""", mediaType: JsonPatch);
        await client.PatchMemoryAsync("""{"working_memory":{"open_loops":["b","a"]}}""", mediaType: MergePatch);
        await client.PatchMemoryAsync("""{"working_memory":{"open_loops":["a","b"]}}""", mediaType: MergePatch);
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);

        var history = await client.ReadAsync(Ann + "/history");

        var items = history.Items();
        Assert.Equal(["items", "next_cursor"], history.Members());
        Assert.All(items, item => Assert.Equal(["version", "action", "actor", "at", "diff"], item.Members()));
        Assert.Equal([6, 5, 4, 3, 2, 1], items.Select(item => item.GetProperty("version").GetInt32()));
        Assert.Equal(["delete", "patch", "patch", "patch", "patch", "create"], history.Each("action"));
        Assert.All(history.Each("actor"), actor => Assert.StartsWith("operator", actor, StringComparison.Ordinal));
        Assert.Equal(["2026-01-15T12:05:00Z", "2026-01-15T12:00:00Z"], [items[0].Text("at")!, items[5].Text("at")!]);
        Assert.Equal(
            [
                "the document was deleted",
                "working_memory.open_loops: in another order",
                "working_memory.open_loops: added \"b\"",
                "profile.preferences.tea.sugar: removed 2\nworking_memory.tasks: removed {\"title\":\"sleep\"}",
                "profile.name: \"Ann\" → \"Anna\"\nprofile.preferences.tea.sugar: added 2\nworking_memory.open_loops: added \"a\"\nworking_memory.tasks[t1].status: \"todo\" → \"done\"",
                "profile.name: added \"Ann\"\nworking_memory.tasks: added {\"id\":\"t1\",\"title\":\"buy \\\"tea\\\"\",\"status\":\"todo\"}\nworking_memory.tasks: added {\"title\":\"sleep\"}",
            ],
            history.Each("diff"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_large_change_is_told_in_a_hundred_short_lines(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var loops = Enumerable.Range(0, 150).Select(i => $"{i} {new string('x', 117)}😀😀😀");
        await client.PutMemoryAsync(JsonSerializer.Serialize(new { working_memory = new { open_loops = loops } }));

        var lines = (await client.ReadAsync(Ann + "/history")).Items()[0].Text("diff")!.Split('\n');

        Assert.Equal(101, lines.Length);
        Assert.Equal("… and 50 more changes", lines[100]);
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 200));
        Assert.All(lines, line => Assert.DoesNotContain('\uFFFD', line));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_history_has_pages(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        for (var i = 1; i <= 5; i++)
        {
            await client.PutMemoryAsync(Named($"name {i}"));
        }

        var first = await client.ReadAsync(Ann + "/history?limit=2");
        await client.PutMemoryAsync(Named("name 6"));
        var second = await client.ReadAsync($"{Ann}/history?limit=2&cursor={first.Text("next_cursor")}");
        var last = await client.ReadAsync($"{Ann}/history?limit=2&cursor={second.Text("next_cursor")}");

        Assert.Equal([5, 4, 3, 2, 1], ((JsonElement[])[.. first.Items(), .. second.Items(), .. last.Items()]).Select(item => item.GetProperty("version").GetInt32()));
        Assert.Null(last.Text("next_cursor"));
        await client.PutMemoryAsync("{}", "/memory/bob");
        await client.AskAsync("GET", $"/memory/bob/history?cursor={first.Text("next_cursor")}").RefusedAsync(400, "invalid-cursor");
        await client.AskAsync("GET", $"{Ann}/history?limit=0").RefusedAsync(422, "validation-failed");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Each_version_can_be_read_as_it_was(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.PatchMemoryAsync(Named("two"));
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);

        var answer = await client.GetAsync(Ann + "/history/1", Ct).DoneAsync();
        var first = await answer.JsonAsync(HttpStatusCode.OK);
        var deletion = await client.ReadAsync(Ann + "/history/3");

        Assert.Equal("none", answer.Tag()); // It is no tag to change the document by.
        Assert.Equal(
            ["user_id", "profile", "working_memory", "long_term_knowledge", "session_snapshots", "events", "version", "action", "actor", "at", "diff"], first.Members());
        Assert.Equal(("one", "replace", "profile.name: added \"one\""), (first.Name(), first.Text("action"), first.Text("diff")));
        Assert.Equal("two", (await client.ReadAsync(Ann + "/history/2")).Name());
        Assert.Equal(("delete", "{}"), (deletion.Text("action"), deletion.GetProperty("profile").GetRawText()));
        foreach (var unknown in (string[])["0", "4", "-1", "9223372036854775807", "9223372036854775808", "one"])
        {
            await client.AskAsync("GET", $"{Ann}/history/{unknown}").RefusedAsync(404, "not-found");
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_older_version_becomes_the_newest_also_of_a_deleted_memory(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.PatchMemoryAsync(Named("two"));

        var restored = await client.AskAsync("POST", Ann + "/restore", """{"version":1}""").DoneAsync();
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);
        var undeleted = await client.AskAsync("POST", Ann + "/restore", """{"version":2}""", headers: ("Idempotency-Key", "k")).DoneAsync();
        var repeated = await client.AskAsync("POST", Ann + "/restore", """{"version":2}""", headers: ("Idempotency-Key", "k")).DoneAsync();

        Assert.Equal(("\"3\"", "/memory/ann?tenant_id=acme"), (restored.Tag(), restored.Headers.Location?.OriginalString));
        Assert.Equal("one", (await restored.JsonAsync(HttpStatusCode.OK)).Name());
        Assert.Equal(("\"5\"", "\"5\""), (undeleted.Tag(), repeated.Tag()));
        Assert.Equal("two", (await client.ReadAsync(Ann)).Name());
        Assert.Equal(["restore", "delete", "restore", "patch", "replace"], await client.ActionsAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_no_version_to_go_back_to_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);

        foreach (var version in (string[])["0", "2", "3", "-1", "9223372036854775807"])
        {
            await client.AskAsync("POST", Ann + "/restore", $"{{\"version\":{version}}}").RefusedAsync(404, "not-found");
        }

        foreach (var body in (string[])["{}", """{"version":"1"}""", """{"version":1.5}""", """{"version":null}""", """{"version":1,"x":1}""", "[]", "null"])
        {
            await client.AskAsync("POST", Ann + "/restore", body).RefusedAsync(400, "invalid-body");
        }

        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Only_as_many_versions_are_kept_as_are_wanted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DocumentVersionsKept", "3"));
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.PutMemoryAsync(Named("two"));
        var restored = await client.AskAsync("POST", Ann + "/restore", """{"version":1}""", headers: ("Idempotency-Key", "k")).DoneAsync();
        for (var i = 4; i <= 6; i++)
        {
            await client.PutMemoryAsync(Named($"name {i}"));
        }

        Assert.Equal([6, 5, 4], (await client.ReadAsync(Ann + "/history")).Items().Select(item => item.GetProperty("version").GetInt32()));
        Assert.Equal(3, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM document_versions"));
        await client.AskAsync("GET", Ann + "/history/3").RefusedAsync(404, "not-found");
        await client.AskAsync("POST", Ann + "/restore", """{"version":1}""").RefusedAsync(404, "not-found");
        var repeated = await client.AskAsync("POST", Ann + "/restore", """{"version":1}""", headers: ("Idempotency-Key", "k")).DoneAsync();
        Assert.Equal(restored.Tag(), repeated.Tag());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Zero_keeps_all_versions(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DocumentVersionsKept", "0"));
        var client = server.As("acme");
        for (var i = 1; i <= 110; i++)
        {
            await client.PutMemoryAsync(Named($"name {i}"));
        }

        Assert.Equal(110, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM document_versions"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Under_a_legal_hold_all_versions_stay(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DocumentVersionsKept", "2"));
        var client = server.As("acme");
        await server.PlaceHoldAsync("case-17", new { user_id = "ann" });
        for (var i = 1; i <= 4; i++)
        {
            await client.PutMemoryAsync(Named($"name {i}"));
            await client.PutMemoryAsync(Named($"name {i}"), "/memory/bob");
        }

        Assert.Equal((4, 2), ((await client.ActionsAsync()).Length, (await client.ActionsAsync("/memory/bob")).Length));
        await client.DeleteAsync("/v1/admin/retention/holds/case-17", Ct).DoneAsync(HttpStatusCode.NoContent);
        await client.PutMemoryAsync(Named("name 5"));
        Assert.Equal(2, (await client.ActionsAsync()).Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_that_would_grow_too_large_stays_as_it_was(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DocumentMaxBytes", "2000"));
        var client = server.As("acme");
        await client.PutMemoryAsync($$$"""{"profile":{"name":"Ann"},"working_memory":{"open_loops":["{{{new string('a', 1000)}}}"]}}""");
        var before = await client.ReadAsync(Ann);
        var more = $$$"""{"working_memory":{"open_loops":["{{{new string('b', 1000)}}}"]}}""";

        await client.AskAsync("PATCH", Ann, more).RefusedAsync(413, "payload-too-large");
        await client.AskAsync("POST", Ann + "?overwrite=true", Named(new string('é', 1000))).RefusedAsync(413, "payload-too-large");
        await client.AskAsync("PATCH", Ann, """[{"op":"copy","from":"/working_memory","path":"/profile/preferences"},{"op":"copy","from":"/working_memory","path":"/profile/preferences/x"}]""", JsonPatch)
            .RefusedAsync(413, "payload-too-large");

        Assert.Equal(before.GetRawText(), (await client.ReadAsync(Ann)).GetRawText());
        Assert.Single(await client.ActionsAsync());
        await client.PatchMemoryAsync($$$"""{"working_memory":{"open_loops":["{{{new string('b', 700)}}}"]}}""");
    }
}
