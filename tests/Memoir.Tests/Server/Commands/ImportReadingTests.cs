using System.Text;
using Memoir.Server.Commands.Import;
using Memoir.Server.Wire;
using Memoir.Server.Commands.Import.ChatGpt;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class ImportReadingTests
{
    private static readonly ImportDefaults Defaults = new(null, "default", null);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Elements_are_cut_alike_however_the_bytes_arrive(int portion)
    {
        string[] elements = ["""{"a":"x]},\"[{\\"}""", "[1,[2,{}],3]", "\"a,b\"", "7", """{"n":{"m":[]}}""", "{}"];
        using var stream = new TrickleStream($" [ {string.Join(" ,\n", elements)} ] ", portion);
        var reader = new ArrayReader(stream, 1000);

        var read = new List<string>();
        while (await reader.ReadAsync(Ct))
        {
            read.Add(Encoding.UTF8.GetString(reader.Element.Span).Trim());
        }

        Assert.Equal(elements, read);
        Assert.True(reader.IsComplete);
    }

    [Fact]
    public async Task An_element_over_the_limit_is_passed_over_and_the_next_one_read()
    {
        using var stream = new TrickleStream($$"""[{"a":"{{new string('x', 5000)}}"},{"b":1}]""", 100);
        var reader = new ArrayReader(stream, 1000);

        Assert.True(await reader.ReadAsync(Ct));
        Assert.True(reader.IsTooLarge);
        Assert.True(await reader.ReadAsync(Ct));
        Assert.False(reader.IsTooLarge);
        Assert.Equal("""{"b":1}""", Encoding.UTF8.GetString(reader.Element.Span));
        Assert.False(await reader.ReadAsync(Ct));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("[]", 0)]
    [InlineData("[1", 0)]
    [InlineData("[1,", 1)]
    public async Task An_array_without_an_end_is_told_from_an_empty_one(string json, int elements)
    {
        using var stream = new TrickleStream(json, 1);
        var reader = new ArrayReader(stream, 1000);
        var count = 0;
        while (await reader.ReadAsync(Ct))
        {
            count++;
        }

        Assert.Equal((elements, json == "[]"), (count, reader.IsComplete));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task Only_a_line_feed_ends_a_line(int portion)
    {
        using var stream = new TrickleStream("a\r\n\nb\u2028c\u0085d\re\nlast", portion);
        var reader = new LineReader(stream, 100);

        var read = new List<string>();
        while (await reader.ReadAsync(Ct))
        {
            read.Add(Encoding.UTF8.GetString(reader.Line.Span));
        }

        Assert.Equal(["a", "", "b\u2028c\u0085d\re", "last"], read);
        Assert.Equal(stream.Length, reader.Taken);
    }

    [Fact]
    public async Task A_line_over_the_limit_keeps_its_number_and_no_bytes()
    {
        using var stream = new TrickleStream($"a\n{new string('x', 700_000)}\nb", 100_000);
        var reader = new LineReader(stream, 1000);

        var read = new List<(bool, int)>();
        while (await reader.ReadAsync(Ct))
        {
            read.Add((reader.IsTooLong, reader.Line.Length));
        }

        Assert.Equal([(false, 1), (true, 0), (false, 1)], read);
    }

    [Fact]
    public async Task A_line_without_an_id_has_the_same_one_wherever_it_stands()
    {
        const string one = """{"conversation_id":"c","role":"user","content":"x"}""";
        const string two = """{"conversation_id":"c","role":"user","content":"x","name":""}""";
        const string other = """{"conversation_id":"cx","role":"user","content":""}""";

        var here = await IdsAsync($"{one}\n{other.Replace("\"\"", "\"y\"", StringComparison.Ordinal)}");
        var there = await IdsAsync($"{{\"conversation_id\":\"d\",\"role\":\"user\",\"content\":\"z\"}}\n{one}");

        Assert.Equal(here[0], there[1]);
        Assert.Equal(3, here.Concat(there).Distinct().Count());
        Assert.Null((await IdsAsync(two))[0]); // An empty name is refused.
    }

    private static async Task<List<string?>> IdsAsync(string lines)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(lines));
        var ids = new List<string?>();
        await foreach (var entry in new JsonLinesSource(stream, Defaults).ReadAsync(default, Ct))
        {
            ids.Add(entry.Message?.ExternalId);
        }

        return ids;
    }

    /// <summary>Hands out at most so many bytes at a time.</summary>
    private sealed class TrickleStream(string text, int portion) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span[..Math.Min(portion, buffer.Length)]));
    }
}
