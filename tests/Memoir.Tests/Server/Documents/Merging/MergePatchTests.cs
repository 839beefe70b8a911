using System.Text.Json.Nodes;
using Memoir.Server.Documents.Merging;

namespace Memoir.Tests.Server.Documents.Merging;

public sealed class MergePatchTests
{
    /// <summary>RFC 7396, appendix A, those rows of it in which both sides are objects; one that is none stands below a member.</summary>
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", "{}")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""{"x":["a","b"]}""", """{"x":["c","d"]}""", """{"x":["c","d"]}""")]
    [InlineData("""{"x":{"a":"b"}}""", """{"x":["c"]}""", """{"x":["c"]}""")]
    [InlineData("""{"x":{"a":"foo"}}""", """{"x":null}""", "{}")]
    [InlineData("""{"x":{"a":"foo"}}""", """{"x":"bar"}""", """{"x":"bar"}""")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("""{"x":[1,2]}""", """{"x":{"a":"b","c":null}}""", """{"x":{"a":"b"}}""")]
    [InlineData("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    [InlineData("""{"x":{"e":null}}""", """{"x":{"a":1}}""", """{"x":{"e":null,"a":1}}""")]
    [InlineData("""{"a":[1]}""", """{"a":[null,{"b":null}]}""", """{"a":[null,{"b":null}]}""")] // Lists are taken as they are.
    [InlineData("""{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}""",
        """{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}""",
        """{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"}""")]
    public void A_patch_does_what_the_standard_says(string target, string patch, string expected)
    {
        var document = JsonNode.Parse(target)!.AsObject();
        var change = JsonNode.Parse(patch)!.AsObject();

        MergePatch.Apply(document, change);

        Assert.Equal(expected, document.ToJsonString(FullMemory.Readable));
        Assert.Equal(JsonNode.Parse(patch)!.ToJsonString(), change.ToJsonString());
        MergePatch.Apply(document, change);
        Assert.Equal(expected, document.ToJsonString(FullMemory.Readable));
    }
}
