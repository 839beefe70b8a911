using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

/// <summary>Requests that are small and would cost much, or leave something behind that does.</summary>
public sealed class CostlyDocumentTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_long_id_does_not_come_back_in_every_line_of_the_history(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var members = string.Join(',', Enumerable.Range(0, 300).Select(i => $"\"n{i}\":1"));
        var body = $"{{\"session_snapshots\":[{{\"id\":\"{new string('A', 200_000)}\",{members}}}]}}";
        await (await client.SendAsync("POST", "/memory/u", body)).JsonAsync(HttpStatusCode.OK);

        var operations = string.Join(',', Enumerable.Range(0, 300).Select(i => $"{{\"op\":\"replace\",\"path\":\"/session_snapshots/0/n{i}\",\"value\":2}}"));
        await (await client.SendAsync("PATCH", "/memory/u", $"[{operations}]", "application/json-patch+json")).JsonAsync(HttpStatusCode.OK);

        var diff = (await client.ReadAsync("/memory/u/history")).Items()[0].Text("diff")!;
        Assert.Equal(101, diff.Split('\n').Length);
        Assert.EndsWith("… and 200 more changes", diff, StringComparison.Ordinal);
        Assert.InRange(diff.Length, 1_000, 60_000);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_patch_that_moves_much_again_and_again_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var snapshots = string.Join(',', Enumerable.Repeat("[]", 300_000));
        await (await client.SendAsync("POST", "/memory/u", $"{{\"session_snapshots\":[{snapshots}]}}")).JsonAsync(HttpStatusCode.OK);
        string[] there = ["/session_snapshots", "/profile"];
        var moves = Enumerable.Range(0, 999).Select(i => $$"""{"op":"move","from":"{{there[i % 2]}}","path":"{{there[(i + 1) % 2]}}"}""");

        await (await client.SendAsync("PATCH", "/memory/u", $"[{string.Join(',', moves)}]", "application/json-patch+json")).RefusedAsync(HttpStatusCode.RequestEntityTooLarge, "payload-too-large");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_number_with_a_huge_exponent_is_refused_wherever_it_stands(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await (await client.SendAsync("POST", "/memory/u", """{"profile":{"preferences":{"n":1e-300}}}""")).JsonAsync(HttpStatusCode.OK);

        await (await client.SendAsync("POST", "/memory/v", """{"profile":{"preferences":{"n":1e-3000000000}}}""")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.SendAsync("PATCH", "/memory/u", """{"profile":{"preferences":{"n":1E+00099999999999}}}""")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.SendAsync("PATCH", "/memory/u", """[{"op":"test","path":"/profile/preferences/n","value":1e99999999999}]""", "application/json-patch+json"))
            .RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.SendAsync("PATCH", "/memory/u", """{"profile":{"preferences":{"n":1e-99999999999}}}""", "application/merge-patch+json")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        await (await client.SendAsync("PATCH", "/memory/u", """{"profile":{"role":"CTO"}}""")).JsonAsync(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_nested_as_deep_as_a_body_may_be_is_exported_and_comes_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var deep = new string('[', 30) + new string(']', 30);
        await (await client.SendAsync("POST", "/memory/u", $"{{\"session_snapshots\":[{deep}]}}")).JsonAsync(HttpStatusCode.OK);
        await (await client.SendAsync("POST", "/memory/w", $"{{\"session_snapshots\":[[{deep}]]}}")).RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");

        var lines = await client.GetStringAsync("/v1/tenants/acme/export", Ct);
        var report = Parse(await (await server.As("moved").SendAsync("POST", "/v1/admin/import?tenant_id=moved", lines, "application/x-ndjson")).Content.ReadAsStringAsync(Ct));

        Assert.Equal((1, true), (report.GetProperty("documents").GetInt32(), report.GetProperty("complete").GetBoolean()));
        Assert.Equal((await client.ReadAsync("/memory/u")).GetRawText(), (await server.As("moved").ReadAsync("/memory/u")).GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deletion_is_not_the_only_version_that_is_kept(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DocumentVersionsKept", "1"));
        var client = server.As("acme");
        await (await client.SendAsync("POST", "/memory/u", """{"profile":{"name":"Ann"}}""")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/memory/u", Ct)).StatusCode);

        var restored = await (await client.SendAsync("POST", "/memory/u/restore", """{"version":1}""")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("Ann", restored.GetProperty("profile").Text("name"));
    }

    [Fact]
    public async Task A_batch_of_too_many_items_is_refused_before_they_are_tried()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var body = $"{{\"items\":[{string.Join(',', Enumerable.Repeat("1", 300_000))}]}}";

        foreach (var url in (string[])["/v1/messages/batch", "/v1/memories/batch"])
        {
            var refused = await server.As("acme").SendAsync("POST", url, body);
            var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed", saysSuccess: url.Contains("memories", StringComparison.Ordinal));
            Assert.Contains("has 300000", problem.Text("detail"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("value", "\"x\"", "value must be the JSON of an object.")]
    [InlineData("value", "\"{\"", "value must be the JSON of an object.")]
    [InlineData("tags", "\"x\"", "tags must be the JSON of a list of texts.")]
    [InlineData("tags", "\"[1]\"", "tags must be the JSON of a list of texts.")]
    [InlineData("scope", "\"everyone\"", "scope must be one of user, shared.")]
    [InlineData("scope", "\"shared\"", "user_id must be absent of what is shared.")]
    public async Task An_imported_memory_that_could_not_be_listed_is_refused(string member, string value, string reason)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await server.As("acme").StoreAsync("The boiler is new.", ("user_id", "ann"));
        var lines = await server.As("acme").GetStringAsync("/v1/tenants/acme/export", Ct);
        var changed = System.Text.RegularExpressions.Regex.Replace(lines, $"\"{member}\":(null|\"user\")", $"\"{member}\":{JsonSerializer.Serialize(Parse(value).GetString())}");

        var report = Parse(await (await server.As("moved").SendAsync("POST", "/v1/admin/import?tenant_id=moved", changed, "application/x-ndjson")).Content.ReadAsStringAsync(Ct));

        Assert.Equal(reason, report.GetProperty("errors")[0].Text("reason"));
        Assert.Empty((await server.As("moved").ReadAsync("/v1/memories")).GetProperty("memories").EnumerateArray());
    }
}
