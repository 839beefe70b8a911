using Memoir.Server.Recall;
using Memoir.Server.Recall.Search;

namespace Memoir.Tests.Server.Recall;

public sealed class ScopeTests
{
    private static readonly RecallScope Everything = RecallFixture.Everything;

    [Fact]
    public void Scope_decides_what_is_found()
    {
        var start = RecallFixture.Start;
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "red apple", "a") with { UserId = "u1" },
            RecallFixture.Memory(2, "red apple", "b") with { UserId = "u2" },
            RecallFixture.Memory(3, "red apple", "b"),
            RecallFixture.Memory(4, "red apple", "a") with { Archived = true },
            RecallFixture.Memory(5, "red apple", "a") with { ExpiresAt = start.AddDays(1) },
            RecallFixture.Memory(6, "green pear", "p6") with { UserId = IndexedMemory.Everybody },
            RecallFixture.Memory(7, "green pear", "p7") with { UserId = "u2" },
            RecallFixture.Memory(8, "green pear", "p8"));

        Assert.Equal([1, 2, 3], index.Found("apple", Everything).Order());
        Assert.Equal([1, 2, 3, 4], index.Found("apple", Everything with { IncludeArchived = true }).Order());
        Assert.Equal([1, 2, 3, 5], index.Found("apple", Everything with { Now = start }).Order());
        Assert.Equal([1], index.Found("apple", Everything with { UserId = "u1" }));
        Assert.Equal([6], index.Found("pear", Everything with { UserId = "u1", IncludeShared = true }));
        Assert.Equal([6, 7], index.Found("pear", Everything with { UserId = "u2", IncludeShared = true }).Order());
        Assert.Equal([6], index.Found("pear", Everything with { UserId = IndexedMemory.Everybody }));
        Assert.Empty(index.Found("apple", Everything with { UserId = "nobody" }));
        Assert.Equal([2, 3], index.Found("apple", Everything with { ConversationId = "b" }).Order());
        Assert.Empty(index.Found("apple", Everything with { ConversationId = "z" }));
        Assert.Equal([2, 3], index.Found("apple", Everything with { Since = start.AddMinutes(2) }).Order());
        Assert.Equal([1], index.Found("apple", Everything with { Until = start.AddMinutes(2) }));
    }

    [Fact]
    public void What_is_out_of_scope_lends_nothing_to_its_neighbours()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "my sister plays the violin") with { UserId = "u2" },
            RecallFixture.Memory(2, "lovely weather") with { UserId = "u1" },
            RecallFixture.Memory(3, "violin lesson", "elsewhere") with { UserId = "u1" });

        Assert.Equal([3], index.Found("violin", Everything with { UserId = "u1" }));
        Assert.Contains(2, index.Found("violin", Everything));
    }

    [Fact]
    public void A_selection_hides_turns_but_lets_them_lift_others()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "which violin should I buy"),
            RecallFixture.Memory(2, "the one from Cremona") with { Role = MemoryRole.Assistant });
        var request = new RecallRequest(Everything, 10) { Role = MemoryRole.Assistant };

        var hit = Assert.Single(RecallEngine.Search(index, RecallQuery.Parse("violin"), request));

        Assert.Equal(2, hit.Sequence);
        Assert.Equal([1], hit.LiftedBy);
        Assert.Empty(hit.MatchedTerms);
    }

    [Theory]
    [InlineData("""{"tag":"x"}""", new long[] { 1, 3 })]
    [InlineData("""{"tag":"x","deep":{"n":1}}""", new long[] { 1 })]
    [InlineData("""{"deep":{"n":1.0}}""", new long[] { 1, 2 })]
    [InlineData("""{"tag":["x"]}""", new long[] { 1, 3 })]
    [InlineData("""{"list":"b"}""", new long[] { 2 })]
    [InlineData("""{"ok":true}""", new long[] { 2 })]
    [InlineData("""{"n":1}""", new long[] { })]
    [InlineData("""{"deep":{"n":"1"}}""", new long[] { })]
    [InlineData("""{"none":null}""", new long[] { 3 })]
    [InlineData("""{}""", new long[] { 1, 2, 3 })]
    public void A_metadata_filter_wants_every_leaf_at_its_path(string filter, long[] expected)
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "apple", "a") with { Metadata = RecallFixture.Json("""{"tag":"x","deep":{"n":1}}""") },
            RecallFixture.Memory(2, "apple", "b") with { Metadata = RecallFixture.Json("""{"deep":{"n":1},"list":["a","b"],"ok":true}""") },
            RecallFixture.Memory(3, "apple", "c") with { Metadata = RecallFixture.Json("""{"tag":"x","none":null}""") });

        Assert.Equal(expected, index.Found("apple", Everything with { Filter = RecallFixture.Json(filter) }).Order());
    }

    [Fact]
    public void Metadata_is_not_searched_as_text()
    {
        var index = RecallFixture.IndexOf(RecallFixture.Memory(1, "apple") with { Metadata = RecallFixture.Json("""{"fruit":"banana"}""") });

        Assert.Empty(index.Found("banana fruit"));
    }

    [Fact]
    public void The_bitset_marks_exactly_what_may_be_a_hit()
    {
        var index = RecallFixture.IndexOf(
            Enumerable.Range(0, 130).Select(i => RecallFixture.Memory(i, "apple") with { UserId = i % 3 == 0 ? "u" : "v", Role = i % 2 == 0 ? MemoryRole.Tool : MemoryRole.User }));

        var bits = RecallEngine.AllowedOrdinals(index, new RecallRequest(Everything with { UserId = "u" }, 10) { Role = MemoryRole.Tool });

        Assert.All(Enumerable.Range(0, 130), i => Assert.Equal(i % 6 == 0, (bits[i >> 6] >> (i & 63) & 1) == 1));
    }
}
