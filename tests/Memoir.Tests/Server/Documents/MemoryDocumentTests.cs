using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

public sealed class MemoryDocumentTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_is_stored_once_and_read_with_its_version(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var stored = await client.AskAsync("POST", Ann, Named("Ann")).DoneAsync();
        var read = await client.GetAsync(Ann, Ct).DoneAsync();
        var again = await client.AskAsync("POST", Ann, Named("Bob")).RefusedAsync(409, "conflict");
        var explicitly = await client.AskAsync("POST", Ann + "?overwrite=false", Named("Bob")).RefusedAsync(409, "conflict");

        Assert.Equal(("\"1\"", "/memory/ann?tenant_id=acme"), (stored.Tag(), stored.Headers.Location?.OriginalString));
        Assert.Equal(("\"1\"", null), (read.Tag(), read.Headers.Location));
        var memory = await read.JsonAsync(HttpStatusCode.OK);
        Assert.Equal(["user_id", "profile", "working_memory", "long_term_knowledge", "session_snapshots", "events"], memory.Members());
        Assert.Equal(Nothing.Replace("\"profile\":{}", "\"profile\":{\"name\":\"Ann\"}", StringComparison.Ordinal), memory.GetRawText());
        Assert.Equal(memory.GetRawText(), await stored.Content.ReadAsStringAsync(Ct));
        Assert.Contains("overwrite=true", again.Text("detail"), StringComparison.Ordinal);
        Assert.Equal(again.Text("detail"), explicitly.Text("detail"));
        Assert.Equal(["create"], await client.ActionsAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Overwriting_replaces_all_of_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync("""{"profile":{"name":"Ann","role":"captain"},"events":[{"title":"x"}]}""");

        var replaced = await client.AskAsync("POST", Ann + "?overwrite=true", """{"profile":{"role":"cook"}}""").DoneAsync();

        Assert.Equal("\"2\"", replaced.Tag());
        Assert.Equal("""{"role":"cook"}""", (await client.ReadAsync(Ann)).GetProperty("profile").GetRawText());
        Assert.Empty((await client.ReadAsync(Ann)).GetProperty("events").EnumerateArray());
        Assert.Equal(["replace", "replace"], await client.ActionsAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patch_makes_a_memory_where_there_is_none_and_changes_one_that_is_there(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var made = await client.AskAsync("PATCH", Ann, """{"profile":{"name":"Ann","role":null}}""").DoneAsync();
        var changed = await client.AskAsync("PATCH", Ann, """{"profile":{"role":"captain"}}""").DoneAsync();
        var removed = await client.AskAsync("PATCH", Ann, """{"profile":{"name":null}}""", MergePatch).DoneAsync();
        var pointed = await client.AskAsync("PATCH", Ann, """[{"op":"add","path":"/profile/name","value":"Anna"}]""", JsonPatch).DoneAsync();

        Assert.Equal(["\"1\"", "\"2\"", "\"3\"", "\"4\""], [made.Tag(), changed.Tag(), removed.Tag(), pointed.Tag()]);
        Assert.Equal("""{"name":"Ann"}""", (await made.JsonAsync(HttpStatusCode.OK)).GetProperty("profile").GetRawText());
        Assert.Equal("""{"name":"Ann","role":"captain"}""", (await changed.JsonAsync(HttpStatusCode.OK)).GetProperty("profile").GetRawText());
        Assert.Equal("""{"role":"captain"}""", (await removed.JsonAsync(HttpStatusCode.OK)).GetProperty("profile").GetRawText());
        Assert.Equal("""{"name":"Anna","role":"captain"}""", (await pointed.JsonAsync(HttpStatusCode.OK)).GetProperty("profile").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Events_are_added_unless_they_shall_take_the_place_of_the_stored_ones(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync("""{"events":[{"id":"a","title":"one"},{"title":"two"}]}""");

        var added = await client.PatchMemoryAsync("""{"events":[{"id":"a","title":"first"},{"title":"two"},{"title":"three"}],"events_overwrite":false}""");
        var replaced = await client.PatchMemoryAsync("""{"events":[{"title":"four"}],"events_overwrite":true}""");
        var untouched = await client.PatchMemoryAsync("""{"profile":{"name":"Ann"},"events_overwrite":true}""");

        Assert.Equal("""[{"id":"a","title":"first"},{"title":"two"},{"title":"three"}]""", added.GetProperty("events").GetRawText());
        Assert.Equal("""[{"title":"four"}]""", replaced.GetProperty("events").GetRawText());
        Assert.Equal("""[{"title":"four"}]""", untouched.GetProperty("events").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_that_changes_nothing_makes_no_version(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var body = """{"profile":{"name":"Ann"},"working_memory":{"open_loops":["a"],"tasks":[{"id":"t","title":"x"}]}}""";
        await client.PutMemoryAsync(body);

        var patched = await client.AskAsync("PATCH", Ann, body).DoneAsync();
        var nothing = await client.AskAsync("PATCH", Ann, "{}").DoneAsync();
        var merged = await client.AskAsync("PATCH", Ann, """{"profile":{"role":null}}""", MergePatch).DoneAsync();
        var tested = await client.AskAsync("PATCH", Ann, """[{"op":"test","path":"/profile/name","value":"Ann"}]""", JsonPatch).DoneAsync();
        var replaced = await client.AskAsync("POST", Ann + "?overwrite=true", body).DoneAsync();

        Assert.All([patched, nothing, merged, tested, replaced], answer => Assert.Equal("\"1\"", answer.Tag()));
        Assert.Equal(["replace"], await client.ActionsAsync());
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE action LIKE 'document.%'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deleted_memory_is_gone_and_can_be_begun_anew(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.AskAsync("DELETE", Ann).RefusedAsync(404, "not-found");
        await client.PutMemoryAsync(Named("Ann"));

        await client.AskAsync("DELETE", Ann).DoneAsync(HttpStatusCode.NoContent);

        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
        await client.AskAsync("DELETE", Ann).RefusedAsync(404, "not-found");
        Assert.Empty((await client.ReadAsync("/v1/documents")).Items());
        var anew = await client.AskAsync("POST", Ann, Named("Anna")).DoneAsync();
        Assert.Equal("\"3\"", anew.Tag());
        Assert.Equal(["create", "delete", "replace"], await client.ActionsAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_not_there_is_404(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
        await client.AskAsync("GET", Ann + "/history").RefusedAsync(404, "not-found");
        await client.AskAsync("GET", Ann + "/history/1").RefusedAsync(404, "not-found");
        await client.AskAsync("POST", Ann + "/restore", """{"version":1}""").RefusedAsync(404, "not-found");
        await client.AskAsync("PATCH", Ann + "/history", "{}").RefusedAsync(405, "method-not-allowed");
        await client.AskAsync("PUT", Ann, "{}").RefusedAsync(405, "method-not-allowed");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Only_the_named_version_is_changed(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.PutMemoryAsync(Named("two"));

        foreach (var stale in (string[])["\"1\"", "\"3\"", "W/\"2\"", "W/\"1\", \"1\""])
        {
            await client.AskAsync("PATCH", Ann, Named("x"), headers: ("If-Match", stale)).RefusedAsync(412, "precondition-failed");
            await client.AskAsync("POST", Ann + "?overwrite=true", Named("x"), headers: ("If-Match", stale)).RefusedAsync(412, "precondition-failed");
            await client.AskAsync("POST", Ann + "/restore", """{"version":1}""", headers: ("If-Match", stale)).RefusedAsync(412, "precondition-failed");
            await client.AskAsync("DELETE", Ann, headers: ("If-Match", stale)).RefusedAsync(412, "precondition-failed");
        }

        Assert.Equal("two", (await client.ReadAsync(Ann)).Name());
        var right = await client.AskAsync("PATCH", Ann, Named("three"), headers: ("If-Match", "\"2\"")).DoneAsync();
        var listed = await client.AskAsync("PATCH", Ann, Named("four"), headers: ("If-Match", "\"9\", \"3\"")).DoneAsync();
        var any = await client.AskAsync("PATCH", Ann, Named("five"), headers: ("If-Match", "*")).DoneAsync();
        Assert.Equal(["\"3\"", "\"4\"", "\"5\""], [right.Tag(), listed.Tag(), any.Tag()]);
        await client.AskAsync("DELETE", Ann, headers: ("If-Match", "\"5\"")).DoneAsync(HttpStatusCode.NoContent);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Where_there_is_none_no_version_matches(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        foreach (var tag in (string[])["*", "\"1\"", "\"0\""])
        {
            await client.AskAsync("PATCH", Ann, Named("x"), headers: ("If-Match", tag)).RefusedAsync(412, "precondition-failed");
            await client.AskAsync("POST", Ann, Named("x"), headers: ("If-Match", tag)).RefusedAsync(412, "precondition-failed");
            await client.AskAsync("DELETE", Ann, headers: ("If-Match", tag)).RefusedAsync(412, "precondition-failed");
        }

        await client.PutMemoryAsync(Named("Ann"));
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);
        await client.AskAsync("PATCH", Ann, Named("x"), headers: ("If-Match", "*")).RefusedAsync(412, "precondition-failed");
        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Who_knows_the_version_gets_304_and_who_excludes_it_412(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.AskAsync("POST", Ann, Named("Ann"), headers: ("If-None-Match", "*")).DoneAsync();

        foreach (var known in (string[])["\"1\"", "W/\"1\"", "*", "\"7\", \"1\""])
        {
            var unchanged = await client.AskAsync("GET", Ann, headers: ("If-None-Match", known)).DoneAsync(HttpStatusCode.NotModified);
            Assert.Equal(("\"1\"", ""), (unchanged.Tag(), await unchanged.Content.ReadAsStringAsync(Ct)));
        }

        await client.AskAsync("POST", Ann + "?overwrite=true", Named("x"), headers: ("If-None-Match", "*")).RefusedAsync(412, "precondition-failed");
        await client.AskAsync("PATCH", Ann, Named("x"), headers: ("If-None-Match", "\"1\"")).RefusedAsync(412, "precondition-failed");
        await client.AskAsync("GET", Ann, headers: ("If-None-Match", "\"2\"")).DoneAsync();
        await client.AskAsync("GET", Ann, headers: ("If-None-Match", "one")).RefusedAsync(400, "invalid-request");
        Assert.Equal("Ann", (await client.ReadAsync(Ann)).Name());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_key_gets_the_first_answer_again_with_its_version_and_place(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.AskAsync("POST", Ann, Named("Ann"), headers: ("Idempotency-Key", "k")).DoneAsync();
        await client.PatchMemoryAsync(Named("Anna"));

        var second = await client.AskAsync("POST", Ann, Named("Ann"), headers: ("Idempotency-Key", "k")).DoneAsync(); // Else it would be a conflict.

        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal((first.Tag(), first.Headers.Location), (second.Tag(), second.Headers.Location));
        Assert.Equal("\"1\"", second.Tag());
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        await client.AskAsync("POST", Ann, Named("Bob"), headers: ("Idempotency-Key", "k")).RefusedAsync(422, "idempotency-key-reused");
        await client.AskAsync("POST", Ann + "?overwrite=true", Named("Ann"), headers: ("Idempotency-Key", "k")).RefusedAsync(422, "idempotency-key-reused");
        await client.AskAsync("POST", "/memory/bob", Named("Ann"), headers: ("Idempotency-Key", "k")).RefusedAsync(422, "idempotency-key-reused");
        Assert.Equal("Anna", (await client.ReadAsync(Ann)).Name());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_refused_request_does_not_use_up_its_key(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("Ann"));
        await client.AskAsync("POST", Ann, Named("Bob"), headers: ("Idempotency-Key", "k")).RefusedAsync(409, "conflict");
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);

        var stored = await client.AskAsync("POST", Ann, Named("Bob"), headers: ("Idempotency-Key", "k")).DoneAsync();

        Assert.False(stored.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("\"3\"", stored.Tag());
    }

    [Fact]
    public async Task Every_name_that_can_be_a_users_is_a_place()
    {
        // The real server: the one in memory tells slashes that are part of a name from others no more.
        var folder = Directory.CreateTempSubdirectory("memoir-documents-").FullName;
        await using (var server = await ServerProcess.StartAsync(folder))
        {
            using var client = server.Client();
            string[] users =
            [
                "a/b", "a%2Fb", "a b", "100%", "übung", "名前", "😀", "a?b#c", "../ann", "Ann", "ann ", "history", "restore", new('x', 255),
                string.Concat(Enumerable.Repeat("😀", 255)),
            ];
            foreach (var user in users)
            {
                var url = $"/memory/{Uri.EscapeDataString(user)}";
                var stored = await client.AskAsync("POST", url, Named(user)).DoneAsync();
                Assert.StartsWith(url, stored.Headers.Location?.OriginalString, StringComparison.Ordinal);
                Assert.Equal(user, (await client.ReadAsync(stored.Headers.Location!.OriginalString)).Text("user_id"));
                Assert.Equal((user, user), ((await client.ReadAsync(url)).Text("user_id"), (await client.ReadAsync(url)).Name()));
                Assert.Single((await client.ReadAsync($"{url}/history")).Items());
                Assert.Equal(user, (await client.ReadAsync($"{url}/history/1")).Name());
            }

            var listed = await client.ReadAsync("/v1/documents");
            Assert.Equal(users.Order(StringComparer.Ordinal), listed.Each("user_id").Order(StringComparer.Ordinal));
            Assert.Equal(["user_id", "version", "created_at", "updated_at"], listed.Items()[0].Members());
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_name_that_cannot_be_a_users_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        foreach (var user in (string[])["store", "retrieve", new('x', 256), string.Concat(Enumerable.Repeat("😀", 256))])
        {
            var url = $"/memory/{Uri.EscapeDataString(user)}";
            foreach (var (method, body) in ((string, string?)[])[("GET", null), ("POST", "{}"), ("PATCH", "{}"), ("DELETE", null)])
            {
                if (user.Length > 10 || method != "POST") // Another family of clients posts there.
                {
                    (await (await client.AskAsync(method, url, body)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: user.Length < 10)).ErrorOf("user_id");
                }
            }
        }

        Assert.Empty((await client.ReadAsync("/v1/documents")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Media_types_say_what_a_patch_means_and_others_are_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        foreach (var (method, type) in ((string, string)[])
            [
                ("POST", MergePatch), ("POST", JsonPatch), ("POST", "text/plain"), ("PATCH", "text/plain"), ("PATCH", "application/xml"),
                ("PATCH", "application/json; charset=latin1"), ("PATCH", MergePatch + "; charset=latin1"), ("POST", "application/merge-patch"),
            ])
        {
            await client.AskAsync(method, Ann, "{}", type).RefusedAsync(415, "unsupported-media-type");
        }

        await client.AskAsync("PATCH", Ann, Named("Ann"), "Application/Json; charset=UTF-8").DoneAsync();
        var merged = await client.PatchMemoryAsync("""{"profile":{"name":null,"role":"cook"}}""", mediaType: "Application/Merge-Patch+Json; charset=utf-8");
        Assert.Equal("""{"role":"cook"}""", merged.GetProperty("profile").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_list_has_pages_by_user(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        foreach (var user in (string[])["d", "b", "a", "c", "e"])
        {
            await client.PutMemoryAsync("{}", $"/memory/{user}");
        }

        var first = await client.ReadAsync("/v1/documents?limit=2");
        var second = await client.ReadAsync($"/v1/documents?limit=2&cursor={first.Text("next_cursor")}");
        var last = await client.ReadAsync($"/v1/documents?limit=2&cursor={second.Text("next_cursor")}");

        Assert.Equal(["a", "b", "c", "d", "e"], [.. first.Each("user_id"), .. second.Each("user_id"), .. last.Each("user_id")]);
        Assert.Null(last.Text("next_cursor"));
        await server.As("other").AskAsync("GET", $"/v1/documents?cursor={first.Text("next_cursor")}").RefusedAsync(400, "invalid-cursor");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Tenants_see_nothing_of_each_other(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = await server.MemberAsync("acme");
        var other = await server.MemberAsync("other");
        var stored = await acme.AskAsync("POST", Ann, Named("Ann")).DoneAsync();
        Assert.Equal("/memory/ann", stored.Headers.Location?.OriginalString);

        foreach (var (method, url, body) in ((string, string, string?)[])
            [("GET", Ann, null), ("DELETE", Ann, null), ("GET", Ann + "/history", null), ("GET", Ann + "/history/1", null), ("POST", Ann + "/restore", """{"version":1}""")])
        {
            await other.AskAsync(method, url, body).RefusedAsync(404, "not-found");
            await other.AskAsync(method, url + "?tenant_id=acme", body).RefusedAsync(403, "tenant-mismatch");
        }

        Assert.Empty((await other.ReadAsync("/v1/documents")).Items());
        await other.AskAsync("POST", Ann, Named("Ann of another")).DoneAsync();
        Assert.Equal("Ann", (await acme.ReadAsync(Ann)).Name());
        Assert.Equal(["create"], await acme.ActionsAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_does_what_its_scopes_say(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var reader = await server.MemberAsync("acme", "memory:read");
        var writer = await server.MemberAsync("acme", "memory:write");
        await writer.PutMemoryAsync(Named("Ann"));

        Assert.Equal("Ann", (await reader.ReadAsync(Ann)).Name());
        Assert.Single((await reader.ReadAsync(Ann + "/history")).Items());
        Assert.Single((await reader.ReadAsync("/v1/documents")).Items());
        foreach (var (method, url, body) in ((string, string, string?)[])
            [("POST", Ann, "{}"), ("PATCH", Ann, "{}"), ("DELETE", Ann, null), ("POST", Ann + "/restore", """{"version":1}""")])
        {
            await reader.AskAsync(method, url, body).RefusedAsync(403, "insufficient-scope");
        }

        foreach (var url in (string[])[Ann, Ann + "/history", Ann + "/history/1", "/v1/documents"])
        {
            await writer.AskAsync("GET", url).RefusedAsync(403, "insufficient-scope");
            await server.CreateClient().AskAsync("GET", url).RefusedAsync(401, "unauthenticated");
        }
    }
}
