using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Embeddings;

/// <summary>Which provider makes the vectors, and how long it may take.</summary>
internal sealed class EmbeddingOptions : IValidatableObject
{
    private const string DefaultOpenAiModel = "text-embedding-3-small";
    private const string LargeOpenAiModel = "text-embedding-3-large";
    private const int DefaultOpenAiDimensions = 1536;
    private const int LargeOpenAiDimensions = 3072;

    [EnumDataType(typeof(EmbeddingProvider))]
    [ConfigurationKeyName("EmbeddingProvider")]
    public EmbeddingProvider Provider { get; set; } = EmbeddingProvider.Builtin;

    /// <summary>Only for <see cref="EmbeddingProvider.OpenAi"/>; default <c>text-embedding-3-small</c>.</summary>
    [StringLength(200)]
    [ConfigurationKeyName("EmbeddingModelName")]
    public string? ModelName { get; set; }

    /// <summary>Asked of the provider only when set; default 1536 (3072 for <c>text-embedding-3-large</c>). A vector of any other length is refused.</summary>
    [Range(1, Vectors.VectorSketch.MaxDimensions)]
    [ConfigurationKeyName("EmbeddingDimensions")]
    public int? Dimensions { get; set; }

    /// <summary>Any OpenAI-compatible endpoint, up to and including its version (<c>http://tei:8080/v1</c>); default OpenAI itself.</summary>
    [StringLength(2000)]
    [ConfigurationKeyName("EmbeddingBaseUrl")]
    public string? BaseUrl { get; set; }

    [ConfigurationKeyName("EmbeddingApiKey")]
    public string? ApiKey { get; set; }

    /// <summary>All the time a query's vector may take, so that a search never waits longer for it.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:01:00")]
    [ConfigurationKeyName("EmbeddingQueryTimeout")]
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The time one try of a document batch may take.</summary>
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

    internal string EffectiveModel => string.IsNullOrWhiteSpace(ModelName) ? DefaultOpenAiModel : ModelName.Trim();

    internal int EffectiveDimensions =>
        Dimensions ?? (EffectiveModel == LargeOpenAiModel ? LargeOpenAiDimensions : DefaultOpenAiDimensions);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Provider == EmbeddingProvider.OpenAi && string.IsNullOrWhiteSpace(ApiKey) && string.IsNullOrWhiteSpace(BaseUrl))
        {
            yield return new ValidationResult(
                "MEMORY_EMBEDDING_API_KEY is missing: the provider openai needs it (for example sk-...), "
                + "or MEMORY_EMBEDDING_BASE_URL of a server that needs none.",
                [nameof(ApiKey)]);
        }

        if (!string.IsNullOrWhiteSpace(BaseUrl)
            && !(Uri.TryCreate(BaseUrl, UriKind.Absolute, out var url)
                && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
                && url.UserInfo.Length == 0))
        {
            yield return new ValidationResult(
                "MEMORY_EMBEDDING_BASE_URL must be an http or https address without user or password, "
                + "for example https://api.openai.com/v1.",
                [nameof(BaseUrl)]);
        }

        if (ApiKey is not null && ApiKey.AsSpan().Trim().ContainsAnyExceptInRange('!', '~'))
        {
            yield return new ValidationResult(
                "MEMORY_EMBEDDING_API_KEY has a character that cannot be sent in a header; an example of a right one is sk-...", [nameof(ApiKey)]);
        }
    }
}

/// <summary>Where vectors come from.</summary>
internal enum EmbeddingProvider
{
    Builtin,
    OpenAi,
    Mock,
}

/// <summary>Refuses to start with options that cannot work.</summary>
[OptionsValidator]
internal sealed partial class EmbeddingOptionsValidator : IValidateOptions<EmbeddingOptions>;
