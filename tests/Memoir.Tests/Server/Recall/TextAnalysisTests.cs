using Memoir.Server.Recall;
using Memoir.Server.Recall.Search;
using Memoir.Server.Recall.Text;

namespace Memoir.Tests.Server.Recall;

public sealed class TextAnalysisTests
{
    [Theory]
    [InlineData("caresses", "caress")]
    [InlineData("ponies", "poni")]
    [InlineData("agreed", "agre")]
    [InlineData("hopping", "hop")]
    [InlineData("filing", "file")]
    [InlineData("happy", "happi")]
    [InlineData("relational", "relat")]
    [InlineData("formalize", "formal")]
    [InlineData("electrical", "electr")]
    [InlineData("adjustment", "adjust")]
    [InlineData("controlling", "control")]
    [InlineData("roll", "roll")]
    [InlineData("sky", "sky")]
    public void Words_are_stemmed_as_porter_wrote(string word, string stem)
    {
        var buffer = new char[word.Length + 1];
        word.CopyTo(buffer);

        Assert.Equal(stem, new string(buffer, 0, PorterStemmer.Stem(buffer, word.Length)));
    }

    [Theory]
    [InlineData("running", "RUNS")]
    [InlineData("café", "Cafe")]
    [InlineData("naïve", "nai\u0308ve")]
    [InlineData("ﬁnd", "find")]
    [InlineData("Straße", "strasse")]
    [InlineData("ＡＢＣ１２", "abc12")]
    [InlineData("𝐡𝐞𝐥𝐥𝐨", "hello")]
    [InlineData("Ελλάδα", "ελλαδα")]
    [InlineData("Йод", "иод")]
    [InlineData("Caroline's", "Caroline")]
    [InlineData("o’clock", "o'clock")]
    [InlineData("went", "going")]
    [InlineData("children", "child")]
    [InlineData("ｶﾒﾗ", "カメラ")]
    public void Spellings_of_a_word_are_one_term(string one, string other) =>
        Assert.Equal(Terms(one), Terms(other));

    [Theory]
    [InlineData("the", false)]
    [InlineData("whose", false)]
    [InlineData("don't", false)]
    [InlineData("garden", true)]
    [InlineData("42", true)]
    public void Stop_words_are_told_from_content(string word, bool content) =>
        Assert.Equal(content, TermHash.IsContent(Assert.Single(Terms(word))));

    [Fact]
    public void May_is_a_month_only_when_it_is_written_like_one()
    {
        Assert.Equal(Tokenizer.MonthOfMay, Terms("in May 2023")[1]);
        Assert.False(TermHash.IsContent(Terms("you may go")[1]));
        Assert.False(TermHash.IsContent(Terms("May I go")[0]));
    }

    [Theory]
    [InlineData("我喜欢吃苹果", "苹果")]
    [InlineData("ฉันชอบกินทุเรียน", "ทุเรียน")]
    [InlineData("東京タワーへ行きました", "タワー")]
    [InlineData("저는 고양이를 좋아합니다", "고양이")]
    [InlineData("Trip to 北京 in spring", "北京")]
    public void Text_without_spaces_is_found_by_a_part_of_it(string content, string query)
    {
        var index = RecallFixture.IndexOf("something else entirely", content, "一二三四五");

        Assert.Equal(2, index.Found(query)[0]);
    }

    [Theory]
    [InlineData("我喜欢吃苹果", "我")]
    [InlineData("我喜欢吃苹果", "苹")]
    [InlineData("我喜欢吃苹果", "果")]
    [InlineData("家里有只 猫", "猫")]
    [InlineData("ฉันชอบกินทุเรียน", "ท")]
    public void One_character_finds_the_runs_that_hold_it(string content, string query)
    {
        var index = RecallFixture.IndexOf("something else entirely", content, "一二三四五");

        var hit = Assert.Single(index.Ask(query));

        Assert.Equal(2, hit.Sequence);
        Assert.Equal([query], hit.MatchedTerms);
    }

    [Fact]
    public void Single_characters_do_not_count_for_longer_questions()
    {
        var index = RecallFixture.IndexOf("果苹", "苹果", "苹 果");

        Assert.Equal([2], index.Found("苹果"));
        Assert.Equal([1, 2, 3], index.Found("苹").Order());
    }

    [Fact]
    public void A_long_text_without_spaces_is_cut_by_its_bigrams()
    {
        var memory = Analyzer.Analyse(RecallFixture.Memory(1, string.Concat(Enumerable.Range(0, 601).Select(i => (char)(0x4e00 + i)))));

        Assert.Equal(10, memory.PassageEnds.Length);
        Assert.All(memory.PassageLengths, length => Assert.Equal(60, length));
    }

    [Fact]
    public void A_question_of_stop_words_alone_is_still_answered()
    {
        var index = RecallFixture.IndexOf("to be or not to be", "a garden in bloom");

        Assert.Equal([1], index.Found("not to be"));
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Hostile_text_is_cut_into_passages_like_any_other(string content)
    {
        // What it costs is measured by tests/faults, in processor time: a clock on a busy machine tells nothing.
        var memory = Analyzer.Analyse(RecallFixture.Memory(1, content));
        _ = RecallQuery.Parse(content);

        Assert.Equal(memory.PassageEnds.Length, memory.PassageLengths.Length);
        Assert.Equal(memory.Terms.Length, memory.PassageEnds is [.., var end] ? (int)end : 0);
    }

    public static TheoryData<string> Hostile() =>
    [
        new string('a', 262_144),
        "e" + new string('\u0301', 100_000),
        new string('y', 100_000),
        string.Concat(Enumerable.Repeat("ab ", 33_333)),
        string.Concat(Enumerable.Repeat("漢", 100_000)),
        string.Concat(Enumerable.Repeat("\ud83d\ude00", 50_000)),
        new string('\ud800', 100_000),
        new string('\'', 100_000),
        string.Concat(Enumerable.Range(0, 20_000).Select(i => $"w{i} ")),
        "",
        "\0\u0001\uffff\ufffe",
    ];

    [Fact]
    public void A_long_text_is_cut_into_passages_of_about_sixty_words()
    {
        var memory = Analyzer.Analyse(RecallFixture.Memory(1, string.Join(' ', Enumerable.Range(0, 600).Select(i => $"word{i}"))));

        Assert.Equal(10, memory.PassageEnds.Length);
        Assert.All(memory.PassageLengths, length => Assert.Equal(60, length));
    }

    [Fact]
    public void A_question_keeps_its_rarest_words_and_is_never_syntax()
    {
        var index = RecallFixture.IndexOf("alpha beta", "AND OR NOT \"quoted\" field:value* (");

        Assert.Equal([2], index.Found("field:value* AND (\"quoted\" OR"));
        Assert.Contains(1, index.Found(string.Join(' ', Enumerable.Range(0, 500).Select(i => $"w{i}")) + " alpha beta alpha alpha"));
    }

    private static ulong[] Terms(string text)
    {
        var tokens = new TokenBuffer();
        Tokenizer.Read(text, tokens);
        return tokens.Terms.ToArray();
    }
}
