using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Index;
using Memoir.Server.Recall.Ranking;
using Memoir.Server.Recall.Search;

namespace Memoir.Tests.Server.Recall;

public sealed class RankingTests
{
    private static readonly string[] Words = "apple pear plum violin garden river stone cloud winter friend".Split(' ');

    [Theory]
    [InlineData(1, 10, 10, 1f)]
    [InlineData(0, 10, 10, 0f)]
    [InlineData(1000, 10, 10, 1.9f)]
    public void Saturation_runs_from_none_to_k1_plus_one(float count, float length, float average, float expected) =>
        Assert.Equal(expected, Bm25.Saturation(count, length, average, 0.9f, 0.4f), 0.01f);

    [Fact]
    public void Rare_words_weigh_more_and_none_weighs_less_than_nothing()
    {
        Assert.True(Bm25.Idf(100, 1) > Bm25.Idf(100, 50));
        Assert.True(Bm25.Idf(100, 100) > 0);
    }

    [Theory]
    [InlineData(-1f, 0f)]
    [InlineData(0f, 0f)]
    [InlineData(0.5f, 0.5f)]
    [InlineData(0.8f, 0.8f)]
    [InlineData(1f, 0.926f)]
    [InlineData(100f, 1f)]
    public void Similarity_is_the_share_of_a_full_match_and_bends_below_one(float share, float similarity) =>
        Assert.Equal(similarity, HitList.Normalise(share), 0.001f);

    [Fact]
    public void A_turn_that_is_removed_while_a_search_runs_moves_up_neighbours_whose_words_were_not_counted()
    {
        var index = RecallFixture.IndexOf(Enumerable.Range(1, 20).Select(i =>
            RecallFixture.Memory(i, i is 3 or 10 ? "the grey kitten ate soup" : $"soup number {i}")));
        var gone = false;
        var request = new RecallRequest(RecallFixture.Everything, Limit: 1)
        {
            Options = RankingOptions.Default with { Finalists = 1 },
            ImportanceOf = (_, _) =>
            {
                // Asked of the first finalist: what stands around the second one changes before it is scored.
                gone = gone || (index.Remove(4) && index.Remove(11));
                return 0.5f;
            },
        };

        var hit = Assert.Single(RecallEngine.Search(index, RecallQuery.Parse("grey kitten soup"), request));

        Assert.True(gone);
        Assert.Contains(hit.Sequence, (long[])[3, 10]);
    }

