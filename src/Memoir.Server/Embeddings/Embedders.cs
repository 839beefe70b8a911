using System.Collections.Concurrent;
using System.Net;
using Memoir.Server.Embeddings.Providers;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Embeddings;

/// <summary>The providers that the operator configured, and an embedder for every generation of theirs that is in use.</summary>
internal sealed class Embedders : IDisposable
{
    private const int CachedQueries = 4096;

    // Each costs a few kilobytes. Tenants choose models, so there must be an end to it.
    private const int MostKept = 256;

    private readonly ConcurrentDictionary<string, HttpEmbedder> _remote = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EmbeddingProtocol> _protocols = new(StringComparer.Ordinal);
    private readonly EmbeddingOptions _options;
    private readonly HttpEmbedderLimits _limits;
    private readonly RequestPace _pace;
    private readonly TimeProvider _time;
    private readonly ILogger<Embedders> _logger;
    private readonly HttpClient _http = CreateHttpClient();

    public Embedders(IOptions<EmbeddingOptions> options, TimeProvider time, ILogger<Embedders> logger)
    {
        _options = options.Value;
        _time = time;
        _logger = logger;
        _limits = new HttpEmbedderLimits(_options.BatchSize, _options.MaxTokens, new QueryCache(CachedQueries));
        _pace = new RequestPace(_options.MaxRequestsPerMinute, time);
        AddProtocols();
        Default = For(_options.Generation);
    }

    /// <summary>The embedder of tenants that chose none.</summary>
    public IEmbedder Default { get; }

    public BuiltinEmbedder Builtin { get; } = new();

    /// <summary>The providers that a tenant may choose.</summary>
    public IReadOnlyList<string> Configured =>
        [ProviderNames.Builtin, .. _protocols.Keys.Order(StringComparer.Ordinal), .. Default is MockEmbedder ? [ProviderNames.Mock] : Array.Empty<string>()];

    /// <summary>The embedder of a generation; one that always fails when its provider is no longer configured.</summary>
    public IEmbedder For(EmbeddingGeneration generation)
    {
        if (generation.Provider == ProviderNames.Builtin)
        {
            return Builtin;
        }

        if (generation.Provider == ProviderNames.Mock)
        {
            return Default as MockEmbedder ?? new MockEmbedder();
        }

        return _protocols.TryGetValue(generation.Provider, out var protocol)
            ? Remote(generation, protocol)
            : new MissingEmbedder(generation);
    }

    /// <summary>How the providers that were asked are doing, the worst of each one's models.</summary>
    public IReadOnlyList<ProviderStanding> Standings() =>
    [
        .. _remote.Values.GroupBy(embedder => embedder.Generation.Provider)
            .Select(group => new ProviderStanding(group.Key, group.Select(e => e.Standing).OrderBy(s => s.IsHealthy).ThenByDescending(s => s.Circuit).First()))
            .OrderBy(standing => standing.Provider, StringComparer.Ordinal),
    ];

    /// <summary>Forgets a model that turned out not to work before anybody used it.</summary>
    public void Forget(EmbeddingGeneration generation)
    {
        if (generation.Key != Default.Generation.Key)
        {
            _remote.TryRemove(generation.Key, out _);
        }
    }

    public void Dispose() => _http.Dispose();

    private HttpEmbedder Remote(EmbeddingGeneration generation, EmbeddingProtocol protocol)
    {
        if (_remote.Count > MostKept && !_remote.ContainsKey(generation.Key))
        {
            foreach (var key in _remote.Keys.Where(key => key != Default.Generation.Key))
            {
                _remote.TryRemove(key, out _); // What it knew of the provider is learned again.
            }
        }

        return _remote.GetOrAdd(
            generation.Key,
            _ => new HttpEmbedder(generation, protocol, _http, new EmbeddingResilience(_options, _pace, _time, _logger), _limits));
    }

    // Addresses and keys come from the operator's settings alone: no request can choose where texts go.
    private void AddProtocols()
    {
        var own = _options.EffectiveProvider;
        var isForOpenAi = own is not ProviderNames.SentenceTransformer;
        if (isForOpenAi && (!string.IsNullOrWhiteSpace(_options.ApiKey) || !string.IsNullOrWhiteSpace(_options.BaseUrl)))
        {
            _protocols[ProviderNames.OpenAi] = new OpenAiProtocol(_options.BaseUrl, _options.ApiKey, _time);
        }

        if (!string.IsNullOrWhiteSpace(_options.GeminiApiKey))
        {
            _protocols[ProviderNames.Gemini] = new GeminiProtocol(_options.GeminiBaseUrl, _options.GeminiApiKey, _time);
        }

        var server = isForOpenAi || string.IsNullOrWhiteSpace(_options.BaseUrl) ? _options.SentenceTransformerBaseUrl : _options.BaseUrl;
        if (!string.IsNullOrWhiteSpace(server))
        {
            _protocols[ProviderNames.SentenceTransformer] = new SentenceTransformerProtocol(server, isForOpenAi ? null : _options.ApiKey, _time);
        }
    }

    private static HttpClient CreateHttpClient() =>
        new(new SocketsHttpHandler
        {
            // Long-lived connections would keep an address that DNS no longer gives.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(5),

            // A redirect would carry texts to an address that nobody configured.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
        })
        {
            // The timeouts per try are the resilience pipeline's.
            Timeout = Timeout.InfiniteTimeSpan,
        };

    /// <summary>Stands in for a provider whose key or address was taken out of the settings.</summary>
    private sealed class MissingEmbedder(EmbeddingGeneration generation) : IEmbedder
    {
        public EmbeddingGeneration Generation => generation;

        public bool IsLocal => false;

        public int BatchSize => 1;

        public Task<IReadOnlyList<float[]>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken ct) =>
            throw new EmbeddingException(EmbeddingError.Unavailable, $"The embedding provider {generation.Provider} is not configured on this server.");
    }
}

/// <summary>How a provider is doing.</summary>
internal sealed record ProviderStanding(string Provider, EmbeddingStanding Standing);
