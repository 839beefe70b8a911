using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Segments;

namespace Memoir.Tests.Server.Recall;

public sealed class TenantIndexTests
{
    [Fact]
    public void A_replaced_memory_is_found_by_its_new_words_only()
    {
        var index = RecallFixture.IndexOf("apple", "pear");

        index.Put(Analyzer.Analyse(RecallFixture.Memory(1, "plum", "c0")));

        Assert.Empty(index.Found("apple"));
        Assert.Equal([1], index.Found("plum"));
        Assert.Equal((2, 1), (index.LiveCount, index.DeadCount));
        Assert.Equal(2, index.OrdinalOf(1));
    }

    [Fact]
    public void A_removed_memory_is_gone_and_no_longer_lifts_others()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "hello"), RecallFixture.Memory(2, "violin"), RecallFixture.Memory(3, "bye"));
        Assert.Equal(3, index.Found("violin").Length);

        Assert.True(index.Remove(2));

        Assert.Empty(index.Found("violin"));
        Assert.False(index.Remove(2));
        Assert.Equal(-1, index.OrdinalOf(2));
    }

    [Fact]
    public void Filter_fields_change_without_a_new_analysis()
    {
        var index = RecallFixture.IndexOf("apple");

        Assert.True(index.SetArchived(1, true));
        Assert.Empty(index.Found("apple"));
        Assert.True(index.SetArchived(1, false));
        Assert.True(index.UpdateParts(1, 0.1f, 0.8f, null));
        Assert.Equal(0.8f, Assert.Single(index.Ask("apple")).Importance);
        Assert.True(index.UpdateParts(1, 0.1f, null, RecallFixture.Start));
        Assert.Empty(index.Found("apple"));
        Assert.False(index.SetArchived(7, true));
    }

    [Fact]
    public void Neighbours_are_those_by_time_even_when_turns_arrive_late()
    {
        var late = RecallFixture.Memory(2, "nothing special");
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "violin"), RecallFixture.Memory(3, "well then"), RecallFixture.Memory(4, "so long"), late);

        var lifted = index.Ask("violin").Single(hit => hit.Sequence == 2);

        Assert.Equal([1], lifted.LiftedBy);
        Assert.Empty(index.Ask("violin").Where(hit => hit.Sequence == 3).SelectMany(hit => hit.LiftedBy));
    }

    [Fact]
    public void A_segment_gives_back_the_same_answers()
    {
        var index = Sample();
        var loaded = new TenantIndex();

        loaded.Load(IndexSegment.Encode(index));

        Assert.Equal(index.LiveCount, loaded.LiveCount);
        Assert.Equal(0, loaded.DeadCount);
        foreach (var query in new[] { "violin garden", "Anna's river in March", "the", "winter 7", "42 stone" })
        {
            Assert.Equal(Answers(index, query), Answers(loaded, query));
        }

        var scope = RecallFixture.Everything with { Filter = RecallFixture.Json("""{"n":3}"""), UserId = "u1" };
        Assert.Equal(index.Found("violin garden river", scope), loaded.Found("violin garden river", scope));
    }

    [Fact]
    public void Segments_and_later_writes_build_one_index()
    {
        var memories = Enumerable.Range(0, 40).Select(i => RecallFixture.Memory(i, $"apple number {i}", $"c{i % 4}")).ToArray();
        var index = new TenantIndex();

        index.Load(IndexSegment.Encode(memories[..20].Select(Analyzer.Analyse)));
        index.Load(IndexSegment.Encode(memories[15..].Select(Analyzer.Analyse)));
        index.Put(Analyzer.Analyse(RecallFixture.Memory(3, "pear", "c3")));
        index.Remove(4);

        Assert.Equal(39, index.LiveCount);
        Assert.Equal([3], index.Found("pear", limit: 1));
        Assert.DoesNotContain(4, index.Found("number 4", limit: 100));
    }

    [Fact]
    public void Damaged_segments_are_refused_whole()
    {
        var segment = IndexSegment.Encode(Sample());

        for (var at = 0; at < segment.Length; at += 97)
        {
            var damaged = segment.ToArray();
            damaged[at] ^= 0x10;
            var index = new TenantIndex();

            Assert.Throws<InvalidDataException>(() => index.Load(damaged));
            Assert.Equal(0, index.LiveCount);
        }

        Assert.Throws<InvalidDataException>(() => new TenantIndex().Load(segment[..^1]));
        Assert.Throws<InvalidDataException>(() => new TenantIndex().Load(Array.Empty<byte>()));
    }

    [Fact]
    public async Task Readers_see_only_whole_memories_while_one_writer_adds()
    {
        const int count = 4000;
        var index = new TenantIndex();
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var searches = 0;
            while (!done.IsCancellationRequested || searches == 0)
            {
                foreach (var hit in index.Ask("apple pear extra", limit: 50))
                {
                    Assert.Equal(["apple", "pear"], hit.MatchedTerms.Take(2));
                    searches++;
                }
            }

            return searches;
        }, TestContext.Current.CancellationToken)).ToArray();

        for (var i = 0; i < count; i++)
        {
            index.Put(Analyzer.Analyse(RecallFixture.Memory(i % 3000, $"apple pear {i} filler{i % 700}", $"c{i % 50}")));
            if (i % 10 == 0)
            {
                index.Remove(i / 2);
            }
        }

        await done.CancelAsync();
        Assert.All(await Task.WhenAll(readers), searches => Assert.True(searches > 0));
    }

    private static TenantIndex Sample()
    {
        var words = "apple pear plum violin garden river stone cloud winter friend".Split(' ');
        var random = new Random(5);
        var index = RecallFixture.IndexOf(Enumerable.Range(0, 300).Select(i => RecallFixture.Memory(
            (i * 7919L) % 1000, string.Join(' ', Enumerable.Range(0, random.Next(1, 150)).Select(_ => words[random.Next(words.Length)])) + $" {i} the?",
            $"c{i % 9}") with
        {
            UserId = i % 2 == 0 ? null : $"u{i % 5}",
            Name = i % 3 == 0 ? "Anna" : null,
            Role = (MemoryRole)(i % 4),
            Type = i % 6 == 0 ? "note" : null,
            Archived = i % 20 == 0,
            ExpiresAt = i % 30 == 1 ? RecallFixture.Start.AddYears(9) : null,
            Metadata = RecallFixture.Json($$"""{"n":{{i % 6}},"name":"x\ud83d\ude00"}"""),
            ImportanceOverride = i % 11 == 0 ? 0.7f : null,
        }));
        index.Remove(7919L * 3 % 1000);
        return index;
    }

    private static IEnumerable<(long Sequence, float Score, string Matched)> Answers(TenantIndex index, string query) =>
        index.Ask(query, limit: 100).Select(hit => (hit.Sequence, hit.Score, string.Join(' ', hit.MatchedTerms)));
}
