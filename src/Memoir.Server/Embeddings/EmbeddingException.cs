using Memoir.Kit.Jobs;

namespace Memoir.Server.Embeddings;

/// <summary>No vector, and why. Its message names no text, no key and no address, so it may be shown to an operator.</summary>
internal sealed class EmbeddingException(EmbeddingError error, string message, Exception? cause = null) : Exception(message, cause)
{
    public EmbeddingError Error { get; } = error;

    /// <summary>Whether the same request will fail again, so that trying again is no use.</summary>
    public bool IsPermanent => Error is EmbeddingError.Rejected or EmbeddingError.TooLarge;

    /// <summary>Whether the texts of this request are to blame, so that other texts may still be embedded.</summary>
    public bool IsOfTheTexts => IsPermanent && !IsProviderFault;

    /// <summary>How long to leave the provider alone, when it said so or our own limit does.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>How long a job must wait that did nothing wrong; null when its failure counts as an attempt.</summary>
    public TimeSpan? Wait => Error is EmbeddingError.Paced or EmbeddingError.RateLimited ? RetryAfter : null;

    /// <summary>What a job fails with because of this.</summary>
    public JobFailedException AsJobFailure() => IsPermanent ? new PermanentJobException(Message, this) : new JobFailedException(Message, this);

    /// <summary>Whether the failure says that the provider, not this one request, is in trouble.</summary>
    internal bool IsProviderFault { get; init; } = error is not (EmbeddingError.Rejected or EmbeddingError.TooLarge or EmbeddingError.Paced);
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

    /// <summary>The provider answered that there are too many requests.</summary>
    RateLimited,

    /// <summary>Nothing was sent: our own limit, or the pause that the provider asked for, is not over.</summary>
    Paced,

    /// <summary>The provider understood and refuses: a wrong key, an unknown model, a text that it cannot read.</summary>
    Rejected,

    /// <summary>More texts, or a longer one, than the provider takes in one request.</summary>
    TooLarge,
}
