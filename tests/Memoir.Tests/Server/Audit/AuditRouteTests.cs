using System.Net;
using System.Text.Json;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Server.Audit;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Audit;

/// <summary>What administrators read of the trail.</summary>
public sealed class AuditRouteTests : IAsyncLifetime
{
    private TestApp _server = null!;

    public async ValueTask InitializeAsync() => _server = await TestApp.StartAsync(TestEngines.Current);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_change_is_listed_at_once_and_gets_its_place_afterwards()
    {
        var admin = _server.As("acme");
        var id = (await admin.StoreAsync("a secret word", ("name", "a secret name"))).Text("id");

        var before = Assert.Single((await admin.ReadAsync("/v1/admin/audit")).Items());
        await KeepAsync();
        var text = (await admin.ReadAsync("/v1/admin/audit")).GetRawText();
        var after = Assert.Single(Parse(text).Items());

        Assert.Equal(
            ["id", "position", "at", "actor", "action", "subject", "count", "request_id", "address", "hash"], after.Members());
        Assert.Equal(("memory.store", id, 1), (after.Text("action"), after.Text("subject"), after.GetProperty("count").GetInt32()));
        Assert.StartsWith("operator:", after.Text("actor"), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, before.GetProperty("position").ValueKind);
        Assert.Equal((1, 64), (after.GetProperty("position").GetInt32(), after.Text("hash")!.Length));
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_go_from_the_newest_to_the_oldest_without_a_gap_and_without_a_repetition()
    {
        await FillAsync("acme", 25);
        await KeepAsync();
        await FillAsync("acme", 7);
        var admin = _server.As("acme");
        List<string> seen = [];
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await admin.ReadAsync($"/v1/admin/audit?limit=10{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            seen.AddRange(page.Each("request_id"));
            cursor = page.Text("next_cursor");
            await FillAsync("acme", 1); // What is newer than the first page is on none of the later ones.
            await KeepAsync();
        }

        Assert.Equal(Enumerable.Range(0, 32).Reverse().Select(i => $"r{i}"), seen);
    }

    [Theory]
    [InlineData("action=memory.store", "r0 r3")]
    [InlineData("action=memory", "r0 r1 r3")]
    [InlineData("action=mem", "")]
    [InlineData("actor=key:mk_b", "r1 r2")]
    [InlineData("subject=s2", "r2")]
    [InlineData("request_id=r3", "r3")]
    [InlineData("since=2026-01-15T12:00:01Z", "r1 r2 r3")]
    [InlineData("until=2026-01-15T12:00:01Z", "r0")]
    [InlineData("since=2026-01-15T12:00:01Z&until=2026-01-15T12:00:03Z", "r1 r2")]
    [InlineData("action=memory&actor=key:mk_a", "r0 r3")]
    public async Task Filters_narrow_the_list_and_the_export(string filter, string expected)
    {
        (string Actor, string Action)[] records = [("key:mk_a", "memory.store"), ("key:mk_b", "memory.change"), ("key:mk_b", "key.create"), ("key:mk_a", "memory.store")];
        for (var i = 0; i < records.Length; i++)
        {
            await AppendAsync("acme", [(new AuditRecord(records[i].Actor, records[i].Action, $"s{i}", 1, $"r{i}"), _server.Time.Now())]);
            _server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var admin = _server.As("acme");
        var listed = (await admin.ReadAsync($"/v1/admin/audit?{filter}")).Each("request_id").Reverse();
        var exported = (await LinesAsync(admin, $"/v1/admin/audit?format=ndjson&{filter}")).Select(line => line.Text("request_id")!).Reverse();

        Assert.Equal(expected, string.Join(' ', listed));
        Assert.Equal(expected, string.Join(' ', exported));
    }

    [Fact]
    public async Task An_export_has_all_records_of_the_tenant_and_of_no_other()
    {
        await FillAsync("acme", 1700);
        await FillAsync("globex", 3);
        await KeepAsync();
        var admin = _server.As("acme");
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/admin/audit");
        request.Headers.TryAddWithoutValidation("Accept", "application/x-ndjson");

        var answer = await admin.SendAsync(request, Ct);

        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType?.MediaType);
        var lines = (await answer.Content.ReadAsStringAsync(Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        Assert.Equal(Enumerable.Range(0, 1700).Reverse().Select(i => $"r{i}"), lines.Select(line => line.Text("request_id")));
        Assert.Equal((await admin.ReadAsync("/v1/admin/audit?limit=1")).Items()[0].GetRawText(), lines[0].GetRawText());
    }

    [Fact]
    public async Task The_same_export_is_not_had_twice_at_a_time()
    {
        using (_server.Services.GetRequiredService<LongReads>().Enter("export\nacme"))
        {
            await (await _server.As("acme").GetAsync("/v1/admin/audit?format=ndjson", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
            await LinesAsync(_server.As("globex"), "/v1/admin/audit?format=ndjson");
        }

        await LinesAsync(_server.As("acme"), "/v1/admin/audit?format=ndjson");
    }

    [Fact]
    public void Only_so_many_exports_are_under_way()
    {
        var reads = new LongReads();
        var places = Enumerable.Range(0, 32).Select(i => reads.Enter($"export {i}")).ToList();

        Assert.Equal(Memoir.Kit.Http.Problem.Overloaded, Assert.Throws<Memoir.Kit.Http.ProblemException>(() => reads.Enter("one more")).Problem);
        places[0].Dispose();
        reads.Enter("one more").Dispose();
    }

    [Theory]
    [InlineData("/v1/admin/audit?format=csv", 422, "validation-failed")]
    [InlineData("/v1/admin/audit?format=ndjson&limit=5", 400, "invalid-request")]
    [InlineData("/v1/admin/audit?limit=201", 422, "validation-failed")]
    [InlineData("/v1/admin/audit?since=yesterday", 400, "invalid-request")]
    [InlineData("/v1/admin/audit?cursor=AAAA", 400, "invalid-cursor")]
    [InlineData("/v1/admin/audit?action=0123456789012345678901234567890123456789012345678901234567890123456789", 422, "validation-failed")]
    [InlineData("/v1/admin/audit?user=x", 400, "invalid-request")]
    [InlineData("/v1/admin/audit/verify?all=perhaps", 400, "invalid-request")]
    public async Task What_makes_no_sense_is_refused(string url, int status, string slug) =>
        await (await _server.As("acme").GetAsync(url, Ct)).RefusedAsync((HttpStatusCode)status, slug);

    [Fact]
    public async Task A_tenants_administrator_sees_its_own_trail_alone()
    {
        await FillAsync("acme", 2);
        await FillAsync("globex", 2);
        await KeepAsync();
        var cursor = (await _server.As("globex").ReadAsync("/v1/admin/audit?limit=1")).Text("next_cursor");
        var member = await _server.MemberAsync("acme", "admin");

        Assert.All((await member.ReadAsync("/v1/admin/audit")).Items(), item => Assert.NotEqual("globex", item.Text("subject")));
        Assert.Equal(["acme"], (await member.ReadAsync("/v1/admin/audit/verify")).Each("tenant_id"));
        await (await member.GetAsync($"/v1/admin/audit?cursor={cursor}", Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
        foreach (var url in (string[])["/v1/admin/audit?tenant_id=globex", "/v1/admin/audit?format=ndjson&tenant_id=globex", "/v1/admin/audit/verify?tenant_id=globex"])
        {
            await (await member.GetAsync(url, Ct)).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
        }

        await (await member.GetAsync("/v1/admin/audit/verify?all=true", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await (await _server.MemberAsync("acme", "memory:read", "memory:write")).GetAsync("/v1/admin/audit", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    [Fact]
    public async Task An_operator_verifies_all_tenants_page_by_page_and_is_told_which_record_is_bad()
    {
        foreach (var tenant in (string[])["a", "b", "c"])
        {
            await FillAsync(tenant, 5);
        }

        await KeepAsync();
        await RawDatabase.RunAsync(_server.Folder, "b", "UPDATE audit_records SET actor = 'nobody' WHERE tenant_id = 'b' AND position = 4");
        var operators = _server.WithKey(TestApp.OperatorKey);

        var first = await operators.ReadAsync("/v1/admin/audit/verify?all=true&limit=1");
        var rest = await operators.ReadAsync($"/v1/admin/audit/verify?all=true&limit=2&cursor={first.Text("next_cursor")}");

        Assert.True(first.GetProperty("ok").GetBoolean());
        Assert.Equal(["a"], first.Each("tenant_id"));
        Assert.Equal((5, 5, 0, 1, 5), Counts(first.Items()[0]));
        Assert.False(rest.GetProperty("ok").GetBoolean());
        Assert.Equal(["b", "c"], rest.Each("tenant_id"));
        Assert.Equal(JsonValueKind.Null, rest.GetProperty("next_cursor").ValueKind);
        var bad = rest.Items()[0].GetProperty("first_bad");
        Assert.Equal((4, "changed"), (bad.GetProperty("position").GetInt32(), bad.Text("reason")));
        Assert.Equal(JsonValueKind.Null, rest.Items()[1].GetProperty("first_bad").ValueKind);
    }

    private static (int, int, int, int, int) Counts(JsonElement chain) =>
        (chain.GetProperty("records").GetInt32(), chain.GetProperty("sealed").GetInt32(), chain.GetProperty("unsealed").GetInt32(),
            chain.GetProperty("checkpoints").GetInt32(), chain.GetProperty("vouched_to").GetInt32());

    private static async Task<List<JsonElement>> LinesAsync(HttpClient client, string url)
    {
        var answer = await client.GetAsync(url, Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return [.. (await answer.Content.ReadAsStringAsync(Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
    }

    private Task KeepAsync() => _server.Services.GetRequiredService<AuditKeeper>().RunOnceAsync(isLast: true, Ct);

    private int _made;

    private Task FillAsync(string tenant, int count) => AppendAsync(
        tenant, [.. Enumerable.Range(0, count).Select(i => (new AuditRecord("key:mk_a", "memory.store", tenant, 1, $"r{_made++ % 10_000}"), _server.Time.Now().AddMicroseconds(_made)))]);

    private Task AppendAsync(string tenant, IReadOnlyList<(AuditRecord, DateTimeOffset)> records) =>
        _server.Services.GetRequiredService<Database>().WriteAsync(new Tenant(tenant), session => AuditLog.AppendManyAsync(session, records), Ct);
}
