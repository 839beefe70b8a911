using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Documents;
using Memoir.Server.Memories;
using Memoir.Server.Privacy.Exchange;
using Memoir.Tests.Server.Privacy;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Documents.UserMemory;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

public sealed class DocumentPrivacyTests
{
    private const string Canary = "zündel7c02";
    private const string Import = "/v1/admin/import";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    private static string Url => $"/memory/{Uri.EscapeDataString(Canary)}";

    private static string User => $"/v1/users/{Uri.EscapeDataString(Canary)}";

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_of_a_subjects_memory_is_left_and_the_receipt_says_how_much_went(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        Assert.Contains(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);

        var erased = (await EraseAsync(server)).GetProperty("erased");

        Assert.Equal((1, 3, 2), (erased.GetProperty("documents").GetInt32(), erased.GetProperty("document_versions").GetInt32(), erased.GetProperty("idempotency_keys").GetInt32()));
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
        var client = server.As("acme");
        await client.AskAsync("GET", Url).RefusedAsync(404, "not-found");
        await client.AskAsync("GET", Url + "/history").RefusedAsync(404, "not-found");
        await client.AskAsync("POST", Url + "/restore", """{"version":1}""").RefusedAsync(404, "not-found");
        Assert.Equal("Bob", (await client.ReadAsync("/memory/bob")).Name());
        Assert.Equal(Canary, (await server.As("other").ReadAsync(Url)).Name());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_request_does_not_bring_back_what_was_erased(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        await EraseAsync(server);

        await server.As("acme").AskAsync("POST", Url, Named(Canary), headers: ("Idempotency-Key", "k")).RefusedAsync(409, "conflict");
        await (await server.MemberAsync("acme")).AskAsync("GET", Url).RefusedAsync(404, "not-found");
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_that_is_erased_while_it_is_restored_does_not_come_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        var documents = server.Services.GetRequiredService<DocumentService>();
        var isErased = false;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => documents.RestoreAsync(
            new Tenant("acme"), DocumentKey.OfMemory(Canary), version: 1, _ =>
            {
                if (!isErased) // Asked first before the write, with the version in hand.
                {
                    isErased = true;
                    EraseAsync(server).GetAwaiter().GetResult();
                }
            }, new Writer("operator", "documents", "r"), companion: null, Ct));

        Assert.Equal(Problem.NotFound, refusal.Problem);
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_that_was_begun_since_is_erased_by_asking_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        var first = await EraseAsync(server);
        var same = await EraseAsync(server);
        Assert.Equal(first.GetRawText(), same.GetRawText());
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await server.As("acme").PutMemoryAsync(Named(Canary), Url);

        var second = await EraseAsync(server);

        Assert.Equal(1, second.GetProperty("erased").GetProperty("documents").GetInt32());
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_with_many_versions_is_erased_by_a_job(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("ErasureInRequest", "5"), ("DocumentVersionsKept", "0"));
        for (var i = 0; i < 210; i++)
        {
            await server.As("acme").PutMemoryAsync(Named($"{Canary} {i}"), Url);
        }

        var running = await (await server.As("acme").DeleteAsync(User + "/data", Ct)).JsonAsync(HttpStatusCode.Accepted);
        await server.RunJobsAsync();

        var erased = (await server.As("acme").ReadAsync($"/v1/erasures/{running.Text("id")}")).GetProperty("receipt").GetProperty("erased");
        Assert.Equal((1, 210), (erased.GetProperty("documents").GetInt32(), erased.GetProperty("document_versions").GetInt32()));
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task With_a_tenant_all_of_its_memories_go(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        var before = await RawDatabase.StateAsync(server, "other");

        await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct).DoneAsync(HttpStatusCode.NoContent);

        foreach (var table in (string[])["documents", "document_versions", "idempotency_keys"])
        {
            Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", $"SELECT COUNT(*) FROM {table} WHERE tenant_id = 'acme'"));
        }

        var erased = (await server.As("acme").ReadAsync("/v1/erasures")).Items().Single().GetProperty("receipt").GetProperty("erased");
        Assert.Equal((2, 4), (erased.GetProperty("documents").GetInt32(), erased.GetProperty("document_versions").GetInt32()));
        Assert.Equal(before, await RawDatabase.StateAsync(server, "other"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Neither_log_nor_audit_names_the_user(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("LogLevel", "DEBUG"));
        await SpreadAsync(server);
        await server.As("acme").AskAsync("PATCH", Url, """{"profile":{"name":7}}""").RefusedAsync(400, "invalid-body");

        Assert.DoesNotContain(Canary, server.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Uri.EscapeDataString(Canary), server.Log.Text, StringComparison.Ordinal);
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", $"SELECT COUNT(*) FROM audit_records WHERE subject LIKE '%{Canary}%'"));
        Assert.Equal(4, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action LIKE 'document.%'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_comes_back_in_another_tenant_without_loss_and_only_once(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("deleted"), "/memory/carol");
        await client.DeleteAsync("/memory/carol", Ct).DoneAsync(HttpStatusCode.NoContent);
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);

        var report = await ImportAsync(server, "moved", exported);
        var state = await RawDatabase.StateAsync(server, "moved");
        var again = await ImportAsync(server, "moved", exported);

        Assert.Equal((3, 6, 0, true), Told(report));
        Assert.Equal((0, 0, 0, true), Told(again));
        Assert.Equal(state, await RawDatabase.StateAsync(server, "moved"));
        Assert.Equal(Lines(exported), Lines(await server.As("moved").GetStringAsync("/v1/tenants/moved/export", Ct)));
        foreach (var url in (string[])[Url, Url + "/history", Url + "/history/2", "/memory/carol/history"])
        {
            Assert.Equal((await client.ReadAsync(url)).GetRawText(), (await server.As("moved").ReadAsync(url)).GetRawText());
        }

        await server.As("moved").AskAsync("GET", "/memory/carol").RefusedAsync(404, "not-found");
        await server.As("moved").AskAsync("POST", "/memory/carol/restore", """{"version":1}""").DoneAsync();
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_import_adds_the_versions_that_are_missing_at_the_end(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await ImportAsync(server, "moved", await client.GetStringAsync("/v1/tenants/acme/export", Ct));
        await client.PutMemoryAsync(Named("two"));
        await client.PutMemoryAsync(Named("three"));

        var report = await ImportAsync(server, "moved", await client.GetStringAsync("/v1/tenants/acme/export", Ct));

        Assert.Equal((0, 2, 0, true), Told(report));
        var moved = await server.As("moved").GetAsync(Ann, Ct).DoneAsync();
        Assert.Equal(("three", "\"3\""), ((await moved.JsonAsync(HttpStatusCode.OK)).Name(), moved.Tag()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_document_that_another_has_the_place_of_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").PutMemoryAsync(Named("Ann"));
        await server.As("moved").PutMemoryAsync(Named("Another Ann"));

        var report = await ImportAsync(server, "moved", await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct));

        Assert.Equal((0, 0, 1, true), Told(report));
        Assert.Equal("Another Ann", (await server.As("moved").ReadAsync(Ann)).Name());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_export_of_a_user_has_only_that_users_memory_and_does_not_undo_an_erasure(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await SpreadAsync(server);
        var own = await server.As("acme").GetStringAsync(User + "/export", Ct);
        var all = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await EraseAsync(server);

        var report = await ImportAsync(server, "acme", own);
        var whole = await ImportAsync(server, "acme", all);

        Assert.DoesNotContain("Bob", own, StringComparison.Ordinal);
        Assert.Equal(["document", "document_version", "document_version", "document_version"], Lines(own).Select(line => Parse(line).Text("line")));
        Assert.Equal((0, 0, 1, true), Told(report) with { Item3 = report.GetProperty("errors").EnumerateArray().Count(error => error.Text("reason") == "was erased since it was stored") });
        Assert.Equal((0, 0), (whole.GetProperty("documents").GetInt32(), whole.GetProperty("document_versions").GetInt32()));
        Assert.DoesNotContain(Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_damaged_version_is_left_out_of_an_export(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        foreach (var name in (string[])["one", "two", "three"])
        {
            await client.PutMemoryAsync(Named(name));
        }

        await RawDatabase.RunAsync(server.Folder, "acme", "UPDATE document_versions SET content = REPLACE(content, 'three', 'seven') WHERE tenant_id = 'acme' AND version = 3");
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);

        var report = await ImportAsync(server, "moved", exported);

        Assert.DoesNotContain("seven", exported, StringComparison.Ordinal);
        Assert.Equal((1, 2, 0, true), Told(report));
        Assert.Equal("\"2\"", (await server.As("moved").GetAsync(Ann, Ct)).Tag());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Lines_that_are_no_documents_are_refused_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.PutMemoryAsync(Named("one"));
        await client.PutMemoryAsync(Named("two"));
        await client.DeleteAsync(Ann, Ct).DoneAsync(HttpStatusCode.NoContent);
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);

        foreach (var (from, to, path) in ((string, string, string)[])
            [
                ("\"document_kind\":\"memory\"", "\"document_kind\":\"diary\"", "document_kind"),
                ("\"name\":\"ann\"", "\"name\":\"bob\"", "user_id"),
                ("\"user_id\":\"ann\"", "\"user_id\":null", "user_id"),
                ("\"version\":2,\"action\":\"replace\"", "\"version\":1,\"action\":\"replace\"", "version"),
                ("\"version\":2,\"action\":\"replace\"", "\"version\":7,\"action\":\"replace\"", "version"),
                ("\"action\":\"delete\"", "\"action\":\"patch\"", "content"),
                ("{\"name\":\"two\"}", "{\"name\":7}", "profile.name"),
                ("{\"name\":\"two\"}", "{\"weekly_planning\":{\"planning_day\":\"noday\"}}", "profile.weekly_planning.planning_day"),
            ])
        {
            Assert.Contains(from, exported, StringComparison.Ordinal);
            var report = await ImportAsync(server, $"moved-{Guid.CreateVersion7()}", exported.Replace(from, to, StringComparison.Ordinal));
            Assert.StartsWith(path, report.GetProperty("errors")[0].Text("reason"), StringComparison.Ordinal);
            Assert.False(report.GetProperty("complete").GetBoolean());
        }
    }

    [Fact]
    public void Every_column_leaves_and_comes_back()
    {
        static string[] Columns(string table) => [.. CopiedTables.All.Single(copied => copied.Name == table).Columns];
        static string[] Members<T>() => [.. typeof(T).GetProperties().Select(member => JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name))];

        Assert.Equal(
            Columns("documents").Except(["is_deleted"]).Order(), // The last version says so.
            Members<DocumentLine>().Except(["line"]).Select(member => member == "document_kind" ? "kind" : member).Order());
        Assert.Equal(Columns("document_versions").Except(["checksum", "damaged_at"]).Order(), Members<DocumentVersionLine>().Except(["line"]).Order());
    }

    /// <summary>Three versions of the subject's memory by two keys, one of Bob's, and one of the same user of another tenant.</summary>
    private static async Task SpreadAsync(TestApp server)
    {
        var client = server.As("acme");
        var member = await server.MemberAsync("acme");
        await client.AskAsync("POST", Url, Named(Canary), headers: ("Idempotency-Key", "k")).DoneAsync();
        await client.PatchMemoryAsync($$$$"""{"profile":{"preferences":{"{{{{Canary}}}}":1}}}""", Url);
        await member.AskAsync("POST", Url + "/restore", """{"version":1}""", headers: ("Idempotency-Key", "k")).DoneAsync();
        await client.PutMemoryAsync(Named("Bob"), "/memory/bob");
        await server.As("other").PutMemoryAsync(Named(Canary), Url);
    }

    private static async Task<JsonElement> EraseAsync(TestApp server) => await (await server.As("acme").DeleteAsync(User + "/data", Ct)).JsonAsync(HttpStatusCode.OK);

    private static async Task<JsonElement> ImportAsync(TestApp server, string tenant, string lines) =>
        await (await server.As(tenant).PostAsync(Import, lines)).JsonAsync(HttpStatusCode.OK);

    private static (int Documents, int Versions, int Refused, bool Complete) Told(JsonElement report) => (
        report.GetProperty("documents").GetInt32(), report.GetProperty("document_versions").GetInt32(), report.GetProperty("refused").GetInt32(),
        report.GetProperty("complete").GetBoolean());

    private static string[] Lines(string export) => [.. export.Split('\n').Where(line => line.StartsWith("{\"line\":\"document", StringComparison.Ordinal))];
}
