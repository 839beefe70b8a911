using System.Net;
using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>Vectors of one generation from a provider elsewhere: batches, the cache of queries, time limits and checks that all providers share.</summary>
internal sealed class HttpEmbedder(
    EmbeddingGeneration generation, EmbeddingProtocol protocol, HttpClient http, EmbeddingResilience resilience, HttpEmbedderLimits limits)
    : IEmbedder
{
    private readonly int _maxTokens = Math.Min(limits.MaxTokens, protocol.MostTokens);
    private volatile int _batchSize = Math.Min(limits.BatchSize, protocol.MostTexts);
    private volatile SizeHabit _sizeHabit;

    public EmbeddingGeneration Generation => generation;

    public bool IsLocal => false;

    public int BatchSize => _batchSize;

    public EmbeddingStanding Standing => resilience.Standing;

    public async Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var vectors = new float[texts.Count][];
        var wanted = new List<int>();
        for (var i = 0; i < vectors.Length; i++)
        {
            // Providers refuse a blank text, and with it the whole batch.
            vectors[i] = string.IsNullOrWhiteSpace(texts[i]) ? new float[generation.Dimensions] : FindCached(texts[i], purpose)!;
            if (vectors[i] is null)
            {
                wanted.Add(i);
            }
        }

        foreach (var batch in wanted.Chunk(_batchSize))
        {
            var answer = await AskAsync([.. batch.Select(i => VectorAnswer.Cut(texts[i], _maxTokens))], purpose, ct);
            for (var i = 0; i < batch.Length; i++)
            {
                vectors[batch[i]] = answer[i];
                if (purpose == EmbeddingPurpose.Query)
                {
                    limits.Queries.Keep(QueryCache.KeyOf(generation, texts[batch[i]]), (float[])answer[i].Clone());
                }
            }
        }

        return vectors;
    }

    private float[]? FindCached(string text, EmbeddingPurpose purpose) =>
        purpose == EmbeddingPurpose.Query ? (float[]?)limits.Queries.Find(QueryCache.KeyOf(generation, text))?.Clone() : null;

    // Many self-hosted models have one size and refuse to be told it: until the parameter is known to work,
    // a refusal is answered by asking without it.
    private async Task<float[][]> AskAsync(string[] texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var habit = _sizeHabit;
        if (!protocol.AsksForSize(generation) || habit == SizeHabit.Unsaid)
        {
            return await SendAsync(texts, asksForSize: false, purpose, ct);
        }

        try
        {
            var answer = await SendAsync(texts, asksForSize: true, purpose, ct);
            _sizeHabit = SizeHabit.Said;
            return answer;
        }
        catch (EmbeddingException refusal) when (habit == SizeHabit.Unknown && refusal is { Error: EmbeddingError.Rejected, IsOfTheTexts: true })
        {
            var answer = await SendAsync(texts, asksForSize: false, purpose, ct);
            _sizeHabit = SizeHabit.Unsaid;
            return answer;
        }
    }

    private async Task<float[][]> SendAsync(string[] texts, bool asksForSize, EmbeddingPurpose purpose, CancellationToken ct)
    {
        try
        {
            return await resilience.AskAsync(purpose, token => AskOnceAsync(texts, asksForSize, purpose, token), ct);
        }
        catch (EmbeddingException refusal) when (refusal.Error == EmbeddingError.TooLarge && texts.Length > 1)
        {
            _batchSize = Math.Max(1, Math.Min(_batchSize, texts.Length / 2)); // The next batches are of a size that may pass.
            throw;
        }
    }

    private async ValueTask<float[][]> AskOnceAsync(string[] texts, bool asksForSize, EmbeddingPurpose purpose, CancellationToken ct)
    {
        try
        {
            using var request = protocol.Request(generation, texts, purpose, asksForSize);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await protocol.RefusalAsync(response, ct);
            }

            await using var stream = await response.Content.ReadAsStreamAsync(ct);
            var body = await VectorAnswer.ReadAsync(stream, VectorAnswer.MostBytes(texts.Length, generation.Dimensions), ct);
            using var document = JsonDocument.Parse(body);
            return protocol.Read(document.RootElement, texts.Length, generation.Dimensions);
        }
        catch (JsonException cause)
        {
            throw VectorAnswer.Invalid("it is not JSON", cause);
        }
        catch (HttpRequestException cause)
        {
            throw Broken(cause, ct);
        }
        catch (IOException cause)
        {
            throw Broken(cause, ct);
        }
        catch (OperationCanceledException cause) when (!ct.IsCancellationRequested)
        {
            throw Broken(cause, ct); // Not we but the connection gave up waiting.
        }
        catch (InvalidDataException cause)
        {
            throw Broken(cause, ct); // A compressed body that is damaged.
        }
    }

    private static EmbeddingException Broken(Exception cause, CancellationToken ct)
    {
        // A cut connection looks like a broken one; what counts is that nobody waits any more.
        ct.ThrowIfCancellationRequested();
        return new EmbeddingException(EmbeddingError.Unavailable, "The embedding provider cannot be reached.", cause);
    }

    /// <summary>Whether the endpoint takes the size of the vectors as a parameter.</summary>
    private enum SizeHabit
    {
        Unknown,
        Said,
        Unsaid,
    }
}

/// <summary>What all embedders of the process share: how much one request holds, and the queries asked last.</summary>
internal sealed record HttpEmbedderLimits(int BatchSize, int MaxTokens, QueryCache Queries);
