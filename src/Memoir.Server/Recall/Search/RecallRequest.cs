using Memoir.Server.Recall.Ranking;

namespace Memoir.Server.Recall.Search;

/// <summary>What a search returns of what it finds: how many, of which kind, and how relevance and importance are weighed.</summary>
internal sealed record RecallRequest(RecallScope Scope, int Limit)
{
    public RecallMode Mode { get; init; } = RecallMode.Hybrid;

    /// <summary>Only hits of this role; others still lift their neighbours.</summary>
    public MemoryRole? Role { get; init; }

    public string? Type { get; init; }

    public float? ImportanceMin { get; init; }

    public float SimilarityWeight { get; init; } = 0.7f;

    public float ImportanceWeight { get; init; } = 0.3f;

    /// <summary>The importance of a memory at a moment given in Unix microseconds; its override or fixed part when absent.</summary>
    public Func<MemoryParts, long, float>? ImportanceOf { get; init; }

    public SemanticEvidence? Semantic { get; init; }

    public RankingOptions Options { get; init; } = RankingOptions.Default;
}
