using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>The arguments of the commands that run in cycles.</summary>
internal sealed record CycleOptions
{
    public int Cycles { get; private init; } = 20;

    public int Seed { get; private init; } = Random.Shared.Next(1, 1_000_000);

    public int Writers { get; private init; } = 6;

    public int SearchLimit { get; private init; } = int.MaxValue;

    public bool ExpectLoss { get; private init; }

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    /// <summary>Only of <c>powercut</c>: the file systems, one run each.</summary>
    public IReadOnlyList<string> FileSystems { get; private init; } = ["xfs", "ext4"];

    /// <summary>Only of <c>recovery</c>: the memories that lie in the database before the first kill.</summary>
    public int Messages { get; private init; } = 20_000;

    /// <summary>Only of <c>recovery</c>: how often the start is killed.</summary>
    public int Kills { get; private init; } = 50;

    /// <summary>What the server is told beside its usual settings: the fault of a seeded build, a library to load before others.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; private init; } = new Dictionary<string, string>();

    public static CycleOptions Parse(string[] args)
    {
        var options = new CycleOptions();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--expect-loss")
            {
                options = options with { ExpectLoss = true };
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i++] switch
            {
                "--cycles" => options with { Cycles = Number(value) },
                "--seed" => options with { Seed = Number(value) },
                "--writers" => options with { Writers = Number(value) },
                "--search-limit" => options with { SearchLimit = Number(value) },
                "--fs" => options with { FileSystems = value.Split(',') },
                "--messages" => options with { Messages = Number(value) },
                "--kills" => options with { Kills = Number(value) },
                "--seeded" => options.With("MEMOIR_SEEDED_FAULT", value),
                "--preload" => options.With("LD_PRELOAD", value),
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }

    private CycleOptions With(string name, string value) =>
        this with { Settings = new Dictionary<string, string>(Settings) { [name] = value } };

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
