namespace Memoir.Bench;

/// <summary>Switches one step of the recipe off at a time and prints what is lost.</summary>
internal static class RecallAblation
{
    private static readonly (string Step, string[] Off)[] Steps =
    [
        ("second field: the turn with its neighbours", ["WindowWeight=0"]),
        ("neighbour smoothing", ["NeighbourWeight=0"]),
        ("conversation prior", ["ConversationWeight=0"]),
        ("speaker's name", ["SpeakerWeight=0"]),
        ("date words", ["DateWeight=0"]),
        ("recency for long questions", ["RecencyWeight=0"]),
        ("coverage by the conversation", ["CoverageWeight=0"]),
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
