using System.Net;
using System.Text;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Quality.Secrets;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>An export of elsewhere comes in under the tenant's own policy.</summary>
public sealed class MaskedImportTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_imported_is_masked_with_its_versions(TestEngine engine)
    {
        var export = await ExportAsync(engine);
        await using var server = await TestApp.StartAsync(engine, ("PersonalData", "mask"));
        var client = server.As("acme");

        var report = await ImportAsync(client, export);
        var again = await ImportAsync(client, export);
        var own = await ImportAsync(client, await client.GetStringAsync("/v1/tenants/acme/export", Ct));

        Assert.Equal((3, 1, 1, 2, 0), Counts(report));
        Assert.Equal((0, 0, 0, 0, 0), Counts(again));
        Assert.Equal(3, again.GetProperty("unchanged").GetInt32());
        Assert.Equal((0, 0, 0, 0, 0), Counts(own));
        Assert.Equal(
            ["[masked:email] [masked:github_token]", "password is [masked:assigned_secret] now", "wifi password: [masked:assigned_secret]"],
            (await client.ReadAsync("/v1/memories?limit=10")).GetProperty("memories").EnumerateArray().Select(memory => memory.Text("content")).Order(StringComparer.Ordinal));
        Assert.Empty(await RawFiles.FindAsync(server, Github));
        Assert.Empty(await RawFiles.FindAsync(server, Password));
        Assert.Empty(await RawFiles.FindAsync(server, Email));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_the_policy_refuses_is_refused_line_by_line(TestEngine engine)
    {
        var export = await ExportAsync(engine);
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "refuse"));

        var report = await ImportAsync(server.As("acme"), export);

        Assert.Equal((0, 0, 0, 0), (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32(), report.GetProperty("documents").GetInt32(), report.GetProperty("document_versions").GetInt32()));
        Assert.Equal(5, report.GetProperty("refused").GetInt32());
        Assert.All(report.GetProperty("errors").EnumerateArray(), error => Assert.Contains("this tenant refuses to store those", error.Text("reason"), StringComparison.Ordinal));
        Assert.DoesNotContain(Password, report.GetRawText(), StringComparison.Ordinal);
        Assert.Empty(await RawFiles.FindAsync(server, Password));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_list_of_masks_that_nobody_can_read_is_left_unsaid(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync($"see {Github}");
        var export = await client.GetStringAsync("/v1/tenants/acme/export", Ct);
        await using var other = await TestApp.StartAsync(engine);

        var odd = export.Replace("\\u0022field\\u0022", "\\u0022other\\u0022", StringComparison.Ordinal).Replace("\\\"field\\\"", "\\\"other\\\"", StringComparison.Ordinal);
        Assert.NotEqual(export, odd);
        await ImportAsync(other.As("acme"), odd);

        var message = Assert.Single((await other.As("acme").ReadAsync("/v1/conversations/c1/messages")).GetProperty("items").EnumerateArray());
        Assert.False(message.TryGetProperty("masked", out _));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_value_whose_text_is_none_is_refused_with_its_line(TestEngine engine)
    {
        var export = await ExportAsync(engine);
        var odd = export.Replace($"{{\\u0022value\\u0022:\\u0022{Password}", "{\\u0022value\\u0022:\\u0022\\\\ud800", StringComparison.Ordinal).Replace($"{{\\\"value\\\":\\\"{Password}", "{\\\"value\\\":\\\"\\\\ud800", StringComparison.Ordinal);
        await using var server = await TestApp.StartAsync(engine);

        var report = await ImportAsync(server.As("acme"), odd);

        Assert.NotEqual(export, odd);
        Assert.Equal((2, 2), (report.GetProperty("imported").GetInt32(), report.GetProperty("refused").GetInt32())); // The end does not fit either.
        Assert.Contains("value: holds a character that cannot be kept", report.GetProperty("errors").EnumerateArray().Select(error => error.Text("reason")));
    }

    private static (int, int, int, int, int) Counts(System.Text.Json.JsonElement report) =>
        (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32(), report.GetProperty("documents").GetInt32(),
            report.GetProperty("document_versions").GetInt32(), report.GetProperty("refused").GetInt32());

    private static async Task<System.Text.Json.JsonElement> ImportAsync(HttpClient client, string lines)
    {
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes(lines));
        body.Headers.TryAddWithoutValidation("Content-Type", "application/x-ndjson");
        return await (await client.PostAsync("/v1/admin/import", body, Ct)).JsonAsync(HttpStatusCode.OK);
    }

    /// <summary>From a tenant that keeps everything.</summary>
    private static async Task<string> ExportAsync(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Secrets", "keep"));
        var client = server.As("acme");
        await client.SendAsync("POST", "/v1/memories", $$"""{"content":"{{Email}} {{Github}}"}""");
        await client.SendAsync("POST", "/v1/memories", $$"""{"type":"fact","key":"wifi_password","value":{"value":"{{Password}}"} }""");
        var id = (await (await client.SendAsync("POST", "/v1/memories", $$"""{"content":"password is {{Password}} then"}""")).JsonAsync(HttpStatusCode.OK)).Text("id");
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", $$"""{"content":"password is {{Password}} now"}""")).JsonAsync(HttpStatusCode.OK);
        await client.SendAsync("POST", "/memory/ann", $$"""{"profile":{"role":"{{Github}}"} }""");
        await client.SendAsync("PATCH", "/memory/ann", $$"""{"profile":{"name":"password: {{Password}}"} }""");
        return await client.GetStringAsync("/v1/tenants/acme/export", Ct);
    }
}
