using System.Net;
using System.Text.Json;
using Memoir.Tests.Server.Retention;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Voice;

/// <summary>What was true when, and what we had been told of it by then.</summary>
public sealed class TimeTravelTests
{
    private const string City = "home_city";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_newer_statement_closes_the_older_one_and_both_are_found_at_their_times(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"valid_from\":\"2020-03-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromDays(10));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""", ",\"valid_from\":\"2025-06-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromDays(1));

        // Now, by all three ways.
        Assert.Equal("home city: London", (await client.ReadAsync($"/v1/memories/{id}")).Text("content"));
        Assert.Equal(["home city: London"], (await client.ReadAsync("/v1/memories")).Contents());
        Assert.Equal(["home city: London"], (await client.ReadAsync("/v1/memories?query=home city")).Contents());
        Assert.Equal(["home city: London"], (await SearchAsync(client, "")).Select(item => item.Text("content")!));

        // In 2023 it was Paris, as we know now; nobody had told us of London by the 20th.
        string[] moments = ["as_of=2023-01-01T00:00:00Z", "as_of=2025-12-01T00:00:00Z&known_at=2026-01-20T00:00:00Z", "known_at=2026-01-20T00:00:00Z"];
        foreach (var moment in moments)
        {
            var then = await client.ReadAsync($"/v1/memories/{id}?{moment}");
            Assert.Equal((id, "home city: Paris", "2020-03-01T00:00:00Z"), (then.Text("id"), then.Text("content"), then.Text("valid_from")));
            Assert.Equal(["home city: Paris"], (await client.ReadAsync($"/v1/memories?{moment}")).Contents());
            Assert.Equal(["home city: Paris"], (await client.ReadAsync($"/v1/memories?query=home city&{moment}")).Contents());
            Assert.Equal(["home city: Paris"], (await client.ReadAsync($"/v1/memories/user/ann?{moment}")).Contents());
            Assert.Equal(["home city: Paris"], (await client.ReadAsync($"/v1/memories/user/ann?query=Paris&{moment}")).Contents());
            var found = Assert.Single(await SearchAsync(client, "&" + moment));
            Assert.Equal((id, "home city: Paris"), (found.Text("message_id"), found.Text("content")));
        }

        // The interval that was closed is to be seen.
        Assert.Equal("2025-06-01T00:00:00Z", (await client.ReadAsync($"/v1/memories/{id}?as_of=2023-01-01T00:00:00Z")).Text("valid_until"));
        var version = Assert.Single((await client.ReadAsync($"/v1/memories/{id}/history")).Items());
        Assert.Equal(
            ["2020-03-01T00:00:00Z|null|2026-01-15T12:00:00Z|2026-01-25T12:00:00Z", "2020-03-01T00:00:00Z|2025-06-01T00:00:00Z|2026-01-25T12:00:00Z|null"],
            version.GetProperty("periods").EnumerateArray().Select(period => string.Join(
                '|', period.Text("valid_from"), period.Text("valid_until") ?? "null", period.Text("known_from"), period.Text("known_until") ?? "null")));

        // Before it was true, and before we knew anything, there is nothing.
        foreach (var moment in (string[])["as_of=2019-01-01T00:00:00Z", "known_at=2026-01-01T00:00:00Z"])
        {
            await (await client.GetAsync($"/v1/memories/{id}?{moment}", Ct)).FailedAsync(HttpStatusCode.NotFound, "not-found");
            Assert.Empty((await client.ReadAsync($"/v1/memories?{moment}")).Found());
            Assert.Empty(await SearchAsync(client, "&" + moment));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Restoring_the_older_one_opens_its_interval_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"valid_from\":\"2020-03-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromDays(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""", ",\"valid_from\":\"2025-06-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromDays(1));

        await client.PostAsync($"/v1/memories/{id}/restore", """{"version":1}""");

        foreach (var moment in (string[])["", "?as_of=2025-12-01T00:00:00Z", "?as_of=2021-12-01T00:00:00Z"])
        {
            var memory = await client.ReadAsync($"/v1/memories/{id}{moment}");
            Assert.Equal(("home city: Paris", "2020-03-01T00:00:00Z"), (memory.Text("content"), memory.Text("valid_from")));
            Assert.False(memory.TryGetProperty("valid_until", out _));
        }

        Assert.Equal("home city: London", (await client.ReadAsync($"/v1/memories/{id}?known_at=2026-01-16T13:00:00Z")).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_begins_later_waits_and_what_has_ended_is_not_returned(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        await client.SayAsync("ann", "fact", City, """{"value":"Oslo"}""", ",\"valid_from\":\"2026-02-01T00:00:00Z\",\"valid_until\":\"2026-03-01T00:00:00Z\"");

        async Task<string?> NowAsync()
        {
            var answer = await client.GetAsync($"/v1/memories/{id}", Ct);
            var content = answer.StatusCode == HttpStatusCode.NotFound ? null : (await answer.JsonAsync(HttpStatusCode.OK)).Text("content");
            string[] expected = content is null ? [] : [content];
            Assert.Equal(expected, (await client.ReadAsync("/v1/memories")).Contents());
            Assert.Equal(expected, (await client.ReadAsync("/v1/memories?query=home")).Contents());
            Assert.Equal(expected, (await client.ReadAsync("/v1/memories/user/ann")).Contents());
            return content;
        }

        Assert.Equal("home city: Paris", await NowAsync());
        server.Time.Advance(TimeSpan.FromDays(20));
        Assert.Equal("home city: Oslo", await NowAsync());
        server.Time.Advance(TimeSpan.FromDays(30));
        Assert.Equal("home city: Paris", await NowAsync());

        // A change is one of what it says now, not of what was told last.
        await ChangeAsync(client, id, """{"value":{"value":"Lyon"}}""");
        Assert.Equal("home city: Lyon", await NowAsync());
        Assert.Equal("home city: Oslo", (await client.ReadAsync($"/v1/memories/{id}?as_of=2026-02-10T00:00:00Z")).Text("content"));
        await ChangeAsync(client, id, """{"valid_until":"2026-03-10T00:00:00Z"}""");
        server.Time.Advance(TimeSpan.FromDays(30));
        Assert.Null(await NowAsync());

        // What says nothing now has its history, is not confirmed, and an end that was wrong is taken back.
        Assert.Equal(3, (await client.ReadAsync($"/v1/memories/{id}/history")).Items().Length);
        await (await client.SendAsync("POST", $"/v1/memories/{id}/confirm", "{}")).FailedAsync(HttpStatusCode.NotFound, "not-found");
        await ChangeAsync(client, id, """{"valid_until":null}""");
        Assert.Equal("home city: Lyon", await NowAsync());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_memory_that_is_still_so_is_confirmed_and_says_when(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"review_after\":\"2026-02-01T00:00:00Z\"");
        Assert.False((await client.ReadAsync($"/v1/memories/{id}")).TryGetProperty("review_due", out _));
        server.Time.Advance(TimeSpan.FromDays(30));
        Assert.True((await client.ReadAsync($"/v1/memories/{id}")).GetProperty("review_due").GetBoolean());
        Assert.True(Assert.Single(await SearchAsync(client, "")).GetProperty("review_due").GetBoolean());

        var confirmed = await client.PostAsync($"/v1/memories/{id}/confirm", "{}");

        Assert.Equal(("2026-02-14T12:00:00Z", 1), (confirmed.Text("verified_at"), confirmed.GetProperty("version").GetInt32()));
        Assert.False(confirmed.TryGetProperty("review_due", out _));
        Assert.False(confirmed.TryGetProperty("review_after", out _));
        Assert.Equal("2026-02-14T12:00:00Z", Assert.Single(await SearchAsync(client, "")).Text("verified_at"));
        Assert.Empty((await client.ReadAsync($"/v1/memories/{id}/history")).Items());

        confirmed = await client.PostAsync($"/v1/memories/{id}/confirm", """{"review_after":"2026-08-01T00:00:00Z"}""");
        Assert.Equal("2026-08-01T00:00:00Z", confirmed.Text("review_after"));
        Assert.Equal("2026-08-01T00:00:00Z", (await client.PostAsync($"/v1/memories/{id}/confirm", "{}")).Text("review_after"));
        await client.PostAsync($"/v1/memories/{id}/confirm", """{"review_after":null}""");
        Assert.False((await client.ReadAsync($"/v1/memories/{id}")).TryGetProperty("review_after", out _));

        // Another value is another statement, which nobody has confirmed.
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");
        Assert.False((await client.ReadAsync($"/v1/memories/{id}")).TryGetProperty("verified_at", out _));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_true_again_though_it_was_not_told_last_can_be_confirmed(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"valid_from\":\"2020-03-01T00:00:00Z\"");
        await client.SayAsync("ann", "fact", City, """{"value":"Rome"}""", ",\"valid_from\":\"2021-03-01T00:00:00Z\",\"valid_until\":\"2022-03-01T00:00:00Z\"");

        var confirmed = await client.PostAsync($"/v1/memories/{id}/confirm", "{}");

        Assert.Equal(("home city: Paris", "2026-01-15T12:00:00Z"), (confirmed.Text("content"), confirmed.Text("verified_at")));
        Assert.Equal("home city: Rome", (await client.ReadAsync($"/v1/memories/{id}?as_of=2021-06-01T00:00:00Z")).Text("content"));
        Assert.Equal("2026-01-15T12:00:00Z", Assert.Single((await client.ReadAsync("/v1/memories")).Found()).Text("verified_at"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Another_value_is_not_confirmed_and_what_was_confirmed_stays_so_through_a_trip(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"review_after\":\"2026-06-01T00:00:00Z\"");
        await client.PostAsync($"/v1/memories/{id}/confirm", "{}");
        await client.SayAsync("ann", "fact", City, """{"value":"Rome"}""", ",\"valid_from\":\"2026-02-01T00:00:00Z\",\"valid_until\":\"2026-03-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromDays(60));

        var memory = await client.ReadAsync($"/v1/memories/{id}");
        Assert.Equal(("home city: Paris", "2026-01-15T12:00:00Z", "2026-06-01T00:00:00Z"), (memory.Text("content"), memory.Text("verified_at"), memory.Text("review_after")));

        await ChangeAsync(client, id, """{"categories":["home"]}""");
        Assert.True((await client.ReadAsync($"/v1/memories/{id}")).TryGetProperty("verified_at", out _));
        await ChangeAsync(client, id, """{"value":{"value":"Lyon"}}""");
        Assert.False((await client.ReadAsync($"/v1/memories/{id}")).TryGetProperty("verified_at", out _));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_value_said_again_for_longer_keeps_since_when_it_is_true_and_that_it_was_confirmed(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"valid_from\":\"2020-03-01T00:00:00Z\",\"review_after\":\"2028-01-01T00:00:00Z\"");
        await client.PostAsync($"/v1/memories/{id}/confirm", "{}");
        for (var i = 0; i < 20; i++)
        {
            server.Time.Advance(TimeSpan.FromDays(30));
            await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        }

        var memory = await client.ReadAsync($"/v1/memories/{id}?as_of=2023-01-01T00:00:00Z");
        Assert.Equal(("2020-03-01T00:00:00Z", "2026-01-15T12:00:00Z", "2028-01-01T00:00:00Z"), (memory.Text("valid_from"), memory.Text("verified_at"), memory.Text("review_after")));
        Assert.Single((await client.ReadAsync("/v1/memories?as_of=2023-01-01T00:00:00Z")).Found());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_said_again_without_an_end_is_true_until_the_next_that_is_known_to_begin(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        server.Time.Advance(TimeSpan.FromHours(1));
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Rome"}""", ",\"valid_until\":\"2026-03-01T00:00:00Z\"");
        server.Time.Advance(TimeSpan.FromHours(1));

        await client.SayAsync("ann", "fact", City, """{"value":"Rome"}""");

        server.Time.Advance(TimeSpan.FromDays(90));
        Assert.Equal("home city: Paris", (await client.ReadAsync($"/v1/memories/{id}")).Text("content")); // Told to begin again in March.
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_clock_that_goes_back_loses_no_statement(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""");
        server.Time.Advance(TimeSpan.FromSeconds(-30));

        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");

        server.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("home city: London", (await client.ReadAsync($"/v1/memories/{id}")).Text("content"));
        Assert.Equal(["home city: London"], (await client.ReadAsync("/v1/memories?query=home city")).Contents());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Lists_of_another_time_go_on_past_what_has_expired(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var expected = new List<string>();
        foreach (var round in (int[])[1, 2])
        {
            for (var i = 0; i < 6; i++)
            {
                expected.Add($"lasting {i} {round}: {round}");
                await client.SayAsync("ann", "fact", $"lasting_{i}_{round}", $$"""{"value":"{{round}}"}""", ",\"ttl_days\":null");
                await client.SayAsync("ann", "fact", $"passing_{i}_{round}", """{"value":"x"}""", ",\"ttl_days\":2");
            }
        }

        server.Time.Advance(TimeSpan.FromDays(1));
        foreach (var name in (string[])["lasting", "passing"])
        {
            for (var i = 0; i < 6; i++)
            {
                await client.SayAsync("ann", "fact", $"{name}_{i}_1", """{"value":"new"}""", ",\"ttl_days\":null");
            }
        }

        server.Time.Advance(TimeSpan.FromDays(5));
        var found = new List<string>();
        string? cursor = null;
        do
        {
            var page = await client.ReadAsync($"/v1/memories?known_at=2026-01-16T00:00:00Z&limit=3{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}");
            found.AddRange(page.Contents());
            cursor = page.Text("next_cursor");
        }
        while (cursor is not null);
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_turn_that_was_corrected_often_keeps_its_neighbours(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("The garden is in bloom.", ("external_id", "t1"));
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await client.StoreAsync("My kettle whistles.");
        foreach (var word in (string[])["deep", "full", "late"])
        {
            server.Time.Advance(TimeSpan.FromMinutes(1));
            await client.StoreAsync($"The garden is in {word} bloom.", ("external_id", "t1"));
        }

        var hit = Assert.Single((await client.SearchAsync("kettle", ("neighbors", 1))).Items(), item => item.Text("content") == "My kettle whistles.");
        Assert.Equal(["The garden is in late bloom."], hit.GetProperty("neighbors").EnumerateArray().Select(turn => turn.Text("content")!));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Retention_keeps_what_is_true_though_what_was_told_last_has_expired(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Paris"}""", ",\"ttl_days\":null");
        await client.SayAsync("ann", "fact", City, """{"value":"Rome"}""", ",\"valid_from\":\"2026-01-16T00:00:00Z\",\"valid_until\":\"2026-01-18T00:00:00Z\",\"ttl_days\":5");
        server.Time.Advance(TimeSpan.FromDays(10));

        await server.RunAsync();

        Assert.Equal("home city: Paris", (await client.ReadAsync($"/v1/memories/{id}")).Text("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_message_says_at_a_moment_what_it_said_then(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("The meeting is on Monday", ("user_id", "ann"), ("external_id", "m1"));
        server.Time.Advance(TimeSpan.FromHours(1));
        await client.StoreAsync("The meeting is on Friday", ("user_id", "ann"), ("external_id", "m1"));
        server.Time.Advance(TimeSpan.FromHours(1));

        Assert.Equal("The meeting is on Friday", Assert.Single(await SearchAsync(client, "", "meeting")).Text("content"));
        Assert.Equal("The meeting is on Monday", Assert.Single(await SearchAsync(client, "&known_at=2026-01-15T12:30:00Z", "meeting")).Text("content"));
        Assert.Equal("The meeting is on Friday", Assert.Single(await SearchAsync(client, "&as_of=2026-01-15T12:30:00Z", "meeting")).Text("content"));
        Assert.Empty(await SearchAsync(client, "&as_of=2026-01-15T11:30:00Z", "meeting"));
        Assert.Empty(await SearchAsync(client, "&known_at=2026-01-15T12:30:00Z&user_id=bob", "meeting"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_forgotten_is_gone_at_all_times(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var id = await client.SayAsync("ann", "fact", City, """{"value":"Xanadu"}""");
        server.Time.Advance(TimeSpan.FromDays(1));
        await client.SayAsync("ann", "fact", City, """{"value":"London"}""");

        await client.DeleteAsync($"/v1/memories/{id}", Ct);

        Assert.Empty(await SearchAsync(client, "&known_at=2026-01-15T13:00:00Z", "Xanadu"));
        Assert.Empty((await client.ReadAsync("/v1/memories?known_at=2026-01-15T13:00:00Z")).Found());
        Assert.DoesNotContain("Xanadu", await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memory_periods"));
    }

    private static async Task<JsonElement[]> SearchAsync(HttpClient client, string more, string query = "home city") =>
        [.. (await client.ReadAsync($"/v1/memory/search?query={query}&top_k=100{more}")).Items()];

    private static async Task ChangeAsync(HttpClient client, string id, string change) =>
        await (await client.SendAsync("PATCH", $"/v1/memories/{id}", change)).JsonAsync(HttpStatusCode.OK);
}
