namespace Memoir.Server.Recall.Ranking;

/// <summary>The numbers of the ranking recipe. The defaults are the tuned ones; the bench tool sweeps them.</summary>
internal sealed record RankingOptions
{
    public static RankingOptions Default { get; } = new();

    /// <summary>BM25: how soon further occurrences of a word stop counting.</summary>
    public float K1 { get; init; } = 0.9f;

    /// <summary>BM25: how much a long passage is punished.</summary>
    public float B { get; init; } = 0.4f;

    public float WindowK1 { get; init; } = 1.2f;

    public float WindowB { get; init; } = 0.75f;

    /// <summary>Weight of the second field: the turn read together with its neighbours.</summary>
    public float WindowWeight { get; init; } = 0.55f;

    /// <summary>How much of a neighbour's words at distance one and two count in the window.</summary>
    public float WindowNear { get; init; } = 1f;

    public float WindowFar { get; init; } = 1f;

    /// <summary>Share of the previous and of the next turn's score that a turn gets.</summary>
    public float NeighbourWeight { get; init; } = 0.3f;

    /// <summary>Share of the best score of its conversation that a turn gets.</summary>
    public float ConversationWeight { get; init; } = 0.4f;

    /// <summary>Weight of a query word that is the speaker's name.</summary>
    public float SpeakerWeight { get; init; } = 1f;

    /// <summary>Weight of a query word that is part of the date.</summary>
    public float DateWeight { get; init; } = 1f;

    /// <summary>What an assistant's turn counts in a chat between a user and an assistant.</summary>
    public float AssistantWeight { get; init; } = 0.5f;

    /// <summary>Exponent of the inverse document frequency.</summary>
    public float IdfPower { get; init; } = 1f;

    /// <summary>Queries with more distinct words than this are read as messages rather than questions.</summary>
    public int LongQueryTerms { get; init; } = 14;

    /// <summary>Feedback for long queries: weight of the words of the best memories (0 = none).</summary>
    public float FeedbackWeight { get; init; }

    public int FeedbackMemories { get; init; } = 5;

    public int FeedbackTerms { get; init; } = 20;

    /// <summary>For long queries: how much the newest memories gain over old ones, and after how many days that has halved.</summary>
    public float RecencyWeight { get; init; }

    public float RecencyDays { get; init; } = 3f;

    /// <summary>How many memories are looked at closely, at least.</summary>
    public int Candidates { get; init; } = 256;

    /// <summary>Distinct query words that count; the rarest are kept.</summary>
    public int MaxQueryTerms { get; init; } = 64;
}
