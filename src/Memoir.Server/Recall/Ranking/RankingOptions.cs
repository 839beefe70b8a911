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

    /// <summary>Share of the previous and of the next turn's score that a turn gets.</summary>
    public float NeighbourWeight { get; init; } = 0.3f;

    /// <summary>The same share of a previous turn that asks something: what follows is probably the answer.</summary>
    public float AskedWeight { get; init; } = 0.6f;

    /// <summary>What a turn with a time expression gains when the question asks for a time.</summary>
    public float TimeWeight { get; init; } = 1.2f;

    /// <summary>What a turn of somebody else counts when the question names a speaker.</summary>
    public float OtherSpeakerWeight { get; init; } = 0.9f;

    /// <summary>What a turn that asks something counts: it seldom tells anything.</summary>
    public float QuestionWeight { get; init; } = 0.8f;

    /// <summary>Weight of a name that is mentioned in the text, when a speaker of that name exists.</summary>
    public float MentionWeight { get; init; } = 0.3f;

    /// <summary>Share of the best score of its conversation that a turn gets.</summary>
    public float ConversationWeight { get; init; } = 0.4f;

    /// <summary>Share of what its whole conversation matches that a turn gets.</summary>
    public float CoverageWeight { get; init; } = 0.4f;

    public float CoverageK { get; init; } = 1f;

    /// <summary>Weight of a query word that is the speaker's name.</summary>
    public float SpeakerWeight { get; init; } = 2f;

    /// <summary>Weight of a query word that is part of the date.</summary>
    public float DateWeight { get; init; } = 1f;

    /// <summary>What an assistant's turn counts in a chat between a user and an assistant.</summary>
    public float AssistantWeight { get; init; } = 0.5f;

    /// <summary>Exponent of the inverse document frequency.</summary>
    public float IdfPower { get; init; } = 1f;

    /// <summary>Queries with more distinct words than this are read as messages rather than questions.</summary>
    public int LongQueryTerms { get; init; } = 12;

    /// <summary>The same bound when the asker speaks of himself.</summary>
    public int PersonalQueryTerms { get; init; } = 4;

    /// <summary>For long queries: what the turns around one count, of which many match such a query by chance.</summary>
    public float LongContext { get; init; } = 0.3f;

    public float LongIdfPower { get; init; } = 0.7f;

    /// <summary>For long queries: how much the newest memories gain over old ones, and after how many days that has halved.</summary>
    public float RecencyWeight { get; init; } = 1.5f;

    public float RecencyDays { get; init; } = 10f;

    /// <summary>How many of the best passages are compared with their neighbours, at least.</summary>
    public int Candidates { get; init; } = 192;

    /// <summary>How many memories are ranked with everything that is known of them, at least.</summary>
    public int Finalists { get; init; } = 64;

    /// <summary>Distinct query words that count; the rarest are kept.</summary>
    public int MaxQueryTerms { get; init; } = 64;

    /// <summary>How many of a query's weightiest words a memory must hold to count as a full match.</summary>
    public int FullTerms { get; init; } = 8;

    /// <summary>Whether a query is read as a message in the middle of a conversation rather than as a question.</summary>
    public bool IsLong(int words, bool isPersonal) => words > (isPersonal ? PersonalQueryTerms : LongQueryTerms);

    /// <summary>The options for long queries.</summary>
    public RankingOptions ForLong() => this with
    {
        IdfPower = LongIdfPower,
        WindowWeight = WindowWeight * LongContext,
        NeighbourWeight = NeighbourWeight * LongContext,
    };
}
