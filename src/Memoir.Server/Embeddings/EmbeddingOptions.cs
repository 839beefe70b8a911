using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Embeddings;

/// <summary>Which providers there are, which of them makes the vectors, and how long it may take.</summary>
internal sealed class EmbeddingOptions : IValidatableObject
{
    /// <summary>The provider of tenants that chose none.</summary>
    [ConfigurationKeyName("EmbeddingProvider")]
    public string Provider { get; set; } = ProviderNames.Builtin;

    /// <summary>The model of <see cref="Provider"/>; each provider has a default.</summary>
    [StringLength(200)]
    [ConfigurationKeyName("EmbeddingModelName")]
    public string? ModelName { get; set; }

    /// <summary>The length of its vectors; each provider has a default. A vector of any other length is refused.</summary>
    [Range(1, Vectors.VectorSketch.MaxDimensions)]
    [ConfigurationKeyName("EmbeddingDimensions")]
    public int? Dimensions { get; set; }

    /// <summary>The address of <see cref="Provider"/>; of <c>openai</c> when that one needs none.</summary>
    [StringLength(2000)]
    [ConfigurationKeyName("EmbeddingBaseUrl")]
    public string? BaseUrl { get; set; }

    /// <summary>The key of <see cref="Provider"/>; of <c>openai</c> when that one has its own or needs none.</summary>
    [ConfigurationKeyName("EmbeddingApiKey")]
    public string? ApiKey { get; set; }

    [ConfigurationKeyName("GeminiApiKey")]
    public string? GeminiApiKey { get; set; }

    /// <summary>For proxies; up to and including the version.</summary>
    [StringLength(2000)]
    [ConfigurationKeyName("GeminiBaseUrl")]
    public string? GeminiBaseUrl { get; set; }

    /// <summary>A text-embeddings-inference server beside another <see cref="Provider"/>.</summary>
    [StringLength(2000)]
    [ConfigurationKeyName("SentenceTransformerBaseUrl")]
    public string? SentenceTransformerBaseUrl { get; set; }

    /// <summary>False: a store asks the provider before it answers, and leaves it to a job where that takes too long.</summary>
    [ConfigurationKeyName("AsyncEmbeddings")]
    public bool IsAsync { get; set; } = true;

    /// <summary>Requests that this process sends in any minute, to all providers together; null: as many as there are.</summary>
    [Range(1, 100_000)]
    [ConfigurationKeyName("EmbeddingMaxRequestsPerMinute")]
    public int? MaxRequestsPerMinute { get; set; }

    /// <summary>All the time a query's vector may take, so that a search never waits longer for it.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:01:00")]
    [ConfigurationKeyName("EmbeddingQueryTimeout")]
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The time one try of a document batch may take, and all the time that a store waits for it.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:10:00")]
    [ConfigurationKeyName("EmbeddingDocumentTimeout")]
    public TimeSpan DocumentTimeout { get; set; } = TimeSpan.FromSeconds(10);

    [Range(0, 10)]
    [ConfigurationKeyName("EmbeddingDocumentRetries")]
    public int DocumentRetries { get; set; } = 3;

    /// <summary>The first pause before trying again; it doubles, with jitter.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    [ConfigurationKeyName("EmbeddingRetryDelay")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long an open circuit refuses before one request probes again.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:10:00")]
    [ConfigurationKeyName("EmbeddingBreakDuration")]
    public TimeSpan BreakDuration { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Texts per request; 32 is what self-hosted servers accept by default.</summary>
    [Range(1, 2048)]
    [ConfigurationKeyName("EmbeddingBatchSize")]
    public int BatchSize { get; set; } = 32;

    /// <summary>Longer texts are cut to about so many tokens (their beginning is kept).</summary>
    [Range(16, 1_000_000)]
    [ConfigurationKeyName("EmbeddingMaxTokens")]
    public int MaxTokens { get; set; } = 8000;

    /// <summary>What tenants get that chose nothing.</summary>
    internal EmbeddingGeneration Generation => ProviderNames.GenerationOf(EffectiveProvider, ModelName, Dimensions);

    internal string EffectiveProvider => Provider.Trim().ToLowerInvariant();

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!ProviderNames.All.Contains(EffectiveProvider))
        {
            yield return new ValidationResult(
                $"MEMORY_EMBEDDING_PROVIDER must be one of {string.Join(", ", ProviderNames.All)}.", [nameof(Provider)]);
        }

        if (Missing() is { } missing)
        {
            yield return missing;
        }

        foreach (var (variable, member, url) in ((string, string, string?)[])[
            ("MEMORY_EMBEDDING_BASE_URL", nameof(BaseUrl), BaseUrl), ("MEMORY_GEMINI_BASE_URL", nameof(GeminiBaseUrl), GeminiBaseUrl),
            ("MEMORY_SENTENCE_TRANSFORMER_BASE_URL", nameof(SentenceTransformerBaseUrl), SentenceTransformerBaseUrl)])
        {
            if (!string.IsNullOrWhiteSpace(url) && !IsAddress(url))
            {
                yield return new ValidationResult(
                    $"{variable} must be an http or https address without user, password, query or fragment, for example https://api.openai.com/v1.",
                    [member]);
            }
        }

        foreach (var (variable, member, key) in ((string, string, string?)[])[
            ("MEMORY_EMBEDDING_API_KEY", nameof(ApiKey), ApiKey), ("MEMORY_GEMINI_API_KEY", nameof(GeminiApiKey), GeminiApiKey)])
        {
            if (key is not null && key.AsSpan().Trim().ContainsAnyExceptInRange('!', '~'))
            {
                yield return new ValidationResult(
                    $"{variable} has a character that cannot be sent in a header; an example of a right one is sk-...", [member]);
            }
        }

        if (ModelName is { } model && !string.IsNullOrWhiteSpace(model) && !ProviderNames.IsModel(model.Trim()))
        {
            yield return new ValidationResult(
                "MEMORY_EMBEDDING_MODEL_NAME must consist of letters, digits and . _ : / @ + - only, for example text-embedding-3-small.",
                [nameof(ModelName)]);
        }
    }

    private ValidationResult? Missing() => EffectiveProvider switch
    {
        ProviderNames.OpenAi when IsEmpty(ApiKey) && IsEmpty(BaseUrl) => new ValidationResult(
            "MEMORY_EMBEDDING_API_KEY is missing: the provider openai needs it (for example sk-...), "
            + "or MEMORY_EMBEDDING_BASE_URL of a server that needs none.",
            [nameof(ApiKey)]),
        ProviderNames.Gemini when IsEmpty(GeminiApiKey) => new ValidationResult(
            "MEMORY_GEMINI_API_KEY is missing: the provider google_gemini needs it, for example AIza...", [nameof(GeminiApiKey)]),
        ProviderNames.SentenceTransformer when IsEmpty(BaseUrl) && IsEmpty(SentenceTransformerBaseUrl) => new ValidationResult(
            "MEMORY_EMBEDDING_BASE_URL is missing: the provider sentence_transformer needs its server's address, for example http://tei:8080.",
            [nameof(BaseUrl)]),
        _ => null,
    };

    private static bool IsEmpty(string? value) => string.IsNullOrWhiteSpace(value);

    private static bool IsAddress(string value) =>
        Uri.TryCreate(value.Trim(), UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
        && url.UserInfo.Length == 0 && url.Query.Length == 0 && url.Fragment.Length == 0;
}

/// <summary>Refuses to start with options that cannot work.</summary>
[OptionsValidator]
internal sealed partial class EmbeddingOptionsValidator : IValidateOptions<EmbeddingOptions>;
