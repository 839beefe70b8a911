using System.Diagnostics;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Documents.Merging;

namespace Memoir.Tests.Server.Documents.Merging;

public sealed class StructuredMergeTests
{
    [Theory]
    [InlineData("{}", """{"a":1}""", """{"a":1}""")]
    [InlineData("""{"a":1,"b":2}""", """{"a":3}""", """{"a":3,"b":2}""")]
    [InlineData("""{"a":1}""", """{"a":null,"b":null}""", """{"a":1}""")]
    [InlineData("""{"a":{"b":{"c":1,"d":2}}}""", """{"a":{"b":{"c":3,"e":4}}}""", """{"a":{"b":{"c":3,"d":2,"e":4}}}""")]
    [InlineData("""{"a":{"b":1}}""", """{"a":{"b":null}}""", """{"a":{"b":1}}""")]
    [InlineData("{}", """{"a":{"b":null,"c":{"d":null}}}""", """{"a":{"c":{}}}""")]
    [InlineData("""{"a":1}""", """{"a":{"b":1}}""", """{"a":{"b":1}}""")]
    [InlineData("""{"a":{"b":1}}""", """{"a":2}""", """{"a":2}""")]
    [InlineData("""{"a":{"b":1}}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""{"a":[1]}""", """{"a":{"b":1}}""", """{"a":{"b":1}}""")]
    [InlineData("""{"a":["x","y"]}""", """{"a":["y","z","x"]}""", """{"a":["x","y","z"]}""")]
    [InlineData("""{"a":["x"]}""", """{"a":[]}""", """{"a":["x"]}""")]
    [InlineData("""{"a":["x","x"]}""", """{"a":["x"]}""", """{"a":["x","x"]}""")]
    [InlineData("{}", """{"a":["x","x"]}""", """{"a":["x"]}""")]
    [InlineData("""{"a":[1]}""", """{"a":[1.0,"1",true,null]}""", """{"a":[1,"1",true,null]}""")]
    [InlineData("""{"a":[null]}""", """{"a":[null]}""", """{"a":[null]}""")]
    [InlineData("""{"a":[{"x":1,"y":2}]}""", """{"a":[{"y":2.0,"x":1},{"x":1}]}""", """{"a":[{"x":1,"y":2},{"x":1}]}""")]
    [InlineData("""{"a":[{"x":1}]}""", """{"a":[{"x":1,"y":null}]}""", """{"a":[{"x":1}]}""")]
    [InlineData("""{"a":[[1,2]]}""", """{"a":[[2,1],[1,2]]}""", """{"a":[[1,2],[2,1]]}""")]
    [InlineData("""{"a":[{"id":"1","x":1,"z":9},{"id":"2"}]}""", """{"a":[{"id":"1","x":2},{"id":"3"}]}""", """{"a":[{"id":"1","x":2},{"id":"2"},{"id":"3"}]}""")]
    [InlineData("""{"a":["1"]}""", """{"a":[{"id":"1"}]}""", """{"a":["1",{"id":"1"}]}""")]
    [InlineData("""{"a":[{"id":1,"x":1}]}""", """{"a":[{"id":1,"x":2}]}""", """{"a":[{"id":1,"x":2}]}""")]
    [InlineData("""{"a":[{"id":"x\""}]}""", """{"a":["id x\"",{"id":"x\"","n":1}]}""", """{"a":[{"id":"x\u0022","n":1},"id x\u0022"]}""")]
    [InlineData("""{"a":[9007199254740993]}""", """{"a":[9007199254740992]}""", """{"a":[9007199254740993,9007199254740992]}""")]
    public void A_merge_does_what_the_contract_says(string target, string patch, string expected)
    {
        var document = Parse(target);
        var change = Parse(patch);

        StructuredMerge.Apply(document, change);

        Assert.Equal(expected, document.ToJsonString());
        Assert.Equal(Parse(patch).ToJsonString(), change.ToJsonString());
        StructuredMerge.Apply(document, change);
        Assert.Equal(expected, document.ToJsonString());
    }

    [Fact]
    public void Merging_twice_is_merging_once() =>
        Prop.ForAll(Pairs(), pair =>
        {
            var once = Parse(pair.Target);
            StructuredMerge.Apply(once, Parse(pair.Patch));
            var twice = once.DeepClone().AsObject();
            StructuredMerge.Apply(twice, Parse(pair.Patch));
            return JsonNode.DeepEquals(once, twice);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_merged_with_itself_stays_as_it_is() =>
        Prop.ForAll(Pairs(), pair =>
        {
            var document = Parse(pair.Target);
            StructuredMerge.Apply(document, Parse(pair.Target));
            return document.ToJsonString() == Parse(pair.Target).ToJsonString();
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Long_lists_are_merged_quickly()
    {
        var old = new JsonObject { ["a"] = new JsonArray([.. Enumerable.Range(0, 30_000).Select(i => JsonValue.Create($"old {i}"))]) };
        var fresh = new JsonObject { ["a"] = new JsonArray([.. Enumerable.Range(0, 30_000).Select(i => new JsonObject { ["id"] = $"new {i}" })]) };
        var watch = Stopwatch.StartNew();

        StructuredMerge.Apply(old, fresh);

        Assert.Equal(60_000, old["a"]!.AsArray().Count);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
    }

    private static JsonObject Parse(string text) => JsonNode.Parse(text)!.AsObject();

    /// <summary>Few names and few values, so that both sides are about the same.</summary>
    private static Arbitrary<(string Target, string Patch)> Pairs() => Gen.Zip(Objects(3), Objects(3)).Select(pair => (pair.Item1, pair.Item2)).ToArbitrary();

    private static Gen<string> Objects(int depth) =>
        from names in Gen.SubListOf((string[])["a", "b", "c", "id"])
        from values in Gen.ArrayOf(Values(depth - 1), names.Count)
        select $"{{{string.Join(',', names.Zip(values, (name, value) => $"\"{name}\":{value}"))}}}";

    private static Gen<string> Values(int depth)
    {
        var scalars = Gen.Elements("1", "1.0", "\"x\"", "\"y\"", "null", "true", "{}", "[]");
        return depth == 0 ? scalars : Gen.OneOf(scalars, Objects(depth), Lists(depth));
    }

    private static Gen<string> Lists(int depth) =>
        from length in Gen.Choose(0, 4)
        from items in Gen.ArrayOf(Values(depth - 1), length)
        select $"[{string.Join(',', Distinct(items))}]";

    /// <summary>Two items of one id, or two that say the same, would be one after the first merge.</summary>
    private static IEnumerable<string> Distinct(string[] items) => items.DistinctBy(item => ListItems.KeyOf(JsonNode.Parse(item)));
}
