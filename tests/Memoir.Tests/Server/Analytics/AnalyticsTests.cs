using System.Globalization;
using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Analytics;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Analytics;

public sealed class AnalyticsTests
{
    private const string Route = "/v1/admin/analytics";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Memories_are_counted_by_day_type_and_role(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("today", ("created_at", "2026-01-15T00:00:00Z"));
        await client.StoreAsync("today too", ("role", "assistant"), ("conversation_id", "c2"), ("created_at", "2026-01-15T11:59:59Z"));
        await client.StoreAsync("late yesterday", ("created_at", "2026-01-14T23:59:59.999999Z"));
        await client.StoreAsync("before", ("created_at", "2025-11-01T00:00:00Z"));
        await client.StoreAsync("in the future", ("created_at", "2026-02-01T00:00:00Z"));
        await RawDatabase.RunAsync(server.Folder, "acme", "UPDATE memories SET archived_at = 1 WHERE tenant_id = 'acme' AND content = 'before'");

        var answer = await client.ReadAsync(Route);

        Assert.Equal("acme", answer.Text("tenant_id"));
        Assert.Equal("2025-12-16T12:00:00Z", answer.Text("since"));
        Assert.Equal("2026-01-15T12:00:00Z", answer.Text("until"));
        Assert.Equal("""{"memories":5,"archived":1,"conversations":2}""", answer.GetProperty("totals").GetRawText());
        var days = answer.GetProperty("days").EnumerateArray().ToList();
        Assert.Equal(31, days.Count);
        Assert.Equal("2025-12-16", days[0].Text("date"));
        Assert.Equal("""{"date":"2026-01-15","memories":2,"by_type":{"message":2},"by_role":{"assistant":1,"user":1},"searches":0,"without_result":0}""", days[^1].GetRawText());
        Assert.Equal("""{"date":"2026-01-14","memories":1,"by_type":{"message":1},"by_role":{"user":1},"searches":0,"without_result":0}""", days[^2].GetRawText());
        Assert.All(days[..^2], day => Assert.Equal(0, day.Number("memories")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Importance_is_spread_as_the_messages_say_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = new List<JsonElement>();
        foreach (var given in (double?[])[0, 0.05, 0.1, 0.55, 1, null, null])
        {
            stored.Add(await client.StoreAsync(
                string.Create(CultureInfo.InvariantCulture, $"I remember {given} of {stored.Count}"), ("importance_override", given), ("created_at", "2025-12-01T00:00:00Z"),
                ("role", stored.Count == 6 ? "tool" : "user")));
        }

        var parts = (await client.ReadAsync(Route)).GetProperty("importance").EnumerateArray().ToList();

        Assert.Equal(10, parts.Count);
        Assert.All(parts, part => Assert.Equal(
            stored.Count(memory => memory.Number("importance_score") >= part.Number("from") && (memory.Number("importance_score") < part.Number("to") || part.Number("to") == 1)),
            part.Number("memories")));
        Assert.Equal([2, 1, 0, 0], parts.Take(4).Select(part => part.Number("memories")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Topics_and_repeated_questions_are_told(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        string[] said =
        [
            "My sister moved to Lisbon.", "The sourdough starter needs flour.", "I fed the sourdough starter!", "Sourdough starter again: it rose.",
            "Hello. When does the library open?", "when does the LIBRARY open??", "When does the library close?", "It opens at nine.",
        ];
        await client.StoreManyAsync(said.Select(text => Message(text)));
        await client.StoreAsync("When does the library open?", ("role", "assistant"));

        var first = await client.ReadAsync(Route);
        var second = await client.ReadAsync(Route);

        Assert.Equal(first.GetProperty("topics").GetRawText(), second.GetProperty("topics").GetRawText());
        Assert.Equal(9, first.GetProperty("topics").Number("sample"));
        var topics = first.GetProperty("topics").Each("text");
        Assert.Contains("sourdough starter", topics);
        Assert.Contains("library", topics);
        Assert.DoesNotContain("sourdough", topics);
        Assert.DoesNotContain("the", topics);
        var question = Assert.Single(first.GetProperty("repeated_questions").Items());
        Assert.Equal(("when does the LIBRARY open??", 2), (question.Text("text"), question.Number("times")));
        Assert.Equal("2026-01-15T12:00:00Z", question.Text("last_at"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Repeated_searches_and_those_without_a_result_are_told(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("a puppy named Biscuit");
        foreach (var query in (string[])["the puppies", "puppy", "what about a puppy?", "Zanzibar", "giraffe", "zanzibar"])
        {
            await client.SearchAsync(query, ("mode", "lexical"));
            server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        await server.WriteSearchesAsync();
        var answer = await client.ReadAsync(Route);

        var searches = answer.GetProperty("searches");
        Assert.True(searches.GetProperty("recorded").GetBoolean());
        Assert.Equal((30, 6, 3, 0), (searches.Number("days_kept"), searches.Number("total"), searches.Number("without_result_total"), searches.Number("degraded_total")));
        Assert.Equal("""[{"text":"what about a puppy?","times":3,"last_at":"2026-01-15T12:00:02Z"},{"text":"zanzibar","times":2,"last_at":"2026-01-15T12:00:05Z"}]""", searches.GetProperty("repeated").GetRawText());
        Assert.Equal("""[{"text":"zanzibar","times":2,"last_at":"2026-01-15T12:00:05Z"},{"text":"giraffe","times":1,"last_at":"2026-01-15T12:00:04Z"}]""", searches.GetProperty("without_result").GetRawText());
        var today = answer.GetProperty("days").EnumerateArray().Last();
        Assert.Equal((6, 3), (today.Number("searches"), today.Number("without_result")));
        var later = await client.ReadAsync($"{Route}?since=2026-01-15T12:00:04Z");
        Assert.Equal(2, later.GetProperty("searches").Number("total"));
        Assert.Equal(0, later.GetProperty("topics").Number("sample"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_of_another_tenant_is_in_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        foreach (var tenant in (string[])["acme", "other"])
        {
            var member = await server.MemberAsync(tenant, "memory:read", "memory:write");
            for (var i = 0; i < 3; i++)
            {
                await member.StoreAsync($"canary{tenant} keeper: is canary{tenant} here?", ("tenant_id", tenant), ("conversation_id", $"c{i}"));
                await member.SearchAsync($"canary{tenant} keeper");
                await member.SearchAsync($"missing{tenant}", ("mode", "lexical"));
            }
        }

        await server.WriteSearchesAsync();
        var own = await (await server.MemberAsync("acme", "admin")).ReadAsync(Route);
        var foreign = await (await server.MemberAsync("acme", "admin")).GetAsync($"{Route}?tenant_id=other", Ct);

        var text = own.GetRawText();
        Assert.Contains("canaryacme", text, StringComparison.Ordinal);
        Assert.Contains("missingacme", text, StringComparison.Ordinal);
        Assert.DoesNotContain("other", text, StringComparison.Ordinal);
        Assert.Equal((3, 6), (own.GetProperty("totals").Number("memories"), own.GetProperty("searches").Number("total")));
        await foreign.RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Words_come_of_the_newest_memories_alone_and_counts_of_all(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.As("acme").StoreManyAsync(Enumerable.Range(0, 3).Select(i => Message($"antiquity {i}: who asked?", ("conversation_id", $"c{i}"))));
        var id = engine == TestEngine.Sqlite ? "randomblob(16)" : "gen_random_uuid()";
        var fill = $"""
            WITH RECURSIVE numbers (n) AS (SELECT 4 UNION ALL SELECT n + 1 FROM numbers WHERE n < {AnalyticsService.SampleSize + 3})
            INSERT INTO memories (tenant_id, id, sequence, version, type, role, content, metadata, importance_base, scope, source_class, writer, channel,
                occurred_at, stored_at, updated_at, embedding_status)
            SELECT @Tenant, {id}, n, 1, 'message', 'user', 'modernity', '{"{}"}', 0.5, 'user', 'user', 'test', 'rest', @now, @now, @now, 'completed' FROM numbers
            """;
        await server.Services.GetRequiredService<Database>().WriteAsync(new Tenant("acme"), session => session.ExecuteAsync(fill, new { now = server.Time.Now() - TimeSpan.FromHours(1) }), Ct);
        server.Time.Advance(TimeSpan.FromHours(1));

        var answer = await server.As("acme").ReadAsync(Route);

        Assert.Equal(AnalyticsService.SampleSize + 3, answer.GetProperty("totals").Number("memories"));
        Assert.Equal(AnalyticsService.SampleSize + 3, answer.GetProperty("days").EnumerateArray().Sum(day => day.Number("memories")));
        Assert.Equal(AnalyticsService.SampleSize, answer.GetProperty("topics").Number("sample"));
        Assert.Equal(["modernity"], answer.GetProperty("topics").Each("text"));
        Assert.Empty(answer.GetProperty("repeated_questions").Items());
    }

    [Theory]
    [InlineData("2026-01-15T12:00:01Z", HttpStatusCode.UnprocessableEntity, "validation-failed")]
    [InlineData("2025-01-14T11:59:59Z", HttpStatusCode.UnprocessableEntity, "validation-failed")]
    [InlineData("yesterday", HttpStatusCode.BadRequest, "invalid-request")]
    public async Task A_time_out_of_bounds_is_refused(string since, HttpStatusCode status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var refused = await server.As("acme").GetAsync($"{Route}?since={since}", Ct);

        await refused.RefusedAsync(status, slug);
        Assert.Equal(367, (await server.As("acme").ReadAsync($"{Route}?since=2025-01-14T12:00:00Z")).GetProperty("days").GetArrayLength());
    }
}
