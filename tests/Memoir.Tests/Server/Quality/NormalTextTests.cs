using Memoir.Server.Quality.Duplicates;

namespace Memoir.Tests.Server.Quality;

/// <summary>Which spellings are the same text.</summary>
public sealed class NormalTextTests
{
    [Theory]
    [InlineData("I take my coffee black.", "i take my coffee black")]
    [InlineData("  I take\tmy\r\n coffee   black!! ", "i take my coffee black")]
    [InlineData("“I take my coffee black…”", "i take my coffee black")]
    [InlineData("**I take my coffee black**", "i take my coffee black")]
    [InlineData("Ｉ　ｔａｋｅ　ｍｙ　ｃｏｆｆｅｅ　ｂｌａｃｋ", "i take my coffee black")]
    [InlineData("𝐈 take my coffee 𝐛𝐥𝐚𝐜𝐤", "i take my coffee black")]
    [InlineData("I ta\u200bke my cof\u00adfee black", "i take my coffee black")]
    [InlineData("It’s Ann’s – really", "it's ann's - really")]
    [InlineData("the ﬁrst ﬂoor", "the first floor")]
    [InlineData("Is it black?", "is it black?")]
    [InlineData("\"Is it black?\"", "is it black?")]
    [InlineData("ÄRGER über Öl", "ärger über öl")]
    [InlineData("-5 degrees", "-5 degrees")]
    [InlineData("", "")]
    [InlineData(" ... ", "")]
    public void A_text_has_one_form(string text, string normal) => Assert.Equal(normal, NormalText.Of(text));

    [Theory]
    [InlineData("i take my coffee black", true)]
    [InlineData("thanks", false)]
    [InlineData("yes please do that", false)]
    [InlineData("incomprehensibilities notwithstanding", false)]
    [InlineData("我喜欢在周末和朋友们一起去爬山然后吃饭休息", true)]
    [InlineData("我喜欢爬山", false)]
    public void What_is_short_says_nothing_twice(string normal, bool saysEnough) => Assert.Equal(saysEnough, NormalText.SaysEnough(normal));

    [Theory]
    [InlineData("pêche au bord de la mer", "péché au bord de la mer")]
    [InlineData("he was there at five", "he was there at nine")]
    [InlineData("is the meeting on monday?", "the meeting is on monday")]
    [InlineData("the balance is 5 euros", "the balance is -5 euros")]
    public void What_differs_stays_apart(string one, string other) => Assert.NotEqual(NormalText.Of(one), NormalText.Of(other));

    [Fact]
    public void What_is_plain_has_the_form_that_it_has_among_other_letters()
    {
        var random = new Random(1);
        for (var i = 0; i < 500; i++)
        {
            var text = "x" + new string([.. Enumerable.Range(0, random.Next(60)).Select(_ => (char)random.Next(1, 128))]) + "x";
            Assert.Equal(NormalText.Of(text) + "é", NormalText.Of(text + "é"));
        }
    }
}
