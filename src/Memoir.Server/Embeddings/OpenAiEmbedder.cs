using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using Microsoft.Extensions.Options;
using OpenAI;
using OpenAI.Embeddings;

namespace Memoir.Server.Embeddings;

/// <summary>Vectors from OpenAI or any endpoint that speaks like it.</summary>
internal sealed class OpenAiEmbedder : IEmbedder, IDisposable
{
    private const int CachedQueries = 4096;

    // The library insists on a key; this one is taken out again before anything is sent.
    private const string NoKey = "none";

    private readonly EmbeddingOptions _options;
    private readonly HttpClient _http;
    private readonly EmbeddingClient _client;
    private readonly EmbeddingResilience _resilience;
    private readonly TimeProvider _time;
    private readonly QueryCache _queries = new(CachedQueries);
    private volatile SizeHabit _sizeHabit;

    public OpenAiEmbedder(
        HttpClient http, IOptions<EmbeddingOptions> options, EmbeddingHealth health, TimeProvider time, ILogger<OpenAiEmbedder> logger)
    {
        _http = http;
        _options = options.Value;
        _time = time;
        _resilience = new EmbeddingResilience(_options, health, time, logger);
        _client = new EmbeddingClient(_options.EffectiveModel, new ApiKeyCredential(KeyOf(_options) ?? NoKey), ClientOptions(_options, http));
        Generation = new EmbeddingGeneration("openai", _options.EffectiveModel, _options.EffectiveDimensions);
    }

    public EmbeddingGeneration Generation { get; }

    public bool IsLocal => false;

    public async Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var vectors = new float[texts.Count][];
        var wanted = new List<int>();
        for (var i = 0; i < vectors.Length; i++)
        {
            // Providers refuse a blank text, and with it the whole batch.
            vectors[i] = string.IsNullOrWhiteSpace(texts[i]) ? new float[Generation.Dimensions] : FindCached(texts[i], purpose)!;
            if (vectors[i] is null)
            {
                wanted.Add(i);
            }
        }

        foreach (var batch in wanted.Chunk(_options.BatchSize))
        {
            var answer = await AskAsync([.. batch.Select(i => EmbeddingAnswer.Cut(texts[i], _options.MaxTokens))], purpose, ct);
            for (var i = 0; i < batch.Length; i++)
            {
                vectors[batch[i]] = answer[i];
                if (purpose == EmbeddingPurpose.Query)
                {
                    _queries.Keep(QueryCache.KeyOf(Generation, texts[batch[i]]), (float[])answer[i].Clone());
                }
            }
        }