    [Fact]
    public void A_word_that_is_also_a_name_is_a_name_only_when_capitalised()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "I take art classes on Monday", "a") with { Name = "Lena" },
            RecallFixture.Memory(2, "dinner was late", "b") with { Name = "Art" });

        Assert.Equal(1, index.Found("art classes")[0]);
    }

    [Fact]
    public void A_full_match_is_clearly_above_a_partial_one_and_does_not_fill_the_scale_by_being_best()
    {
        var index = RecallFixture.IndexOf("I adopted a grey kitten named Miso", "the kitten of a neighbour", "train to Oslo", "we ate soup");

        var full = index.Ask("grey kitten Miso");
        var poor = index.Ask("kitten aquarium telescope volcano");

        Assert.Equal(1, full[0].Sequence);
        Assert.InRange(full[0].Similarity, 0.6f, 1f);
        Assert.InRange(full[1].Similarity, 0f, 0.5f);
        Assert.InRange(poor[0].Similarity, 0.01f, 0.4f);
    }

    [Fact]
    public void The_named_speakers_turn_comes_before_a_turn_that_mentions_the_name()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "Caroline, how was the hiking trip", "a") with { Name = "Melanie" },
            RecallFixture.Memory(2, "the hiking trip was great", "b") with { Name = "Caroline" });

        Assert.Equal(2, index.Found("Where did Caroline go hiking?")[0]);
    }

    [Fact]
    public void A_date_in_the_question_finds_what_was_said_then()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "we had a picnic", "a") with { OccurredAt = new DateTimeOffset(2023, 5, 8, 9, 0, 0, TimeSpan.Zero) },
            RecallFixture.Memory(2, "we had a picnic", "b") with { OccurredAt = new DateTimeOffset(2023, 7, 9, 9, 0, 0, TimeSpan.Zero) });

        Assert.Equal(1, index.Found("the picnic in May")[0]);
        Assert.Equal(2, index.Found("picnic on 9 July 2023")[0]);
    }

    [Fact]
    public void The_best_passage_of_a_long_text_counts()
    {
        var filler = string.Join(' ', Enumerable.Range(0, 2000).Select(i => Words[i % Words.Length]));
        var index = RecallFixture.IndexOf(filler + " saxophone lesson " + filler, "nothing of interest");

        var hit = Assert.Single(index.Ask("saxophone lesson"));

        Assert.True(hit.Similarity > 0.3f);
    }

    [Fact]
    public void In_a_chat_the_users_own_words_come_first()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "violin practice daily") with { Role = MemoryRole.Assistant },
            RecallFixture.Memory(2, "good morning"),
            RecallFixture.Memory(3, "fine thanks"),
            RecallFixture.Memory(4, "violin practice daily"));

        Assert.Equal(4, index.Found("violin practice")[0]);
    }

    [Fact]
    public void Equal_scores_come_newest_first_then_by_descending_sequence()
    {
        var at = RecallFixture.Start;
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(5, "apple", "a") with { OccurredAt = at },
            RecallFixture.Memory(9, "apple", "b") with { OccurredAt = at },
            RecallFixture.Memory(2, "apple", "c") with { OccurredAt = at.AddHours(1) });

        Assert.Equal([2, 9, 5], index.Found("apple"));
    }

    [Fact]
    public void Importance_ages_by_the_given_function_and_breaks_ties()
    {
        var index = RecallFixture.IndexOf(
            RecallFixture.Memory(1, "apple", "a") with { ImportanceOverride = 0.9f },
            RecallFixture.Memory(2, "apple", "b"));
        var request = new RecallRequest(RecallFixture.Everything, 10)
        {
            ImportanceOf = (parts, _) => parts.ImportanceOverride ?? 0.2f,
            ImportanceMin = 0.5f,
        };

        var hit = Assert.Single(RecallEngine.Search(index, RecallQuery.Parse("apple"), request));

        Assert.Equal(1, hit.Sequence);
        Assert.Equal((0.7f * hit.Similarity) + (0.3f * 0.9f), hit.Score, 1e-5f);
    }

    [Fact]
    public void Meaning_finds_what_words_do_not_and_a_missing_vector_costs_nothing()
    {
        var index = RecallFixture.IndexOf("my feline sleeps all day", "the cat sat", "stock prices fell");
        float[] cosines = [0.9f, float.NaN, 0.1f];
        var request = new RecallRequest(RecallFixture.Everything, 10)
        {
            Semantic = new SemanticEvidence([(0, 0.9f), (2, 0.1f)], ordinal => cosines[ordinal], 0.5f),
        };

        var hybrid = RecallEngine.Search(index, RecallQuery.Parse("cat"), request);
        var semantic = RecallEngine.Search(index, RecallQuery.Parse("cat"), request with { Mode = RecallMode.Semantic });
        var lexical = RecallEngine.Search(index, RecallQuery.Parse("cat"), request with { Mode = RecallMode.Lexical });

        Assert.Equal([2, 1, 3], hybrid.Select(hit => hit.Sequence));
        Assert.Equal(lexical[0].Similarity, hybrid[0].Similarity);
        Assert.Equal([1, 3], semantic.Select(hit => hit.Sequence));
        Assert.Equal(0.9f, semantic[0].Similarity);
        Assert.Equal([2], lexical.Select(hit => hit.Sequence));
    }

    [Fact]
    public void Similarity_is_between_nothing_and_full_for_any_text() =>
        Prop.ForAll(Texts(), ArbMap.Default.ArbFor<NonNull<string>>(), (texts, noise) =>
        {
            var index = RecallFixture.IndexOf([.. texts, noise.Get]);
            return index.Ask(texts[0] + " " + noise.Get, limit: 50)
                .All(hit => hit.Similarity is > 0f and <= 1f && hit.Score is >= 0f and <= 1f);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_memory_of_another_conversation_never_removes_a_hit() =>
        Prop.ForAll(Texts(), texts =>
        {
            var before = RecallFixture.IndexOf(texts).Found(texts[0], limit: 100);
            var after = RecallFixture.IndexOf([.. texts, "apple violin stone"]).Found(texts[0], limit: 100);
            return before.All(after.Contains);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_found_does_not_depend_on_the_order_of_insertion() =>
        Prop.ForAll(Texts(), ArbMap.Default.ArbFor<int>(), (texts, seed) =>
        {
            var memories = texts.Select((text, i) => RecallFixture.Memory(i + 1, text, $"c{i % 3}")).ToArray();
            var shuffled = memories.ToArray();
            new Random(seed).Shuffle(shuffled);
            return Ranked(RecallFixture.IndexOf(memories), texts[0]).SequenceEqual(Ranked(RecallFixture.IndexOf(shuffled), texts[0]));
        }).QuickCheckThrowOnFailure();

    private static IEnumerable<(long Sequence, float Score)> Ranked(TenantIndex index, string query) =>
        index.Ask(query, limit: 100).Select(hit => (hit.Sequence, hit.Score));

    private static Arbitrary<string[]> Texts()
    {
        var text = Gen.Elements(Words).NonEmptyListOf().Select(words => string.Join(' ', words.Take(12)));
        return text.NonEmptyListOf().Select(texts => texts.Take(30).ToArray()).ToArbitrary();
    }
}
