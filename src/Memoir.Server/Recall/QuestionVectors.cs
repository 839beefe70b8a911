using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall;

/// <summary>The vector of a question, and what it may say: a provider that fails degrades the answer, never refuses it.</summary>
internal sealed partial class QuestionVectors(IEmbedder embedder, ILogger<QuestionVectors> logger)
{
    // Measured on both benchmark sets: more drags the words down, less tells nothing.
    private const float BuiltinWeight = 0.05f;
    private const float ModelWeight = 0.6f;

    // Sentences of one language share so many letters that unrelated ones still look a little alike.
    private const float BuiltinFloor = 0.1f;
    private const float ModelFloor = 0.2f;

    /// <summary>The vectors are made of the same letters as the words.</summary>
    public bool SeeOnlyLetters => embedder.IsLocal;

    /// <returns>The vector, or null with the reason where one is owed to the caller.</returns>
    public async Task<(QueryVector? Vector, string? Reason)> EmbedAsync(string query, CancellationToken ct)
    {
        try
        {
            var vectors = await embedder.EmbedAsync([query], EmbeddingPurpose.Query, ct);
            return (QueryVector.From(vectors[0]), null);
        }
        catch (EmbeddingException exception)
        {
            LogDegraded(exception.Error);
            return (null, Reason(exception.Error));
        }
    }

    public SemanticEvidence Evidence(LoadedIndex index, QueryVector vector, ReadOnlySpan<VectorHit> nearest)
    {
        var hits = new (int Ordinal, float Cosine)[nearest.Length];
        for (var i = 0; i < hits.Length; i++)
        {
            hits[i] = (nearest[i].Ordinal, nearest[i].Cosine);
        }

        return new SemanticEvidence(
            hits, ordinal => index.Vectors.Cosine(ordinal, vector),
            SeeOnlyLetters ? BuiltinWeight : ModelWeight, SeeOnlyLetters ? BuiltinFloor : ModelFloor);
    }

    private static string Reason(EmbeddingError error) => error switch
    {
        EmbeddingError.Timeout => "the embedding provider did not answer in time",
        EmbeddingError.RateLimited => "the embedding provider limits our requests",
        EmbeddingError.InvalidAnswer => "the embedding provider gave an answer that is not a vector",
        EmbeddingError.Rejected => "the embedding provider refused the request",
        _ => "the embedding provider is not available",
    };

    [LoggerMessage(LogLevel.Warning, "A search was answered without vectors: {Error}.")]
    private partial void LogDegraded(EmbeddingError error);
}
