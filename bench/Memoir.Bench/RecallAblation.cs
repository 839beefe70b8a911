namespace Memoir.Bench;

/// <summary>Switches one step of the recipe off at a time and prints what is lost.</summary>
internal static class RecallAblation
{
    private static readonly (string Step, string[] Off)[] Steps =
    [
        ("second field: the turn with its neighbours", ["WindowWeight=0"]),
        ("neighbour smoothing", ["NeighbourWeight=0", "AskedWeight=0"]),
        ("more from a previous turn that asks", ["AskedWeight=0.3"]),
        ("conversation prior: its best turn", ["ConversationWeight=0"]),
        ("conversation prior: what it covers together", ["CoverageWeight=0"]),
        ("speaker's name", ["SpeakerWeight=0", "OtherSpeakerWeight=1"]),
        ("less for turns of others than the named speaker", ["OtherSpeakerWeight=1"]),
        ("less for a mere mention of a speaker's name", ["MentionWeight=1"]),
        ("date words", ["DateWeight=0"]),
        ("turns that ask count less", ["QuestionWeight=1"]),
        ("when-questions prefer turns that tell a time", ["TimeWeight=1"]),
        ("recency for long queries", ["RecencyWeight=0"]),
        ("long queries: less from the turns around", ["LongContext=1"]),
        ("long queries: rare words weigh less", ["LongIdfPower=1"]),
        ("a full match is one of the eight weightiest words", ["FullTerms=64"]),
    ];

    public static int Run(string path, string[] args)
    {
        var parsed = RecallOffline.Arguments.Parse(args);
        var set = RecallSet.Load(path, parsed.Half);
        var (_, all) = RecallOffline.Sweep(parsed.Parameters).First();
        Console.WriteLine($"{RecallScores.Measure(set, all)}  everything");
        foreach (var (step, off) in Steps)
        {
            var options = off.Aggregate(all, (options, pair) => RecallOffline.With(options, pair.Split('=')[0], pair.Split('=')[1]));
            Console.WriteLine($"{RecallScores.Measure(set, options)}  without {step}");
        }

        return 0;
    }
}