        return vectors;
    }

    public void Dispose() => _http.Dispose();

    private float[]? FindCached(string text, EmbeddingPurpose purpose) =>
        purpose == EmbeddingPurpose.Query ? (float[]?)_queries.Find(QueryCache.KeyOf(Generation, text))?.Clone() : null;

    // Many self-hosted models have one size and refuse to be told it: until the parameter is known to work,
    // a refusal is answered by asking without it.
    private async Task<float[][]> AskAsync(string[] texts, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var habit = _sizeHabit;
        if (_options.Dimensions is null || habit == SizeHabit.Unsaid)
        {
            return await SendAsync(texts, null, purpose, ct);
        }

        try
        {
            var answer = await SendAsync(texts, _options.Dimensions, purpose, ct);
            _sizeHabit = SizeHabit.Said;
            return answer;
        }
        catch (EmbeddingException refusal) when (habit == SizeHabit.Unknown && refusal is { IsPermanent: true, IsProviderFault: false })
        {
            var answer = await SendAsync(texts, null, purpose, ct);
            _sizeHabit = SizeHabit.Unsaid;
            return answer;
        }
    }

    private Task<float[][]> SendAsync(string[] texts, int? dimensions, EmbeddingPurpose purpose, CancellationToken ct)
    {
        var body = EmbeddingAnswer.Request(_options.EffectiveModel, dimensions, texts);
        return _resilience.AskAsync(purpose, token => AskOnceAsync(body, texts.Length, token), ct);
    }

    private async ValueTask<float[][]> AskOnceAsync(byte[] body, int count, CancellationToken ct)
    {
        try
        {
            using var content = BinaryContent.Create(BinaryData.FromBytes(body));
            var result = await _client.GenerateEmbeddingsAsync(content, new RequestOptions
            {
                // Status codes and bodies are judged here, the body never longer than its limit.
                BufferResponse = false,
                ErrorOptions = ClientErrorBehaviors.NoThrow,
                CancellationToken = ct,
            });
            using var response = result.GetRawResponse();
            if (response.Status != 200)
            {
                throw Refusal(response);
            }

            var answer = response.ContentStream is { } stream ? await EmbeddingAnswer.ReadAsync(stream, ct) : default;
            return EmbeddingAnswer.Parse(answer, count, Generation.Dimensions);
        }
        catch (Exception cause) when (!ct.IsCancellationRequested && IsConnectionFailure(cause))
        {
            throw new EmbeddingException(EmbeddingError.Unavailable, "The embedding provider cannot be reached.", cause);
        }
        catch (Exception) when (ct.IsCancellationRequested)
        {
            // A cut connection looks like a broken one; what counts is that nobody waits any more.
            ct.ThrowIfCancellationRequested();
            throw;
        }
    }

    // The library wraps what its transport throws, and cancels by itself when a read takes too long.
    private static bool IsConnectionFailure(Exception cause) =>
        cause is HttpRequestException or IOException or ClientResultException or OperationCanceledException or AggregateException;

    private EmbeddingException Refusal(PipelineResponse response)
    {
        var text = $"The embedding provider answered with status {response.Status}.";
        return response.Status switch
        {
            429 => new EmbeddingException(EmbeddingError.RateLimited, text) { RetryAfter = RetryAfter(response) },
            408 or 425 or >= 500 => new EmbeddingException(EmbeddingError.Unavailable, text) { RetryAfter = RetryAfter(response) },
            >= 200 and < 300 => new EmbeddingException(EmbeddingError.InvalidAnswer, text),

            // What is wrong with one request; everything else (key, address, model) is wrong with all of them.
            400 or 413 or 422 => new EmbeddingException(EmbeddingError.Rejected, text),
            _ => new EmbeddingException(EmbeddingError.Rejected, text) { IsProviderFault = true },
        };
    }

    private TimeSpan? RetryAfter(PipelineResponse response)
    {
        if (!response.Headers.TryGetValue("Retry-After", out var value))
        {
            return null;
        }

        if (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
        {
            return TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.SecondsPerDay));
        }

        return DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && at - _time.GetUtcNow() is { Ticks: > 0 } wait
                ? wait
                : null;
    }

    private static string? KeyOf(EmbeddingOptions options) =>
        string.IsNullOrWhiteSpace(options.ApiKey) ? null : options.ApiKey.Trim();

    private static OpenAIClientOptions ClientOptions(EmbeddingOptions options, HttpClient http)
    {
        var client = new OpenAIClientOptions
        {
            Transport = new HttpClientPipelineTransport(http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            ClientLoggingOptions = new ClientLoggingOptions { EnableLogging = false },
        };
        if (!string.IsNullOrWhiteSpace(options.BaseUrl))
        {
            client.Endpoint = new Uri(options.BaseUrl);
        }

        if (KeyOf(options) is null)
        {
            client.AddPolicy(new WithoutCredential(), PipelinePosition.BeforeTransport);
        }

        return client;
    }

    /// <summary>Whether the endpoint takes the size of the vectors as a parameter.</summary>
    private enum SizeHabit
    {
        Unknown,
        Said,
        Unsaid,
    }

    /// <summary>Sends no Authorization header: self-hosted servers need none, and some refuse one.</summary>
    private sealed class WithoutCredential : PipelinePolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Remove("Authorization");
            ProcessNext(message, pipeline, currentIndex);
        }

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Remove("Authorization");
            return ProcessNextAsync(message, pipeline, currentIndex);
        }
    }
}
