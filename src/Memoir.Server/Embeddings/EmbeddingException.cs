namespace Memoir.Server.Embeddings;

/// <summary>No vector, and why. Its message names no text, no key and no address, so it may be shown to an operator.</summary>
internal sealed class EmbeddingException(EmbeddingError error, string message, Exception? cause = null) : Exception(message, cause)
{
    public EmbeddingError Error { get; } = error;

    /// <summary>Whether the same request will fail again, so that trying again is no use.</summary>
    public bool IsPermanent => Error == EmbeddingError.Rejected;

    /// <summary>How long the provider asked to be left alone, when it said so.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the failure says that the provider, not this one request, is in trouble.</summary>
    internal bool IsProviderFault { get; init; } = error != EmbeddingError.Rejected;
}

/// <summary>Every way in which a provider fails.</summary>
internal enum EmbeddingError
{
    /// <summary>No connection, a broken one, a server error, or an open circuit.</summary>
    Unavailable,

    /// <summary>No answer in time.</summary>
    Timeout,

    /// <summary>An answer that is not the vectors that were asked for.</summary>
    InvalidAnswer,

    /// <summary>Too many requests.</summary>
    RateLimited,

    /// <summary>The provider understood and refuses: a wrong key, an unknown model, a text that is too long.</summary>
    Rejected,
}
