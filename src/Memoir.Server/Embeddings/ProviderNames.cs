using System.Text.RegularExpressions;

namespace Memoir.Server.Embeddings;

/// <summary>Where vectors come from, as settings and the wire spell it, and what each provider makes unless told otherwise.</summary>
internal static partial class ProviderNames
{
    public const string Builtin = "builtin";
    public const string OpenAi = "openai";
    public const string Gemini = "google_gemini";
    public const string SentenceTransformer = "sentence_transformer";
    public const string Mock = "mock";

    public const string ModelRule = "must have 1 to 200 of A-Z a-z 0-9 . _ : / @ + -";

    public static readonly string[] All = [Builtin, OpenAi, Gemini, SentenceTransformer, Mock];

    private static readonly Dictionary<string, int> KnownDimensions = new(StringComparer.Ordinal)
    {
        ["text-embedding-3-small"] = 1536,
        ["text-embedding-3-large"] = 3072,
        ["text-embedding-ada-002"] = 1536,
    };

    /// <summary>What a provider makes when its model or its size are not said.</summary>
    public static EmbeddingGeneration GenerationOf(string provider, string? model, int? dimensions)
    {
        var named = string.IsNullOrWhiteSpace(model) ? null : model.Trim();
        return provider switch
        {
            Builtin => new EmbeddingGeneration(Builtin, BuiltinEmbedder.Model, BuiltinEmbedder.Dimensions),
            Mock => new EmbeddingGeneration(Mock, MockEmbedder.Model, MockEmbedder.Dimensions),

            // Full-size vectors (3072) find hardly more than 768 of them do, and cost four times as much.
            Gemini => new EmbeddingGeneration(Gemini, WithoutPrefix(named) ?? "gemini-embedding-001", dimensions ?? 768),
            SentenceTransformer => new EmbeddingGeneration(
                SentenceTransformer, named ?? "sentence-transformers/all-MiniLM-L6-v2", dimensions ?? 384),
            _ => OfOpenAi(named ?? "text-embedding-3-small", dimensions),
        };
    }

    /// <summary>Whether these are the model's own dimensions, which it need not be asked for.</summary>
    public static bool IsOwnSize(EmbeddingGeneration generation) => KnownDimensions.GetValueOrDefault(generation.Model) == generation.Dimensions;

    /// <summary>A model's name becomes part of an address: nothing in it may lead elsewhere.</summary>
    public static bool IsModel(string name) => Model().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal);

    private static EmbeddingGeneration OfOpenAi(string model, int? dimensions) =>
        new(OpenAi, model, dimensions ?? KnownDimensions.GetValueOrDefault(model, KnownDimensions["text-embedding-3-small"]));

    private static string? WithoutPrefix(string? model) =>
        model?.StartsWith("models/", StringComparison.Ordinal) == true ? model["models/".Length..] : model;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}\z")]
    private static partial Regex Model();
}
