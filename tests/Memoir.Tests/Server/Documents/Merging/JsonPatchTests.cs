using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Memoir.Kit.Http;
using Memoir.Server.Documents.Merging;

namespace Memoir.Tests.Server.Documents.Merging;

public sealed class JsonPatchTests
{
    private const long Plenty = 1_000_000;

    private static readonly JsonSerializerOptions Options = new() { PropertyNameCaseInsensitive = true };

    /// <summary>RFC 6902, appendix A, and what it leaves open.</summary>
    [Theory]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz","value":"qux"}]""", """{"foo":"bar","baz":"qux"}""")]
    [InlineData("""{"foo":["bar","baz"]}""", """[{"op":"add","path":"/foo/1","value":"qux"}]""", """{"foo":["bar","qux","baz"]}""")]
    [InlineData("""{"baz":"qux","foo":"bar"}""", """[{"op":"remove","path":"/baz"}]""", """{"foo":"bar"}""")]
    [InlineData("""{"foo":["bar","qux","baz"]}""", """[{"op":"remove","path":"/foo/1"}]""", """{"foo":["bar","baz"]}""")]
    [InlineData("""{"baz":"qux","foo":"bar"}""", """[{"op":"replace","path":"/baz","value":"boo"}]""", """{"baz":"boo","foo":"bar"}""")]
    [InlineData("""{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}""", """[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]""",
        """{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}""")]
    [InlineData("""{"foo":["all","grass","cows","eat"]}""", """[{"op":"move","from":"/foo/1","path":"/foo/3"}]""", """{"foo":["all","cows","eat","grass"]}""")]
    [InlineData("""{"baz":"qux","foo":["a",2,"c"]}""", """[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]""", """{"baz":"qux","foo":["a",2,"c"]}""")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/child","value":{"grandchild":{}}}]""", """{"foo":"bar","child":{"grandchild":{}}}""")]
    [InlineData("""{"/":9,"~1":10}""", """[{"op":"test","path":"/~01","value":10},{"op":"test","path":"/~1","value":9}]""", """{"/":9,"~1":10}""")]
    [InlineData("""{"foo":["bar"]}""", """[{"op":"add","path":"/foo/-","value":["abc","def"]}]""", """{"foo":["bar",["abc","def"]]}""")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/a","value":null}]""", """{"a":null}""")]
    [InlineData("""{"a":null}""", """[{"op":"test","path":"/a","value":null},{"op":"replace","path":"/a","value":2}]""", """{"a":2}""")]
    [InlineData("""{"a":{"b":[1,{"c":2}]}}""", """[{"op":"test","path":"/a","value":{"b":[1.0,{"c":2}]}}]""", """{"a":{"b":[1,{"c":2}]}}""")]
    [InlineData("""{"a":[1,2]}""", """[{"op":"add","path":"/a/2","value":3},{"op":"add","path":"/a/0","value":0}]""", """{"a":[0,1,2,3]}""")]
    [InlineData("""{"a":[1,2,3]}""", """[{"op":"move","from":"/a/2","path":"/a/0"}]""", """{"a":[3,1,2]}""")]
    [InlineData("""{"a":[1,2,3]}""", """[{"op":"move","from":"/a/0","path":"/a/-"}]""", """{"a":[2,3,1]}""")]
    [InlineData("""{"a":[1,{"b":2}]}""", """[{"op":"copy","from":"/a/1","path":"/c"},{"op":"replace","path":"/c/b","value":3}]""", """{"a":[1,{"b":2}],"c":{"b":3}}""")]
    [InlineData("""{"a":{"b":1}}""", """[{"op":"copy","from":"","path":"/a/c"}]""", """{"a":{"b":1,"c":{"a":{"b":1}}}}""")]
    [InlineData("""{"a":1}""", """[{"op":"move","from":"/a","path":"/a"}]""", """{"a":1}""")]
    [InlineData("""{"a":{"b":1}}""", """[{"op":"move","from":"/a/b","path":"/a"}]""", """{"a":1}""")]
    [InlineData("""{"a":1}""", """[{"op":"replace","path":"","value":{"b":2}}]""", """{"b":2}""")]
    [InlineData("""{"a":{"b":1}}""", """[{"op":"move","from":"/a","path":""}]""", """{"b":1}""")]
    [InlineData("""{"":{"":1}}""", """[{"op":"replace","path":"//","value":2}]""", """{"":{"":2}}""")]
    [InlineData("""{"a":{}}""", """[{"op":"add","path":"/a/0","value":1},{"op":"add","path":"/a/-","value":2}]""", """{"a":{"0":1,"-":2}}""")]
    [InlineData("""{"a":1}""", "[]", """{"a":1}""")]
    public void A_patch_does_what_the_standard_says(string target, string patch, string expected) => Assert.Equal(expected, Patched(target, patch));

    [Theory]
    [InlineData("""{"baz":"qux"}""", """[{"op":"test","path":"/baz","value":"bar"}]""")]
    [InlineData("""{"/":9,"~1":10}""", """[{"op":"test","path":"/~01","value":"10"}]""")]
    [InlineData("""{"a":[1,2]}""", """[{"op":"test","path":"/a","value":[2,1]}]""")]
    [InlineData("""{"a":{"b":1}}""", """[{"op":"test","path":"/a","value":{"b":1,"c":null}}]""")]
    [InlineData("""{"a":0}""", """[{"op":"test","path":"/a","value":false}]""")]
    [InlineData("""{"a":null}""", """[{"op":"test","path":"/a","value":0}]""")]
    public void A_test_that_fails_is_a_conflict(string target, string patch) => Refused(Problem.Conflict, target, patch);

    [Theory]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz/bat","value":"qux"}]""")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/foo/bat","value":"qux"}]""")]
    [InlineData("""{"a":1}""", """[{"op":"remove","path":"/b"}]""")]
    [InlineData("""{"a":1}""", """[{"op":"replace","path":"/b","value":1}]""")]
    [InlineData("""{"a":1}""", """[{"op":"test","path":"/b","value":null}]""")]
    [InlineData("""{"a":1}""", """[{"op":"move","from":"/b","path":"/c"}]""")]
    [InlineData("""{"a":1}""", """[{"op":"copy","from":"/b","path":"/c"}]""")]
    [InlineData("""{"a":null}""", """[{"op":"add","path":"/a/b","value":1}]""")]
    [InlineData("""{"a":null}""", """[{"op":"add","path":"/a/b/c","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/2","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"replace","path":"/a/1","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"replace","path":"/a/-","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"remove","path":"/a/-"}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/00","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/-1","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/+0","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/1e0","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/99999999999999999999","value":1}]""")]
    [InlineData("""{"a":[1]}""", """[{"op":"add","path":"/a/","value":1}]""")]
    [InlineData("""{"a":{"b":{}}}""", """[{"op":"move","from":"/a","path":"/a/b"}]""")]
    [InlineData("""{"a":{}}""", """[{"op":"move","from":"","path":"/a"}]""")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"a","value":1}]""")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/~2","value":1}]""")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/a~","value":1}]""")]
    [InlineData("""{"a":1}""", """[{"op":"ADD","path":"/a","value":1}]""")]
    [InlineData("""{"a":1}""", """[{"op":"","path":"/a","value":1}]""")]
    public void What_cannot_be_done_is_refused(string target, string patch) => Refused(Problem.ValidationFailed, target, patch);

    [Theory]
    [InlineData("""[{"op":"add","path":"/b"}]""")]
    [InlineData("""[{"op":"replace","path":"/a"}]""")]
    [InlineData("""[{"op":"test","path":"/a"}]""")]
    [InlineData("""[{"op":"copy","path":"/b"}]""")]
    [InlineData("""[{"op":"move","path":"/b"}]""")]
    [InlineData("""[null]""")]
    [InlineData("""[{"op":"remove","path":""}]""")]
    [InlineData("""[{"op":"replace","path":"","value":7}]""")]
    public void What_is_no_operation_or_leaves_no_object_is_a_bad_body(string patch) => Refused(Problem.InvalidBody, """{"a":1}""", patch);

    [Fact]
    public void A_refusal_names_the_operation()
    {
        var refusal = Refused(Problem.ValidationFailed, """{"a":1}""", """[{"op":"add","path":"/b","value":1},{"op":"remove","path":"/c"}]""");

        Assert.Equal(["[1].path"], refusal.Errors.Keys);
    }

    [Fact]
    public void All_of_it_is_done_or_nothing()
    {
        var target = JsonNode.Parse("""{"a":[1]}""")!.AsObject();
        var before = target.ToJsonString();

        Assert.Throws<ProblemException>(() => JsonPatch.Apply(target, Operations("""[{"op":"add","path":"/a/0","value":2},{"op":"remove","path":"/b"}]"""), Plenty));

        Assert.Equal(before, target.ToJsonString());
    }

    [Fact]
    public void Copies_of_copies_end_before_they_fill_the_memory()
    {
        var doubling = Enumerable.Range(0, 900).Select(_ => """{"op":"copy","from":"/a","path":"/a/-"}""");
        var widening = Enumerable.Range(0, 900).Select(i => $$"""{"op":"copy","from":"","path":"/b{{i}}"}""");
        var watch = Stopwatch.StartNew();

        foreach (var patch in (string[])[$"[{string.Join(',', doubling)}]", $"[{string.Join(',', widening)}]"])
        {
            var refusal = Assert.Throws<ProblemException>(() => Patched($$"""{"a":["{{new string('x', 1000)}}"]}""", patch));
            Assert.Contains(refusal.Problem, (Problem[])[Problem.PayloadTooLarge, Problem.ValidationFailed]);
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
    }

    [Fact]
    public void Copies_do_not_nest_deeper_than_documents_may_be()
    {
        var patch = string.Join(',', Enumerable.Range(0, 40).Select(_ => """{"op":"copy","from":"/a","path":"/a/a"}"""));

        var refusal = Refused(Problem.ValidationFailed, """{"a":{}}""", $"[{patch}]");

        Assert.Contains("deep", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Very_many_operations_are_refused()
    {
        string Patch(int count) => $"[{string.Join(',', Enumerable.Repeat("""{"op":"test","path":"/a","value":1}""", count))}]";

        Assert.Equal("""{"a":1}""", Patched("""{"a":1}""", Patch(1000)));
        Refused(Problem.PayloadTooLarge, """{"a":1}""", Patch(1001));
    }

    [Fact]
    public void What_it_puts_in_counts_as_many_bytes_as_it_has()
    {
        var text = new string('я', 400_000);

        Assert.Equal(text, JsonNode.Parse(Patched("{}", $$"""[{"op":"add","path":"/a","value":"{{text}}"}]"""))!["a"]!.GetValue<string>());
        Refused(Problem.PayloadTooLarge, "{}", $$"""[{"op":"add","path":"/a","value":"{{text}}{{text}}"}]""");
    }

    private static string Patched(string target, string patch)
    {
        var document = JsonNode.Parse(target)!.AsObject();
        JsonPatch.Apply(document, Operations(patch), Plenty);
        return document.ToJsonString();
    }

    private static ProblemException Refused(Problem problem, string target, string patch)
    {
        var refusal = Assert.Throws<ProblemException>(() => Patched(target, patch));
        Assert.Equal(problem, refusal.Problem);
        return refusal;
    }

    private static List<JsonPatchOperation> Operations(string patch) => JsonSerializer.Deserialize<List<JsonPatchOperation>>(patch, Options)!;
}
