using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Recall;

/// <summary>Every filter acts before the scoring: what it refuses takes no place, lends no word and changes no score.</summary>
public sealed class SearchFilterTests
{
    public static TheoryData<string, string, string> Filters => new()
    {
        { "user_id", "\"user_id\":\"wanted\"", "\"user_id\":\"other\"" },
        { "conversation_id", "\"conversation_id\":\"wanted\"", "\"conversation_id\":\"other\"" },
        { "role", "\"role\":\"assistant\"", "\"role\":\"user\"" },
        { "importance_min", "\"importance_override\":0.95", "\"importance_override\":0.05" },
        { "since", "\"created_at\":\"2026-01-10T00:00:00Z\"", "\"created_at\":\"2026-01-09T23:59:59.999999Z\"" },
        { "until", "\"created_at\":\"2026-01-04T23:59:59.999999Z\"", "\"created_at\":\"2026-01-05T00:00:00Z\"" },
        { "filter", "\"metadata\":{\"k\":\"wanted\"}", "\"metadata\":{\"k\":\"other\"}" },
    };

    [Theory, MemberData(nameof(Filters))]
    public async Task A_weak_match_inside_the_filter_is_found_behind_a_thousand_strong_ones_outside(string name, string inside, string outside)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 600).Select(i => With("lighthouse lighthouse keeper lighthouse", i, outside)));
        await client.StoreManyAsync(With("Far away and long ago, when the winter was very cold, there may have been some other lighthouse on the coast.", 9999, inside));

        foreach (var mode in (string[])["lexical", "semantic", "hybrid"])
        {
            var answer = await client.SearchAsync("lighthouse keeper", Asked(name), ("mode", mode), ("top_k", 3));

            Assert.True(answer.Items().Length == 1, $"{mode}: {answer.GetRawText()}");
            Assert.StartsWith("Far away", answer.Items()[0].Text("content"), StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_type_that_no_memory_has_finds_nothing(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("A lighthouse.");

        Assert.Single((await client.SearchAsync("lighthouse", ("type", "message"))).Items());
        Assert.Empty((await client.SearchAsync("lighthouse", ("type", "fact"))).Items());
    }

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Since_is_inclusive_and_until_is_exclusive_to_the_microsecond(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        foreach (var time in (string[])["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z"])
        {
            await client.StoreAsync("A lighthouse.", ("created_at", time));
        }

        var answer = await client.SearchAsync(
            "lighthouse", ("since", "2026-01-01T00:00:00.000001Z"), ("until", "2026-01-01T01:00:00.000002+01:00"));

        Assert.Equal(["2026-01-01T00:00:00.000001Z"], answer.Each("created_at"));
    }

    [Theory]
    [InlineData("""{"a":1}""", true)]
    [InlineData("""{"a":1.0}""", true)]
    [InlineData("""{"a":1e0}""", true)]
    [InlineData("""{"a":"1"}""", false)]
    [InlineData("""{"a":2}""", false)]
    [InlineData("""{"b":{"c":true}}""", true)]
    [InlineData("""{"b":{"c":false}}""", false)]
    [InlineData("""{"c":true}""", false)]
    [InlineData("""{"b.c":true}""", false)]
    [InlineData("""{"d":["x"]}""", true)]
    [InlineData("""{"d":["y","x"]}""", true)]
    [InlineData("""{"d":"y"}""", true)]
    [InlineData("""{"d":["x","z"]}""", false)]
    [InlineData("""{"e":null}""", true)]
    [InlineData("""{"f":null}""", false)]
    [InlineData("""{"g":[{"h":"deep"}]}""", true)]
    [InlineData("""{"a":1,"d":["x"],"b":{"c":true}}""", true)]
    [InlineData("""{"a":1,"d":["q"]}""", false)]
    [InlineData("""{"A":1}""", false)]
    [InlineData("""{"t":"Großer Text"}""", true)]
    [InlineData("""{"t":"großer text"}""", false)]
    [InlineData("{}", true)]
    public async Task A_metadata_filter_asks_for_every_scalar_at_its_path(string filter, bool isFound)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreAsync("A lighthouse.", ("metadata", Parse(
            """{"a":1,"b":{"c":true},"d":["x","y"],"e":null,"g":[{"h":"deep"}],"t":"Großer Text"}""")));

        var answer = await client.SearchAsync("lighthouse", ("filter", Parse(filter)));

        Assert.Equal(isFound ? 1 : 0, answer.Items().Length);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Turns_of_another_user_are_no_neighbours_of_a_search_for_one_user(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("Bob's secret.", ("user_id", "bob"));
        await client.StoreAsync("Ann saw a zebra.", ("user_id", "ann"));
        await client.StoreAsync("Ann went home.", ("user_id", "ann"));

        var item = (await client.SearchAsync("zebra", ("user_id", "ann"), ("neighbors", 3), ("top_k", 1), ("explain", true))).Items()[0];

        Assert.Equal(["Ann went home."], item.GetProperty("neighbors").EnumerateArray().Select(n => n.Text("content")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_another_user_said_changes_no_score_of_a_search_for_one_user_but_through_word_frequencies(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("I like the zoo.", ("user_id", "ann"));
        await client.StoreAsync("Ann saw a zebra.", ("user_id", "ann"));
        await client.StoreAsync("Then we ate.", ("user_id", "bob"));

        var answer = await client.SearchAsync("zebra", ("user_id", "ann"), ("explain", true), ("top_k", 10));

        Assert.All(answer.Items(), item => Assert.Equal("ann", item.Text("user_id")));
        Assert.DoesNotContain("bob", answer.GetRawText(), StringComparison.Ordinal);
    }

    private static (string Name, object? Value) Asked(string name) => name switch
    {
        "user_id" or "conversation_id" => (name, "wanted"),
        "role" => (name, "assistant"),
        "importance_min" => (name, 0.9),
        "since" => (name, "2026-01-10T00:00:00Z"),
        "until" => (name, "2026-01-05T00:00:00Z"),
        _ => (name, new { k = "wanted" }),
    };

    private static Dictionary<string, object?> With(string content, int number, string member)
    {
        var message = Message(content, ("conversation_id", $"c{number}"), ("importance_override", 0.5));
        foreach (var given in Parse($"{{{member}}}").EnumerateObject())
        {
            message[given.Name] = given.Value.Clone();
        }

        return message;
    }
}
