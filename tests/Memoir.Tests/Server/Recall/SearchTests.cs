using System.Globalization;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Recall;

public sealed class SearchTests
{
    private static readonly string[] Contract =
    [
        "message_id", "external_id", "name", "score", "similarity", "importance", "content", "role", "type",
        "conversation_id", "user_id", "metadata", "created_at",
    ];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_message_is_found_the_moment_its_store_was_answered(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        for (var i = 0; i < 50; i++)
        {
            var stored = await client.StoreAsync($"Marker number{i} of the harbour.");

            var found = await client.SearchAsync($"number{i}", ("top_k", 1));
            Assert.Equal([stored.Text("id")!], found.Each("message_id"));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_item_has_exactly_the_members_of_the_contract(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var stored = await client.StoreAsync("The ferry leaves at noon.", ("name", "Ada"), ("user_id", "u"), ("external_id", "e"), ("metadata", new { k = 1 }));

        var answer = await client.SearchAsync("ferry");

        Assert.Equal(["total", "items"], answer.Members());
        Assert.Equal(1, answer.GetProperty("total").GetInt32());
        var item = answer.Items()[0];
        Assert.Equal(Contract, item.Members());
        Assert.Equal(stored.Text("id"), item.Text("message_id"));
        Assert.Equal("e", item.Text("external_id"));
        Assert.Equal("Ada", item.Text("name"));
        Assert.Equal("u", item.Text("user_id"));
        Assert.Equal("message", item.Text("type"));
        Assert.Equal(stored.Text("created_at"), item.Text("created_at"));
        Assert.Equal("""{"k":1}""", item.GetProperty("metadata").GetRawText());
        Assert.Equal(stored.Number("importance_score"), item.Number("importance"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_explanation_has_exactly_the_members_of_the_contract(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("When does the ferry leave?");
        await client.StoreAsync("The ferry leaves at noon.");

        var item = (await client.SearchAsync("ferry noon", ("explain", true))).Items()[0];

        var explain = item.GetProperty("explain");
        Assert.Equal(["semantic", "lexical", "importance", "lexical_parts", "matched_terms", "lifted_by"], explain.Members());
        Assert.Equal(["own", "window", "neighbors", "conversation"], explain.GetProperty("lexical_parts").Members());
        Assert.Equal(["ferry", "noon"], explain.GetProperty("matched_terms").EnumerateArray().Select(term => term.GetString()));
        Assert.Single(explain.GetProperty("lifted_by").EnumerateArray());
        Assert.Equal(item.Number("importance"), explain.Number("importance"));
    }

    [Theory]
    [InlineData(null, null, 0.7, 0.3)]
    [InlineData(1.0, 0.0, 1, 0)]
    [InlineData(0.0, 1.0, 0, 1)]
    [InlineData(0.2, null, 0.2, 0.3)]
    [InlineData(1.0, 1.0, 1, 1)]
    public async Task The_score_is_the_weighted_sum_of_similarity_and_importance(double? similarity, double? importance, double ofSimilarity, double ofImportance)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var answer = await client.SearchAsync("garden tomatoes", ("weights", new { similarity, importance }), ("top_k", 20));

        Assert.NotEmpty(answer.Items());
        Assert.All(answer.Items(), item =>
            Assert.Equal((ofSimilarity * item.Number("similarity")) + (ofImportance * item.Number("importance")), item.Number("score"), 0.00015));
        Assert.All(answer.Items(), item => Assert.InRange(item.Number("similarity"), 0, 1));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Numbers_have_at_most_four_decimals(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var answer = await client.SearchAsync("garden tomatoes", ("explain", true), ("top_k", 20));

        Assert.All(Numbers(answer), text => Assert.True(
            text.Length - text.IndexOf('.', StringComparison.Ordinal) - 1 <= 4 || !text.Contains('.', StringComparison.Ordinal), text));
    }

    [Theory]
    [InlineData("hybrid")]
    [InlineData("lexical")]
    [InlineData("semantic")]
    public async Task Fewer_items_are_the_beginning_of_more_items(string mode)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 12).Select(_ => Message("The same words about a lighthouse.")));
        var all = await client.SearchAsync("lighthouse", ("mode", mode), ("top_k", 12));

        for (var count = 1; count < 12; count++)
        {
            var some = await client.SearchAsync("lighthouse", ("mode", mode), ("top_k", count));

            Assert.Equal(all.Each("message_id").Take(count), some.Each("message_id"));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_equal_scores_the_newer_comes_first(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        foreach (var day in (int[])[3, 1, 2])
        {
            await client.StoreAsync("A lighthouse.", ("conversation_id", $"c{day}"), ("created_at", $"2026-01-0{day}T00:00:00Z"), ("importance_override", 0.5));
        }

        var answer = await client.SearchAsync("lighthouse", ("mode", "semantic"));

        Assert.Equal(["c3", "c2", "c1"], answer.Each("conversation_id"));
    }

    [Theory]
    [InlineData("lexical")]
    [InlineData("semantic")]
    [InlineData("hybrid")]
    public async Task Items_come_by_descending_score(string mode)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var scores = (await client.SearchAsync("garden tomatoes in summer", ("mode", mode), ("top_k", 30))).Items().Select(item => item.Number("score")).ToList();

        Assert.NotEmpty(scores);
        Assert.Equal(scores.OrderDescending(), scores);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task In_semantic_mode_the_similarity_is_that_of_the_vectors(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var answer = await client.SearchAsync("garden tomatoes", ("mode", "semantic"), ("explain", true), ("top_k", 50));

        Assert.NotEmpty(answer.Items());
        Assert.All(answer.Items(), item => Assert.Equal(item.GetProperty("explain").Number("semantic"), item.Number("similarity")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_lexical_search_finds_nothing_without_a_common_word(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var answer = await client.SearchAsync("zeppelin", ("mode", "lexical"));

        Assert.Equal("""{"total":0,"items":[]}""", answer.GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Get_and_post_give_the_same_answer(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreManyAsync(Corpus());

        var got = await client.ReadAsync(
            "/v1/memory/search?query=garden%20tomatoes&top_k=7&mode=hybrid&neighbors=2&explain=true&role=user&user_id=u1&type=message"
            + "&importance_min=0.1&since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00%2B00:00&include_archived=true&conversation_id=c1");
        var posted = await client.SearchAsync(
            "garden tomatoes", ("top_k", 7), ("mode", "hybrid"), ("neighbors", 2), ("explain", true), ("role", "user"), ("user_id", "u1"), ("type", "message"),
            ("importance_min", 0.1), ("since", "2026-01-01T00:00:00Z"), ("until", "2026-02-01T00:00:00Z"), ("include_archived", true), ("conversation_id", "c1"));

        Assert.NotEmpty(got.Items());
        Assert.Equal(posted.GetRawText(), got.GetRawText());
    }

    [Theory]
    [InlineData(null, 5)]
    [InlineData(1, 1)]
    [InlineData(100, 100)]
    public async Task As_many_items_are_given_as_were_asked_for(int? topK, int expected)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 300).Select(i => Message($"The lighthouse of island {i}.")));

        var answer = await client.SearchAsync("lighthouse", ("top_k", topK));

        Assert.Equal(expected, answer.Items().Length);
        Assert.Equal(expected, answer.GetProperty("total").GetInt32());
        Assert.Equal(expected, answer.Each("message_id").Distinct().Count());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task No_search_gives_more_than_the_operator_allows(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("MaxResults", "3"));
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 9).Select(i => Message($"The lighthouse of island {i}.")));

        var answer = await client.SearchAsync("lighthouse", ("top_k", 9));

        Assert.Equal(3, answer.Items().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Neighbours_are_the_turns_around_a_hit_in_the_order_they_were_said(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        string[] turns = ["one", "two", "three", "the zebra", "five", "six", "seven"];
        foreach (var turn in turns)
        {
            await client.StoreAsync(turn);
            server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var item = (await client.SearchAsync("zebra", ("neighbors", 2), ("top_k", 1))).Items()[0];

        var neighbours = item.GetProperty("neighbors").EnumerateArray().ToList();
        Assert.Equal(["message_id", "role", "name", "content", "created_at"], neighbours[0].Members());
        Assert.Equal(["two", "three", "five", "six"], neighbours.Select(n => n.Text("content")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deleted_turn_is_no_neighbour_and_the_next_one_takes_its_place(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("one");
        var two = await client.StoreAsync("two");
        await client.StoreAsync("the zebra");
        await client.DeleteAsync($"/v1/messages/{two.Text("id")}", Ct);

        var item = (await client.SearchAsync("zebra", ("neighbors", 1), ("top_k", 1))).Items()[0];

        Assert.Equal(["one"], item.GetProperty("neighbors").EnumerateArray().Select(n => n.Text("content")));
    }

    private static IEnumerable<string> Numbers(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => [value.GetRawText()],
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Numbers),
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member => Numbers(member.Value)),
        _ => [],
    };

    private static IEnumerable<Dictionary<string, object?>> Corpus()
    {
        string[] words = ["garden", "tomatoes", "summer", "kettle", "bicycle", "river", "piano", "winter", "train", "window"];
        for (var i = 0; i < 60; i++)
        {
            yield return Message(
                $"We talked about the {words[i % 10]} and the {words[i * 7 % 10]} near the {words[i * 3 % 10]}.",
                ("user_id", $"u{i % 2}"), ("role", i % 3 == 0 ? "assistant" : "user"), ("conversation_id", i < 50 ? "c1" : "c2"),
                ("created_at", string.Create(CultureInfo.InvariantCulture, $"2026-01-{1 + (i / 5):00}T0{i % 5}:00:00Z")));
        }
    }
}
