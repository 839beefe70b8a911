using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Search;
using Memoir.Server.Recall.Segments;

namespace Memoir.Tests.Server.Recall;

public sealed class SelectionTests
{
    private const int Many = 5_000;
    private static readonly int[] Rare = [17, 2_500, 4_999];

    [Theory]
    [InlineData("apple pear")]
    [InlineData("apple")]
    public void A_rare_role_is_found_among_many(string query)
    {
        var index = Crowd((memory, rare) => memory with { Role = rare ? MemoryRole.Tool : MemoryRole.User });

        Assert.Equal(Rare.Select(i => (long)i), Found(index, query, new RecallRequest(RecallFixture.Everything, 10) { Role = MemoryRole.Tool }));
    }

    [Fact]
    public void A_rare_type_is_found_among_many()
    {
        var index = Crowd((memory, rare) => memory with { Type = rare ? "note" : "message" });

        Assert.Equal(Rare.Select(i => (long)i), Found(index, "apple pear", new RecallRequest(RecallFixture.Everything, 10) { Type = "note" }));
        Assert.Empty(Found(index, "apple pear", new RecallRequest(RecallFixture.Everything, 10) { Type = "unknown" }));
    }

    [Fact]
    public void Rare_importance_is_found_among_many()
    {
        var index = Crowd((memory, rare) => memory with { Importance = rare ? 0.9f : 0.5f });
        var request = new RecallRequest(RecallFixture.Everything, 10)
        {
            ImportanceMin = 0.4f,
            ImportanceOf = (parts, _) => parts.Importance / 2,
        };

        Assert.Equal(Rare.Select(i => (long)i), Found(index, "apple pear", request));
    }

    [Fact]
    public void A_selection_is_filled_up_to_the_limit()
    {
        var index = Crowd((memory, _) => memory with { Role = memory.Sequence % 40 == 0 ? MemoryRole.System : MemoryRole.User });
        var request = new RecallRequest(RecallFixture.Everything, 100) { Role = MemoryRole.System };

        Assert.Equal(100, Found(index, "apple pear", request).Length);
    }

    [Fact]
    public void A_selected_turn_is_found_by_what_was_said_before_it_among_many()
    {
        var index = RecallFixture.IndexOf(Enumerable.Range(0, Many).Select(i => i == 3_001
            ? RecallFixture.Memory(i, "yes indeed", $"c{i / 2}") with { Role = MemoryRole.Assistant }
            : RecallFixture.Memory(i, i < 2_500 ? "apple" : "apple on a wide green table", $"c{i / 2}")));

        Assert.Equal([3_001], Found(index, "apple", new RecallRequest(RecallFixture.Everything, 10) { Role = MemoryRole.Assistant }));
    }

    [Fact]
    public void A_text_of_many_passages_takes_one_place_only()
    {
        var book = string.Join(' ', Enumerable.Repeat("apple " + string.Join(' ', Enumerable.Range(0, 59).Select(i => $"w{i}")), 500));
        var index = RecallFixture.IndexOf(Enumerable.Range(0, 40).Select(i => i == 0
            ? RecallFixture.Memory(i, book, "book")
            : RecallFixture.Memory(i, "apple " + string.Join(' ', Enumerable.Range(0, 80).Select(w => $"v{w}")), $"c{i}")));

        Assert.Equal(40, index.Found("apple", limit: 100).Length);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void A_memory_without_a_conversation_is_one_of_its_own(string? none)
    {
        string[] texts = ["apple pear", "hello there", "apple", "pear apple stone", "a stone"];
        var without = RecallFixture.IndexOf(texts.Select((text, i) => RecallFixture.Memory(i, text) with { ConversationId = none }));
        var alone = RecallFixture.IndexOf(texts.Select((text, i) => RecallFixture.Memory(i, text, $"c{i}")));
        var loaded = new TenantIndex();
        loaded.Load(IndexSegment.Encode(without));

        Assert.Equal(Scores(alone), Scores(without));
        Assert.Equal(Scores(alone), Scores(loaded));
        Assert.All(without.Ask("apple"), hit => Assert.Empty(hit.LiftedBy));
        Assert.Empty(without.Found("apple", RecallFixture.Everything with { ConversationId = "" }));
        Assert.True(without.Remove(0));
        Assert.DoesNotContain(0, without.Found("apple"));
    }

    private static IEnumerable<(long, float)> Scores(TenantIndex index) => index.Ask("apple pear").Select(hit => (hit.Sequence, hit.Score));

    private static TenantIndex Crowd(Func<IndexedMemory, bool, IndexedMemory> mark) => RecallFixture.IndexOf(
        Enumerable.Range(0, Many).Select(i => mark(
            RecallFixture.Memory(i, Rare.Contains(i) ? "one more apple beside a long river of stones" : "apple pear", $"c{i}"), Rare.Contains(i))));

    private static long[] Found(TenantIndex index, string query, RecallRequest request) =>
        [.. RecallEngine.Search(index, RecallQuery.Parse(query), request).Select(hit => hit.Sequence).Order()];
}
