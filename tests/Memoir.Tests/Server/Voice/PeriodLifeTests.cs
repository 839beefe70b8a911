using System.Net;
using Memoir.Server.Recall.Indexes;
using Memoir.Tests.Server.Processes;
using Memoir.Tests.Server.Retention;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>Older statements stay found wherever the index is, leave and come back with exports, and go with what they belong to.</summary>
public sealed class PeriodLifeTests
{
    private const string City = "home_city";
    private const string First = "known_at=2026-01-15T12:30:00Z";
    private const string Second = "known_at=2026-01-15T13:30:00Z";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Older_statements_are_found_in_every_process_after_merges_and_with_an_index_read_anew(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        var (a, b) = (both.A.As("acme"), both.B.As("acme"));
        async Task AssertFoundAsync(params (string Moment, string City)[] expected)
        {
            foreach (var client in (HttpClient[])[a, b])
            {
                foreach (var (moment, city) in expected)
                {
                    foreach (var mode in (string[])["lexical", "semantic", "hybrid"])
                    {
                        var items = (await client.ReadAsync($"/v1/memory/search?query=home city&mode={mode}&{moment}")).Items();
                        Assert.Equal([$"home city: {city}"], items.Select(item => item.Text("content")!));
                    }
                }
            }
        }

        await a.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        await AssertFoundAsync(("", "Paris"));
        await TwoProcesses.MergeAsync(both.A);
        both.A.Time.Advance(TimeSpan.FromHours(1));
        await b.SayAsync("ann", "fact", City, """{"value":"London"}""");
        await AssertFoundAsync(("", "London"), (First, "Paris"));
        await TwoProcesses.MergeAsync(both.B);
        both.A.Time.Advance(TimeSpan.FromHours(1));
        await a.SayAsync("ann", "fact", City, """{"value":"Rome"}""");
        await AssertFoundAsync(("", "Rome"), (First, "Paris"), (Second, "London"));
        Forget(both.A);
        await AssertFoundAsync(("", "Rome"), (First, "Paris"), (Second, "London"));
        await TwoProcesses.MergeAsync(both.A);
        Forget(both.A);
        Forget(both.B);
        await AssertFoundAsync(("", "Rome"), (First, "Paris"), (Second, "London"));
        Assert.True(await both.A.Services.GetRequiredService<IndexMerger>().RewriteAsync(TwoProcesses.Acme, Ct));
        Forget(both.A);
        await AssertFoundAsync(("", "Rome"), (First, "Paris"), (Second, "London"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_known_when_leaves_with_an_export_and_comes_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"valid_from\":\"2020-03-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""", ",\"valid_from\":\"2025-03-01T00:00:00Z\",\"review_after\":\"2027-01-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.PostAsync($"/v1/memories/{id}/confirm", "{}");
        var history = await client.ReadAsync($"/v1/memories/{id}/history");
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);

        var report = await (await server.As("globex").SendAsync("POST", "/v1/admin/import", exported, "application/x-ndjson")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((1, 1, 0), (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32(), report.GetProperty("refused").GetInt32()));
        var there = server.As("globex");
        foreach (var (moment, city) in ((string, string)[])[("", "London"), (First, "Paris"), ("as_of=2023-01-01T00:00:00Z", "Paris"), ("as_of=2025-06-01T00:00:00Z&" + First, "Paris")])
        {
            Assert.Equal([$"home city: {city}"], (await there.ReadAsync($"/v1/memories?{moment}")).Contents());
            Assert.Equal([$"home city: {city}"], (await there.ReadAsync($"/v1/memories?query=home city&{moment}")).Contents());
            Assert.Equal($"home city: {city}", (await there.ReadAsync($"/v1/memories/{id}?{moment}")).Text("content"));
        }

        Assert.Equal(history.GetRawText(), (await there.ReadAsync($"/v1/memories/{id}/history")).GetRawText());
        var memory = await there.ReadAsync($"/v1/memories/{id}");
        Assert.Equal(("2026-01-15T14:00:00Z", "2027-01-01T00:00:00Z"), (memory.Text("verified_at"), memory.Text("review_after")));
        report = await (await there.SendAsync("POST", "/v1/admin/import", exported, "application/x-ndjson")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(1, report.GetProperty("unchanged").GetInt32());
    }

    [Fact]
    public async Task A_period_that_ends_before_it_begins_is_refused_with_its_line()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");
        var exported = await client.GetStringAsync("/v1/tenants/acme/export", Ct);
        var wrong = exported.Replace("\"known_until\":\"2026-01-15T13:00:00Z\"", "\"known_until\":\"2026-01-15T12:00:00Z\"", StringComparison.Ordinal);
        Assert.NotEqual(exported, wrong);

        var report = await (await server.As("globex").SendAsync("POST", "/v1/admin/import", wrong, "application/x-ndjson")).JsonAsync(HttpStatusCode.OK);

        Assert.Contains(report.GetProperty("errors").EnumerateArray(), error => error.Text("reason")!.Contains("periods", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"type\":\"fact\"", "\"type\":\"{long}\"", "snapshot.type")]
    [InlineData("\"user_id\":\"ann\"", "\"user_id\":\"{long}\"", "snapshot.user_id")]
    [InlineData("\"user_id\":\"ann\"", "\"user_id\":\"ann\",\"scope\":\"shared\"", "snapshot.user_id")]
    [InlineData("\"user_id\":\"ann\"", "\"user_id\":\"ann\",\"scope\":\"ours\"", "snapshot.scope")]
    public async Task A_version_with_periods_whose_words_could_be_nobodys_is_refused_with_its_line(string said, string instead, string field)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");
        var lines = (await client.GetStringAsync("/v1/tenants/acme/export", Ct)).Split('\n');
        var version = Array.FindIndex(lines, line => line.Contains("\"line\":\"version\"", StringComparison.Ordinal));
        lines[version] = lines[version].Replace(said, instead.Replace("{long}", new string('x', 20_000), StringComparison.Ordinal), StringComparison.Ordinal);

        var report = await (await server.As("globex").SendAsync("POST", "/v1/admin/import", string.Join('\n', lines), "application/x-ndjson")).JsonAsync(HttpStatusCode.OK);

        Assert.Contains(report.GetProperty("errors").EnumerateArray(), error => error.Text("reason")!.Contains(field, StringComparison.Ordinal));
        Assert.Equal((1, 0), (report.GetProperty("imported").GetInt32(), report.GetProperty("versions").GetInt32()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Periods_go_with_whom_they_are_about(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", City, """{"value":"Xanadu"}""");
        await client.StoreAsync("The parcel of ann is in Xanadu", ("user_id", "ann"), ("external_id", "parcel"));
        await client.SayAsync("bob", "fact", City, """{"value":"Ys"}""");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");
        await client.StoreAsync("The parcel is the one of bob", ("user_id", "bob"), ("external_id", "parcel"));
        await client.SayAsync("bob", "fact", City, """{"value":"Paris"}""");
        Assert.Single((await client.ReadAsync($"/v1/memory/search?query=Xanadu parcel&user_id=ann&type=message&{First}")).Items());

        await (await client.DeleteAsync("/v1/users/ann/data", Ct)).JsonAsync(HttpStatusCode.OK);

        Assert.DoesNotContain("Xanadu", await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
        Assert.Empty((await client.ReadAsync($"/v1/memory/search?query=Xanadu&user_id=ann&{First}")).Items());
        Assert.Equal(["home city: Ys"], (await client.ReadAsync($"/v1/memory/search?query=home city&{First}")).Items().Select(item => item.Text("content")!));
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memory_periods")); // Bob's, before and after.
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Periods_of_what_is_archived_leave_the_search_and_come_back_with_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var old = server.Time.GetUtcNow().AddDays(-40);
        var id = (await client.StoreAsync("The kettle is blue", ("role", "tool"), ("external_id", "kettle"), ("created_at", old))).Text("id");
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.StoreAsync("The kettle is green", ("role", "tool"), ("external_id", "kettle"), ("created_at", old));
        server.Time.Advance(TimeSpan.FromHours(1));
        async Task<string[]> FoundAsync() => [.. (await client.ReadAsync($"/v1/memory/search?query=kettle&{First}")).Each("content")];
        Assert.Equal(["The kettle is blue"], await FoundAsync());

        await server.RunAsync();
        Assert.Empty(await FoundAsync());
        Assert.Empty((await client.ReadAsync($"/v1/memories?{First}")).Found());
        Forget(server);
        Assert.Empty(await FoundAsync());

        await client.SendAsync("POST", $"/v1/messages/{id}/restore", "{}");
        Assert.Equal(["The kettle is blue"], await FoundAsync());
        Forget(server);
        Assert.Equal(["The kettle is blue"], await FoundAsync());
    }

    private static void Forget(TestApp server)
    {
        var indexes = server.Services.GetRequiredService<RecallIndexes>();
        if (indexes.Peek(TwoProcesses.Acme) is { } index)
        {
            indexes.Forget(TwoProcesses.Acme, index);
        }
    }
}
