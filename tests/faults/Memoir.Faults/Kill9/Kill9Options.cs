using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Kill9;

/// <summary>The arguments of the <c>kill9</c> command.</summary>
internal sealed record Kill9Options
{
    public int Cycles { get; private init; } = 20;

    public int Seed { get; private init; } = Random.Shared.Next(1, 1_000_000);

    public int Writers { get; private init; } = 6;

    public int SearchLimit { get; private init; } = int.MaxValue;

    public bool ExpectLoss { get; private init; }

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    public static Kill9Options Parse(string[] args)
    {
        var options = new Kill9Options();
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
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
