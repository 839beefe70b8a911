using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Postgres;

/// <summary>The arguments of the <c>postgres</c> command.</summary>
internal sealed record PostgresOptions
{
    public int Jobs { get; private init; } = 5_000;

    /// <summary>How often each disturbance happens.</summary>
    public int Rounds { get; private init; } = 10;

    public int Writers { get; private init; } = 6;

    public int Seed { get; private init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>Only these disturbances; empty means all.</summary>
    public IReadOnlyList<string> Faults { get; private init; } = [];

    public bool ExpectLoss { get; private init; }

    public bool ExpectDoubles { get; private init; }

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    /// <summary>What every process is told beside its usual settings: the fault of a seeded build.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; private init; } = new Dictionary<string, string>();

    public static PostgresOptions Parse(string[] args)
    {
        var options = new PostgresOptions();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] is "--expect-loss" or "--expect-doubles")
            {
                options = options with { ExpectLoss = options.ExpectLoss || args[i] == "--expect-loss", ExpectDoubles = options.ExpectDoubles || args[i] == "--expect-doubles" };
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i++] switch
            {
                "--jobs" => options with { Jobs = Number(value) },
                "--rounds" => options with { Rounds = Number(value) },
                "--writers" => options with { Writers = Number(value) },
                "--seed" => options with { Seed = Number(value) },
                "--faults" => options with { Faults = value.Split(',') },
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                "--seeded" => options with { Settings = new Dictionary<string, string> { ["MEMOIR_SEEDED_FAULT"] = value } },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
