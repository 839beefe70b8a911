namespace Memoir.Server.Embeddings.Providers;

/// <summary>What the readiness answer says about the provider: when it last worked, when and how it last failed.</summary>
internal sealed class EmbeddingHealth(TimeProvider time)
{
    private EmbeddingStanding _standing = new(null, null, null, EmbeddingCircuit.Closed);

    public EmbeddingStanding Standing => Volatile.Read(ref _standing);

    public void Succeeded()
    {
        var now = time.GetUtcNow();
        Change(standing => standing with { LastSuccess = now });
    }

    public void Failed(EmbeddingError error)
    {
        var now = time.GetUtcNow();
        Change(standing => standing with { LastFailure = now, LastError = error });
    }

    public void Turned(EmbeddingCircuit circuit) => Change(standing => standing with { Circuit = circuit });

    private void Change(Func<EmbeddingStanding, EmbeddingStanding> change)
    {
        EmbeddingStanding seen;
        do
        {
            seen = Standing;
        }
        while (Interlocked.CompareExchange(ref _standing, change(seen), seen) != seen);
    }
}

/// <summary>One consistent view of the provider's health.</summary>
internal sealed record EmbeddingStanding(
    DateTimeOffset? LastSuccess, DateTimeOffset? LastFailure, EmbeddingError? LastError, EmbeddingCircuit Circuit)
{
    public bool IsHealthy =>
        Circuit == EmbeddingCircuit.Closed && (LastFailure is null || LastSuccess >= LastFailure);
}

/// <summary>Whether requests go out (closed), none does (open), or one probes (half-open).</summary>
internal enum EmbeddingCircuit
{
    Closed,
    HalfOpen,
    Open,
}
