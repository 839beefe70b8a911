using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Upgrade;

/// <summary>The arguments of the <c>upgrade</c> command.</summary>
internal sealed record UpgradeOptions
{
    /// <summary>How often a release is rolled out and taken back.</summary>
    public int Rounds { get; private init; } = 20;

    /// <summary>Requests in a second.</summary>
    public int Rate { get; private init; } = 300;

    /// <summary>Memories that lie in the database before.</summary>
    public int Messages { get; private init; } = 1_000_000;

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    /// <summary>The same program with one more migration.</summary>
    public string NextPath { get; private init; } = "";

    /// <summary>The control: the release's migration is one that older programs cannot be beside.</summary>
    public bool ExpectFailure { get; private init; }

    public static UpgradeOptions Parse(string[] args)
    {
        var options = new UpgradeOptions();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--expect-failure")
            {
                options = options with { ExpectFailure = true };
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i++] switch
            {
                "--rounds" => options with { Rounds = Number(value) },
                "--rate" => options with { Rate = Number(value) },
                "--messages" => options with { Messages = Number(value) },
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                "--next" => options with { NextPath = Path.GetFullPath(value) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return File.Exists(options.NextPath) ? options : throw new ArgumentException("--next must name the Memoir.Server.dll of the next release.");
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
