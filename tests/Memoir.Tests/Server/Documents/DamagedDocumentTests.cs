using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

/// <summary>Versions that are not what was written: somebody or something changed the database behind the server's back.</summary>
public sealed class DamagedDocumentTests
{
    private const string Reports = "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'document.damaged'";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task The_newest_good_version_is_served_and_the_damage_reported_once(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two", "three");
        var client = server.As("acme");
        await DamageAsync(server, 3);

        var first = await client.GetAsync(Ann, Ct).DoneAsync();
        var second = await client.GetAsync(Ann, Ct).DoneAsync();

        Assert.Equal("two", (await first.JsonAsync(HttpStatusCode.OK)).Name());
        Assert.Equal(("\"2\"", "\"2\""), (first.Tag(), second.Tag()));
        Assert.All([first, second], answer => Assert.Equal(
            "199 memoir \"version 3 is damaged; version 2 is served in its place\"", answer.Headers.GetValues("Warning").Single()));
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
        Assert.Contains("does not match its checksum", server.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("three", server.Log.Text, StringComparison.Ordinal);
        var items = (await client.ReadAsync(Ann + "/history")).Items();
        Assert.Equal([true, false, false], items.Select(item => item.TryGetProperty("damaged", out var damaged) && damaged.GetBoolean()));
        await client.AskAsync("GET", Ann + "/history/3").RefusedAsync(409, "conflict");
        await client.AskAsync("POST", Ann + "/restore", """{"version":3}""").RefusedAsync(409, "conflict");
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_next_change_goes_on_from_the_good_one_above_the_damaged_one(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two", "three");
        var client = server.As("acme");
        await DamageAsync(server, 3);

        await client.AskAsync("PATCH", Ann, """{"profile":{"role":"cook"}}""", headers: ("If-Match", "\"3\"")).RefusedAsync(412, "precondition-failed");
        var patched = await client.AskAsync("PATCH", Ann, """{"profile":{"role":"cook"}}""", headers: ("If-Match", "\"2\"")).DoneAsync();

        Assert.Equal("\"4\"", patched.Tag());
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports)); // Nobody would see it again.
        Assert.False(patched.Headers.Contains("Warning"));
        var read = await client.GetAsync(Ann, Ct).DoneAsync();
        Assert.Equal("""{"name":"two","role":"cook"}""", (await read.JsonAsync(HttpStatusCode.OK)).GetProperty("profile").GetRawText());
        Assert.False(read.Headers.Contains("Warning"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_change_that_changes_nothing_makes_a_good_version_the_newest(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        var client = server.As("acme");
        await DamageAsync(server, 2);

        var patched = await client.AskAsync("PATCH", Ann, "{}").DoneAsync();

        Assert.Equal("\"3\"", patched.Tag());
        var read = await client.GetAsync(Ann, Ct).DoneAsync();
        Assert.Equal(("\"3\"", false), (read.Tag(), read.Headers.Contains("Warning")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whatever_of_a_version_is_not_what_was_written_is_seen(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        var client = server.As("acme");
        var swapped = $"UPDATE document_versions SET content = (SELECT v.content FROM document_versions v WHERE v.tenant_id = 'acme' AND v.version = 1) WHERE tenant_id = 'acme' AND version = 2";

        foreach (var damage in (string[])
            [
                swapped,
                "UPDATE document_versions SET content = content || ' ' WHERE tenant_id = 'acme' AND version = 2",
                "UPDATE document_versions SET content = '' WHERE tenant_id = 'acme' AND version = 2",
                $"UPDATE document_versions SET checksum = '{new string('0', 64)}' WHERE tenant_id = 'acme' AND version = 2",
            ])
        {
            var (content, checksum) = (await RawDatabase.RunAsync(server.Folder, "acme", "SELECT content FROM document_versions WHERE version = 2"),
                await RawDatabase.RunAsync(server.Folder, "acme", "SELECT checksum FROM document_versions WHERE version = 2"));
            await RawDatabase.RunAsync(server.Folder, "acme", damage);
            Assert.Equal(("\"1\"", "one"), ((await client.GetAsync(Ann, Ct)).Tag(), (await client.ReadAsync(Ann)).Name()));
            await RawDatabase.RunAsync(server.Folder, "acme", $"UPDATE document_versions SET content = '{content}', checksum = '{checksum}' WHERE version = 2");
            Assert.Equal("two", (await client.ReadAsync(Ann)).Name());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_version_that_is_not_there_at_all_is_reported_too(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two", "three", "four");
        var client = server.As("acme");
        await RawDatabase.RunAsync(server.Folder, "acme", "DELETE FROM document_versions WHERE version = 4");
        await DamageAsync(server, 3);

        var first = await client.GetAsync(Ann, Ct).DoneAsync();
        await client.GetAsync(Ann, Ct).DoneAsync();

        Assert.Equal("two", (await first.JsonAsync(HttpStatusCode.OK)).Name());
        Assert.Equal("\"2\"", first.Tag());
        Assert.Contains("version 4 is damaged; version 2 is served", first.Headers.GetValues("Warning").Single(), StringComparison.Ordinal);
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
        Assert.Equal("\"5\"", (await client.AskAsync("PATCH", Ann, Named("five")).DoneAsync()).Tag());
        Assert.Equal("five", (await client.ReadAsync(Ann)).Name());
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_lost_newest_version_alone_is_reported_once_and_stays_in_the_history(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        var client = server.As("acme");
        await RawDatabase.RunAsync(server.Folder, "acme", "DELETE FROM document_versions WHERE version = 2");

        Assert.Equal("one", (await client.ReadAsync(Ann)).Name());
        Assert.Equal("one", (await client.ReadAsync(Ann)).Name());

        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
        var items = (await client.ReadAsync(Ann + "/history")).Items();
        Assert.Equal([2, 1], items.Select(item => item.GetProperty("version").GetInt32()));
        Assert.True(items[0].GetProperty("damaged").GetBoolean());
        await client.AskAsync("GET", Ann + "/history/2").RefusedAsync(409, "conflict");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Where_nothing_good_is_left_it_says_so_until_it_is_begun_anew(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        var client = server.As("acme");
        await DamageAsync(server, 1);
        await DamageAsync(server, 2);

        await client.AskAsync("GET", Ann).RefusedAsync(503, "storage-unavailable");
        await client.AskAsync("PATCH", Ann, Named("x")).RefusedAsync(503, "storage-unavailable");
        await client.AskAsync("POST", Ann + "?overwrite=true", Named("x")).RefusedAsync(503, "storage-unavailable");
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
        await client.AskAsync("DELETE", Ann).DoneAsync(HttpStatusCode.NoContent);
        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
        var anew = await client.AskAsync("POST", Ann, Named("anew")).DoneAsync();

        Assert.Equal("\"4\"", anew.Tag());
        Assert.Equal("anew", (await client.ReadAsync(Ann)).Name());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_deleted_before_the_damage_does_not_come_back(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "secret");
        var client = server.As("acme");
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);
        await client.PutMemoryAsync(Named("new"));
        await DamageAsync(server, 3);

        await client.AskAsync("GET", Ann).RefusedAsync(503, "storage-unavailable");

        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);
        await client.AskAsync("GET", Ann).RefusedAsync(404, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Damage_of_an_older_version_does_not_concern_the_newest(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        var client = server.As("acme");
        await DamageAsync(server, 1);

        var read = await client.GetAsync(Ann, Ct).DoneAsync();
        Assert.Equal(("\"2\"", false), (read.Tag(), read.Headers.Contains("Warning")));
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", Reports));

        await client.AskAsync("GET", Ann + "/history/1").RefusedAsync(409, "conflict");
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_version_that_somebody_wants_back_is_reported_when_it_is_damaged(TestEngine engine)
    {
        await using var server = await StartAsync(engine, "one", "two");
        await DamageAsync(server, 1);

        await server.As("acme").AskAsync("POST", Ann + "/restore", """{"version":1}""").RefusedAsync(409, "conflict");

        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", Reports));
        Assert.Equal("two", (await server.As("acme").ReadAsync(Ann)).Name());
    }

    private static async Task<TestApp> StartAsync(TestEngine engine, params string[] names)
    {
        var server = await TestApp.StartAsync(engine);
        foreach (var name in names)
        {
            await server.As("acme").PutMemoryAsync(Named(name));
        }

        return server;
    }

    private static async Task DamageAsync(TestApp server, int version) =>
        await RawDatabase.RunAsync(server.Folder, "acme", $"UPDATE document_versions SET content = REPLACE(content, 'name', 'game') WHERE tenant_id = 'acme' AND version = {version}");
}
