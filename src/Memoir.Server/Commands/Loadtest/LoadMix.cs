using System.Globalization;
using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>What is asked how often, as <c>store=20,search=70,list=10</c> says it.</summary>
internal sealed class LoadMix
{
    public const string Standard = "store=20,search=70,list=10";

    private const int MostWeight = 1_000_000;

    private readonly int[] _weights = new int[Operations.Count];

    /// <summary>The operations in the order of the report.</summary>
    public static IReadOnlyList<string> Operations { get; } = ["store", "search", "list"];

    /// <exception cref="CommandException">It is no such list.</exception>
    public static LoadMix Parse(string text)
    {
        var mix = new LoadMix();
        foreach (var part in text.Split(','))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var at = equals < 0 ? -1 : Operations.ToList().IndexOf(part[..equals].Trim());
            if (at < 0 || mix._weights[at] > 0 || !int.TryParse(part[(equals + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out mix._weights[at]) || mix._weights[at] > MostWeight)
            {
                throw Wrong();
            }
        }

        return mix._weights.Any(weight => weight > 0) ? mix : throw Wrong();
    }

    /// <summary>One of <see cref="Operations"/>, each as often as its weight says.</summary>
    public int Pick(Random random)
    {
        var left = random.Next(_weights.Sum());
        var at = 0;
        while (left >= _weights[at])
        {
            left -= _weights[at++];
        }

        return at;
    }

    private static CommandException Wrong() => new(ExitCode.Usage, $"--mix must be a list such as {Standard}");
}
