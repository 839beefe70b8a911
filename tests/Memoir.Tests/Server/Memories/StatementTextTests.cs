using Memoir.Server.Memories;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Memories;

/// <summary>The words by which a key and its value are found.</summary>
public sealed class StatementTextTests
{
    [Theory]
    [InlineData("favorite_color", """{"value":"blue"}""", "favorite color: blue")]
    [InlineData("daughter", """{"name":"Emma","age":7}""", "daughter: name Emma, age 7")]
    [InlineData("favoriteColor", """{"content":"blue"}""", "favorite color: blue")]
    [InlineData("home", """{"address":{"street":"Main 1","city":"Bonn"}}""", "home: address street Main 1, address city Bonn")]
    [InlineData("likes", """{"foods":["pizza","sushi"],"since":2019}""", "likes: foods pizza and sushi, since 2019")]
    [InlineData("children", """{"list":[{"name":"Emma"},{"name":"Paul"}]}""", "children: list name Emma, list name Paul")]
    [InlineData("vegan", """{"value":true}""", "vegan: yes")]
    [InlineData("smokes", """{"value":false,"note":null}""", "smokes: value no")]
    [InlineData("empty-note", """{}""", "empty note")]
    [InlineData("blank", """{"value":"  "}""", "blank")]
    [InlineData("ÄrztinName", """{"value":"Özlem 🦊"}""", "Ärztin name: Özlem 🦊")]
    [InlineData("userID", """{"value":"7"}""", "userID: 7")]
    [InlineData("GPSTracker", """{"value":"on"}""", "GPSTracker: on")]
    public void A_value_is_spoken(string key, string value, string words) => Assert.Equal(words, StatementText.Of(key, Parse(value)));

    [Fact]
    public void Names_that_stand_before_many_members_do_not_become_much_text()
    {
        var members = string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"{i}\":1"));

        Assert.Null(StatementText.Of("key", Parse($"{{\"{new string('n', 50_000)}\":{{{members}}}}}")));
        Assert.Null(StatementText.Of("key", Parse($"{{\"a\":\"{new string('x', 65_600)}\"}}")));
        Assert.Equal(65_005, StatementText.Of("key", Parse($"{{\"value\":\"{new string('x', 65_000)}\"}}"))!.Length);
        Assert.Null(StatementText.Of("key", Parse($"{{\"{new string('n', 20_000)}\":{{\"a\":null,\"b\":null,\"c\":null,\"d\":null}}}}")));
    }
}
