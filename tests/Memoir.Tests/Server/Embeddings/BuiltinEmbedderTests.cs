using System.Security.Cryptography;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Embeddings;

namespace Memoir.Tests.Server.Embeddings;

public sealed class BuiltinEmbedderTests
{
    private static readonly BuiltinEmbedder Embedder = new();

    [Theory]
    [InlineData("I take my coffee black.", "f11a9c54c90ff570")]
    [InlineData("Привет, как дела? Élève à l'école.", "9db3a789a69c2ac2")]
    [InlineData("我明天去北京出差 🎉", "d9d4f9d200d2ccc6")]
    public void The_vector_of_a_text_is_the_same_on_every_machine(string text, string expected)
    {
        var bytes = MemoryMarshal.AsBytes(Embed(text).AsSpan());

        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]);
    }

    [Theory]
    [InlineData("I love my golden retriever", "I love my goldn retreiver", "The invoice is due in March")]
    [InlineData("pottery workshop in Boulder", "POTTERY WORKSHOPS", "quantum chromodynamics lecture")]
    [InlineData("Café Zürich", "cafe zurich", "tea house geneva")]
    [InlineData("我喜欢吃苹果", "他喜欢苹果", "明天会下雨吗")]
    [InlineData("ＦＵＬＬ ｗｉｄｔｈ", "full width", "half depth")]
    [InlineData("東京タワーへ行きました", "東京タワー", "京都で寿司を食べた")]
    [InlineData("Việt Nam đẹp", "viet nam dep", "bangkok rain")]
    public void What_is_written_alike_is_nearer_than_what_is_not(string text, string alike, string other)
    {
        var vector = Embed(text);

        Assert.True(Cosine(vector, Embed(alike)) > Cosine(vector, Embed(other)) + 0.25);
    }

    [Fact]
    public void Common_words_hardly_count() =>
        Assert.True(Cosine(Embed("what did the caroline do at the concert"), Embed("caroline concert")) > 0.8);

    [Fact]
    public void Any_text_gives_a_unit_vector_or_none_at_all() =>
        Prop.ForAll<string?>(text => IsUnitOrEmpty(text ?? "")).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("\uD800")]
    [InlineData("\uDC00\uD800")]
    [InlineData("word\uD800word")]
    [InlineData("\0\0\0")]
    [InlineData("\uFFFF\uFFFE")]
    [InlineData("e\u0301\u0301\u0301\u0301")]
    [InlineData("\u0301")]
    [InlineData("👩‍👩‍👧‍👦 🏳️‍🌈")]
    public void Odd_text_does_no_harm(string text) => Assert.True(IsUnitOrEmpty(text));

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n")]
    [InlineData("!?… — ***")]
    [InlineData("\uD800")]
    public async Task A_text_without_features_has_an_empty_vector(string text)
    {
        var vectors = await Embedder.EmbedAsync([text, "word"], EmbeddingPurpose.Document, TestContext.Current.CancellationToken);

        Assert.True(EmbeddingVector.IsEmpty(vectors[0]));
        Assert.False(EmbeddingVector.IsEmpty(vectors[1]));
        Assert.False(Embedder.Embed(text, new float[BuiltinEmbedder.Dimensions]));
    }

    [Fact]
    public void The_longest_texts_stay_bounded()
    {
        var random = new Random(3);
        string[] texts =
        [
            new string('a', 100_000),
            new string('記', 100_000),
            string.Concat(Enumerable.Range(0, 100_000).Select(i => i % 2 == 0 ? 'b' : ' ')),
            string.Concat(Enumerable.Range(0, 100_000).Select(_ => (char)random.Next(0x4E00, 0x9FFF))),
            string.Concat(Enumerable.Range(0, 20_000).Select(i => $"w{i} "))[..100_000],
            string.Concat(Enumerable.Range(0, 50_000).Select(_ => char.ConvertFromUtf32(random.Next(0x20000, 0x2A000)))),
            string.Concat(Enumerable.Range(0, 256).Select(i => (char)(0x4E00 + i))),
        ];
        var start = TimeProvider.System.GetTimestamp();

        Assert.All(texts, text => Assert.True(IsUnitOrEmpty(text)));

        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_short_and_a_long_path_agree()
    {
        var words = "the quick brown fox jumps over the lazy dog while caroline paints pottery";
        var padded = words + new string(' ', 400);

        Assert.Equal(Embed(words), Embed(padded));
    }

    private static bool IsUnitOrEmpty(string text)
    {
        var vector = Embed(text);
        return vector.All(float.IsFinite) && (EmbeddingVector.IsEmpty(vector) || Math.Abs(Cosine(vector, vector) - 1) < 1e-4);
    }

    private static float[] Embed(string text)
    {
        var vector = new float[BuiltinEmbedder.Dimensions];
        Embedder.Embed(text, vector);
        return vector;
    }

    private static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
}
