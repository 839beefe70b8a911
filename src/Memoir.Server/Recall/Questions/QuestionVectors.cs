using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Questions;

/// <summary>The vector of a question, and what the tenant's vectors say to it: a provider that fails degrades the answer, never refuses it.</summary>
internal sealed partial class QuestionVectors(
    Database database, RecallIndexes indexes, MemoryVectors memories, Meters meters, ILogger<QuestionVectors> logger)
{
    /// <summary>What a model's similarity counts next to the words, which count 1.</summary>
    private const float ModelWeight = 0.6f;

    // Sentences of one language are all a little alike; that much says nothing.
    private const float ModelFloor = 0.2f;

    // Below this a text shares no more letters with the question than any text does.
    private const float LettersFloor = 0.15f;

    /// <summary>What the tenant's vectors are now; one search goes by one answer to this.</summary>
    public TenantVectors Of(Tenant tenant) => memories.Of(tenant);

    /// <summary>Learns what another process changed of the tenant's vectors.</summary>
    /// <param name="session">The reading session.</param>
    /// <param name="change">The tenant's counter in it.</param>
    /// <param name="known">The counter that was known before the session began.</param>
    public Task LearnAsync(Session session, long change, long known) => memories.OfAsync(session, change, known);

    /// <summary>
    /// The vectors are made of the same letters as the words. Measured on both benchmark sets they add nothing where the
    /// words find something, so they are asked only where the words find nothing: a misspelt name, a compound.
    /// </summary>
    public bool SeeOnlyLetters(TenantVectors vectors) => memories.EmbedderOf(vectors).IsLocal;

    /// <returns>The vector, or null with the reason where one is owed to the caller.</returns>
    public async Task<(QuestionVector? Vector, string? Reason)> EmbedAsync(TenantVectors inUse, string query, CancellationToken ct)
    {
        try
        {
            var vectors = await memories.EmbedderOf(inUse).EmbedAsync(meters, [query], EmbeddingPurpose.Query, ct);
            return (QueryVector.From(vectors[0]) is { } prepared ? new QuestionVector(vectors[0], prepared) : null, null);
        }
        catch (EmbeddingException exception)
        {
            LogDegraded(exception.Error);
            return (null, Reason(exception.Error));
        }
    }

    /// <summary>What a scan of the vectors says about the question.</summary>
    private static SemanticEvidence Evidence(VectorTable vectors, QueryVector query, ReadOnlySpan<ulong> allowed, int count, bool isFallback)
    {
        var best = new VectorHit[count];
        var found = vectors.Nearest(query, allowed, best);
        var hits = new List<(int Ordinal, float Cosine)>(found);
        foreach (var hit in best.AsSpan(0, found))
        {
            if (!isFallback || hit.Cosine >= LettersFloor)
            {
                hits.Add((hit.Ordinal, hit.Cosine));
            }
        }

        return Evidence(hits, ordinal => vectors.Cosine(ordinal, query));
    }

    /// <summary>The same from cosines that were found elsewhere.</summary>
    private static SemanticEvidence Evidence(IReadOnlyList<(int Ordinal, float Cosine)> nearest, Func<int, float> cosineOf) =>
        new(nearest, cosineOf, ModelWeight, ModelFloor);

    private static string Reason(EmbeddingError error) => error switch
    {
        EmbeddingError.Timeout => "the embedding provider did not answer in time",
        EmbeddingError.Paced => "requests to the embedding provider are limited, and this one would have had to wait",
        EmbeddingError.RateLimited => "the embedding provider limits our requests",
        EmbeddingError.InvalidAnswer => "the embedding provider gave an answer that is not a vector",
        EmbeddingError.Rejected or EmbeddingError.TooLarge => "the embedding provider refused the request",
        _ => "the embedding provider is not available",
    };

    [LoggerMessage(LogLevel.Warning, "A search was answered without vectors: {Error}.")]
    private partial void LogDegraded(EmbeddingError error);
}
