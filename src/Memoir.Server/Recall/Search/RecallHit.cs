namespace Memoir.Server.Recall.Search;

/// <summary>One memory found, with the parts that its score is made of.</summary>
internal sealed record RecallHit
{
    public required long Sequence { get; init; }

    public required int Ordinal { get; init; }

    public required float Score { get; init; }

    /// <summary>Fused relevance over what a full match of the question would reach, in [0,1].</summary>
    public required float Similarity { get; init; }

    public required float Importance { get; init; }

    /// <summary>The lexical relevance before normalising, and what its own words, window, neighbours and conversation gave to it.</summary>
    public required LexicalParts Lexical { get; init; }

    /// <summary>The cosine, NaN without a vector.</summary>
    public required float Semantic { get; init; }

    /// <summary>The words of the question that occur in the memory, its speaker or its date.</summary>
    public required IReadOnlyList<string> MatchedTerms { get; init; }

    /// <summary>Sequences of the previous and next turns whose words lifted this one.</summary>
    public required IReadOnlyList<long> LiftedBy { get; init; }
}
