using System.Net;
using System.Text.Json;
using Memoir.Tests.Server.Voice;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>What is said again is kept, linked, and found once.</summary>
public sealed class DuplicateTests
{
    private const string Fact = "My bicycle has a bent front wheel.";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_message_said_again_is_kept_linked_and_found_once(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.StoreAsync(Fact);
        var again = await client.StoreAsync("  my bicycle has a BENT front wheel");
        await client.StoreAsync("The wheel of fortune turns.");

        Assert.False(first.TryGetProperty("duplicate_of", out _));
        Assert.Equal(first.Text("id"), again.Text("duplicate_of"));
        Assert.NotEqual(first.Text("id"), again.Text("id"));
        Assert.Equal(first.Text("id"), Assert.Single((await client.SearchAsync("bicycle wheel", ("mode", "lexical"))).Items(), item => item.Text("content")!.Contains("icycle", StringComparison.Ordinal)).Text("message_id"));
        Assert.DoesNotContain(again.Text("id"), (await client.SearchAsync("bicycle", ("mode", "semantic"), ("top_k", 50))).Each("message_id"));
        Assert.DoesNotContain(again.Text("id"), (await client.SearchAsync("bicycle", ("include_archived", true))).Each("message_id"));

        // It is a row like any other.
        var read = await client.ReadAsync($"/v1/messages/{again.Text("id")}");
        Assert.Equal(("  my bicycle has a BENT front wheel", first.Text("id")), (read.Text("content"), read.Text("duplicate_of")));
        Assert.Equal(3, (await client.ReadAsync("/v1/conversations/c1/messages")).Items().Length);
        Assert.Equal(3, (await client.GetStringAsync("/v1/tenants/acme/export", Ct)).Split("\"line\":\"memory\"").Length - 1);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_differs_in_anything_that_can_be_asked_for_stands_for_itself(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync(Fact);
        (string, object?)[][] others =
        [
            [("conversation_id", "c2")], [("role", "assistant")], [("user_id", "ann")], [("name", "Ann")], [("metadata", new Dictionary<string, int> { ["a"] = 1 })],
            [("importance_override", 0.9)], [("external_id", "e1")], [("created_at", server.Time.GetUtcNow().AddDays(-2))],
        ];
        foreach (var members in others)
        {
            Assert.False((await client.StoreAsync(Fact, members)).TryGetProperty("duplicate_of", out _), members[0].Item1);
        }

        Assert.False((await client.StoreAsync(Fact + "?")).TryGetProperty("duplicate_of", out _));
        Assert.False((await server.As("umbrella").StoreAsync(Fact, ("tenant_id", "umbrella"))).TryGetProperty("duplicate_of", out _));
        Assert.False((await client.StoreAsync("Thanks!")).TryGetProperty("duplicate_of", out _));
        Assert.False((await client.StoreAsync("Thanks!")).TryGetProperty("duplicate_of", out _));
        server.Time.Advance(TimeSpan.FromDays(1));
        Assert.False((await client.StoreAsync(Fact)).TryGetProperty("duplicate_of", out _));
        Assert.Equal(others.Length + 3, (await client.SearchAsync("bicycle", ("top_k", 50))).Items().Count(item => item.Text("content")!.StartsWith(Fact, StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Within_a_batch_the_first_one_counts(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var stored = (await client.StoreManyAsync(Message(Fact), Message("Something else was said."), Message(Fact.ToUpperInvariant()), Message(Fact, ("role", "assistant")))).Items();

        Assert.Equal([null, null, stored[0].Text("id"), null], stored.Select(item => item.TryGetProperty("duplicate_of", out var first) ? first.GetString() : null));
        Assert.Equal(4, stored.Select(item => item.Text("id")).Distinct().Count());
        Assert.Equal(2, (await client.SearchAsync("bicycle")).Items().Count(item => item.Text("content")!.Contains("icycle", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_systems_prompt_is_the_same_in_every_conversation(TestEngine engine)
    {
        const string prompt = "You are a helpful assistant of a shop that answers questions.";
        await using var server = await TestApp.StartAsync(engine, ("Quarantine", "off")); // Else it is doubted, and not linked.
        var client = server.As("acme");
        var first = await client.StoreAsync(prompt, ("role", "system"), ("user_id", "ann"));
        server.Time.Advance(TimeSpan.FromDays(3));

        var again = await client.StoreAsync(prompt, ("role", "system"), ("conversation_id", "c7"), ("user_id", "bob"));

        Assert.Equal(first.Text("id"), again.Text("duplicate_of"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_fact_stated_again_is_the_memory_that_stands(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var first = await client.PostAsync(VoiceClient.Memories, """{"content":"Ann is allergic to peanuts and hazelnuts.","user_id":"ann"}""");
        server.Time.Advance(TimeSpan.FromDays(40));

        var again = await client.PostAsync(VoiceClient.Memories, """{"content":"ann is allergic to peanuts and hazelnuts","user_id":"ann"}""");
        var ofUser = await client.PostAsync($"{VoiceClient.Memories}/user?user_id=ann", """{"content":"Ann is allergic to peanuts and hazelnuts."}""");
        var batch = await client.PostAsync($"{VoiceClient.Memories}/batch", """{"items":[{"content":"Ann is allergic to peanuts and hazelnuts.","user_id":"ann"},{"content":"Ann has a new red bicycle.","user_id":"ann"}]}""");

        Assert.Equal(["success", "id", "memory_id", "message"], first.Members());
        Assert.Equal((first.Text("id"), first.Text("id")), (again.Text("memory_id"), again.Text("duplicate_of")));
        Assert.Equal((first.Text("id"), first.Text("id")), (ofUser.Text("memory_id"), ofUser.Text("duplicate_of")));
        Assert.Equal((first.Text("id"), first.Text("id")), (batch.Items()[0].Text("id"), batch.Items()[0].Text("duplicate_of")));
        Assert.Equal(2, (await client.ReadAsync($"{VoiceClient.Memories}?user_id=ann")).Found().Length);
        var read = await client.ReadAsync($"{VoiceClient.Memories}/{first.Text("id")}");
        Assert.False(read.TryGetProperty("duplicate_of", out _)); // It repeats nothing.
        Assert.Equal(1, read.GetProperty("version").GetInt32());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Other_categories_metadata_or_type_make_another_memory(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        const string said = "\"content\":\"Ann is allergic to peanuts and hazelnuts.\"";
        string[] bodies = [$"{{{said}}}", $"{{{said},\"categories\":[\"health\"]}}", $"{{{said},\"metadata\":{{\"a\":1}}}}", $"{{{said},\"type\":\"note\"}}", $"{{{said},\"importance\":0.9}}", $"{{{said},\"user_id\":\"ann\"}}"];
        foreach (var each in bodies)
        {
            Assert.False((await client.PostAsync(VoiceClient.Memories, each)).TryGetProperty("duplicate_of", out _), each);
            Assert.True((await client.PostAsync(VoiceClient.Memories, each)).TryGetProperty("duplicate_of", out _), each);
        }

        Assert.Equal(bodies.Length, (await client.ReadAsync(VoiceClient.Memories)).Found().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Stated_again_it_lives_as_long_as_the_later_one_would_and_not_beyond_its_own_end(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        const string said = "\"content\":\"The side entrance is closed for repairs.\"";
        var first = await client.PostAsync(VoiceClient.Memories, $"{{{said},\"ttl_days\":10}}");
        async Task<DateTimeOffset?> EndAsync() => (await client.ReadAsync($"{VoiceClient.Memories}/{first.Text("id")}")).GetProperty("expires_at") is { ValueKind: JsonValueKind.String } end ? end.GetDateTimeOffset() : null;

        await client.PostAsync(VoiceClient.Memories, $"{{{said},\"ttl_days\":5}}");
        Assert.Equal(server.Time.GetUtcNow().AddDays(10), await EndAsync());
        await client.PostAsync(VoiceClient.Memories, $"{{{said},\"ttl_days\":20}}");
        Assert.Equal(server.Time.GetUtcNow().AddDays(20), await EndAsync());
        server.Time.Advance(TimeSpan.FromDays(15));
        Assert.Single((await client.SearchAsync("side entrance")).Items());
        server.Time.Advance(TimeSpan.FromDays(6));
        var fresh = await client.PostAsync(VoiceClient.Memories, $"{{{said}}}");

        Assert.False(fresh.TryGetProperty("duplicate_of", out _)); // The old one's time is over.
        Assert.NotEqual(first.Text("id"), fresh.Text("id"));
        var batch = await client.PostAsync($"{VoiceClient.Memories}/batch", """{"items":[{"content":"The lift is out of order again.","ttl_days":1},{"content":"The lift is out of order again."}]}""");
        Assert.Equal(batch.Items()[0].Text("id"), batch.Items()[1].Text("duplicate_of"));
        Assert.Equal(JsonValueKind.Null, (await client.ReadAsync($"{VoiceClient.Memories}/{batch.Items()[0].Text("id")}")).GetProperty("expires_at").ValueKind);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_request_gets_its_first_answer_also_of_a_duplicate(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync(Fact);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "twice");

        var one = await client.StoreAsync(Fact);
        var two = await client.StoreAsync(Fact);

        Assert.Equal(one.GetRawText(), two.GetRawText());
        Assert.True(one.TryGetProperty("duplicate_of", out _));
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memories"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_hidden_is_no_neighbour_and_stays_hidden_in_another_process_and_after_a_merge(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("The zeppelin landed in the garden.", ("created_at", server.Time.GetUtcNow().AddMinutes(-5)));
        var again = await client.StoreAsync("The zeppelin landed in the garden.", ("created_at", server.Time.GetUtcNow().AddMinutes(-4)));
        await client.StoreAsync("Its captain asked for tea.", ("created_at", server.Time.GetUtcNow().AddMinutes(-3)));

        Assert.DoesNotContain(again.Text("id")!, await client.GetStringAsync("/v1/memory/search?query=captain&neighbors=2", Ct), StringComparison.Ordinal);
        await using var beside = TestApp.StartBeside(server);
        Assert.Single((await beside.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items(), item => item.Text("content")!.Contains("zeppelin", StringComparison.Ordinal));
        await client.StoreAsync("The zeppelin landed in the garden.", ("created_at", server.Time.GetUtcNow().AddMinutes(-2)));
        Assert.Single((await beside.As("acme").SearchAsync("zeppelin", ("mode", "lexical"))).Items(), item => item.Text("content")!.Contains("zeppelin", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_is_counted()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Message(Fact), Message(Fact), Message(Fact));
        await client.StoreAsync(DoubtfulTexts.Injections[0]);

        var metrics = await server.WithKey(TestApp.OperatorKey).GetStringAsync("/metrics", Ct);

        Assert.Contains("memory_duplicates_total 2", metrics, StringComparison.Ordinal);
        Assert.Contains("memories_quarantined_total{reason=\"injection_pattern\"} 1", metrics, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/quarantine", Ct)).StatusCode);
    }
}
