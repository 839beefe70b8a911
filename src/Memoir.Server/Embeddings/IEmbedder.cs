using System.Diagnostics;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Telemetry.Tracing;

namespace Memoir.Server.Embeddings;

/// <summary>Turns texts into vectors whose nearness says how alike the texts are.</summary>
internal interface IEmbedder
{
    EmbeddingGeneration Generation { get; }

    /// <summary>Whether a vector is computed in this process, so that it can be there before the answer.</summary>
    bool IsLocal { get; }

    /// <summary>How many texts go out in one request now; it may fall when the provider takes fewer.</summary>
    int BatchSize { get; }

    /// <summary>
    /// One unit vector per text, in order; an all-zero one where a text has nothing to embed
    /// (see <see cref="EmbeddingVector.IsEmpty"/>). All texts succeed together or <see cref="EmbeddingException"/> is thrown.
    /// </summary>
    Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct);
}

/// <summary>Which vectors may be compared with each other: those of one generation.</summary>
internal sealed record EmbeddingGeneration(string Provider, string Model, int Dimensions)
{
    /// <summary>The stored name of the generation, such as <c>builtin/ngram-1/256</c>.</summary>
    public string Key { get; } = $"{Provider}/{Model}/{Dimensions}";
}

/// <summary>Why a text is embedded: a query cannot wait long and is often asked again.</summary>
internal enum EmbeddingPurpose
{
    Document,
    Query,
}

/// <summary>What every provider does with a vector before handing it out.</summary>
internal static class EmbeddingVector
{
    /// <summary>Whether the vector says "nothing to embed": it is not stored, not compared, its status is <c>skipped</c>.</summary>
    public static bool IsEmpty(ReadOnlySpan<float> vector) => vector.IndexOfAnyExcept(0f) < 0;

    /// <summary>Scales the vector to length one; false, and the vector untouched, when it has no direction.</summary>
    public static bool TryNormalize(Span<float> vector)
    {
        var squares = 0.0;
        foreach (var value in vector)
        {
            squares += (double)value * value;
        }

        if (!double.IsFinite(squares) || squares <= 0)
        {
            return false;
        }

        var scale = 1 / Math.Sqrt(squares);
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = (float)(vector[i] * scale);
        }

        return true;
    }
}

/// <summary>Asks an embedder and measures how long that took, whatever came of it.</summary>
internal static class MeasuredEmbedding
{
    public static async Task<IReadOnlyList<float[]>> EmbedAsync(
        this IEmbedder embedder, Meters meters, IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        using var span = embedder.IsLocal ? null : Spans.Start("embedding");
        var started = Stopwatch.GetTimestamp();
        var outcome = "failed";
        try
        {
            var vectors = await embedder.EmbedAsync(texts, purpose, ct);
            outcome = "succeeded";
            return vectors;
        }
        finally
        {
            meters.EmbeddingGenerated(embedder.Generation.Provider, outcome, Stopwatch.GetElapsedTime(started));
            span?.SetTag("memoir.embedding.provider", embedder.Generation.Provider).SetTag("memoir.embedding.texts", texts.Count)
                .SetTag("memoir.embedding.outcome", outcome).SetStatus(outcome == "failed" ? ActivityStatusCode.Error : ActivityStatusCode.Unset);
        }
    }
}
