using Memoir.Server.Analytics;

namespace Memoir.Tests.Server.Analytics;

/// <summary>Topics and repetitions, without a server.</summary>
public sealed class WordingTests
{
    [Theory]
    [InlineData("What is it?", "What is it?")]
    [InlineData("Hello. What is it?  ", "What is it?")]
    [InlineData("One? Two?", "Two?")]
    [InlineData("What?!?", "What?!?")]
    [InlineData("Really??", "Really??")]
    [InlineData("It is.", null)]
    [InlineData("?", null)]
    [InlineData("…?", null)]
    [InlineData("", null)]
    [InlineData("何ですか\uff1f", "何ですか\uff1f")]
    public void A_question_is_the_last_sentence_that_asks(string text, string? question) =>
        Assert.Equal(question, RepeatedTexts.Question(text));

    [Theory]
    [InlineData("  What's   UP, doc?!", "whats up doc")]
    [InlineData("Ünï-code\u2019s", "ünï codes")]
    [InlineData("!!!", "")]
    public void Marks_blanks_and_capitals_make_no_difference(string text, string plain) => Assert.Equal(plain, RepeatedTexts.Plain(text));

    [Fact]
    public void Topics_are_the_words_that_tell_texts_apart()
    {
        string[] texts =
        [
            "I really think we should go to the opera house tonight", "The opera house was great", "opera house opera house", "Tomatoes need sun",
            "My tomato plants", "he said that and then they went", "12345 and 12345", "12345 again", "a b a b", "xy zz",
        ];

        var topics = Topics.Of(texts, 10);

        Assert.Equal([new Topic("opera house", 3), new Topic("tomato", 2)], topics);
        Assert.Equal(topics, Topics.Of([.. texts.Reverse()], 10));
    }

    [Fact]
    public void A_pair_that_stands_across_a_mark_is_none()
    {
        var topics = Topics.Of(["we saw Lisbon. Porto", "Lisbon, Porto", "Lisbon (Porto)", "unrelated"], 10);

        Assert.Equal(["lisbon", "porto"], topics.Select(topic => topic.Text));
    }

    [Fact]
    public void A_word_of_every_text_tells_less_than_one_of_half()
    {
        var texts = Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? "assistant, lighthouse" : "assistant");

        Assert.Equal([new Topic("lighthouse", 20), new Topic("assistant", 40)], Topics.Of([.. texts], 10));
    }

    [Fact]
    public void A_long_text_without_blanks_is_no_topic() => Assert.Empty(Topics.Of([new string('x', 5000), new string('x', 5000)], 10));
}
