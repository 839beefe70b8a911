using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Jobs;

/// <summary>The arguments of the <c>jobs</c> command.</summary>
internal sealed record JobsOptions
{
    public int Jobs { get; private init; } = 5_000;

    /// <summary>Good jobs around the poisoned ones.</summary>
    public int GoodJobs { get; private init; } = 1_000;

    public bool ExpectDoubles { get; private init; }

    public string ServerPath { get; private init; } = ServerUnderTest.DefaultPath;

    public static JobsOptions Parse(string[] args)
    {
        var options = new JobsOptions();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--expect-doubles")
            {
                options = options with { ExpectDoubles = true };
                continue;
            }

            var value = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i++] switch
            {
                "--jobs" => options with { Jobs = Number(value) },
                "--good" => options with { GoodJobs = Number(value) },
                "--server" => options with { ServerPath = Path.GetFullPath(value) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return options;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
