using System.Globalization;
using Memoir.Server.Recall.Ranking;

namespace Memoir.Bench;

/// <summary>Asks all questions of a set in process and prints the scores; `--param Name=a,b,c` sweeps over values.</summary>
internal static class RecallOffline
{
    public static int Run(string path, string[] args)
    {
        var parsed = Arguments.Parse(args);
        var set = RecallSet.Load(path, parsed.Half);
        foreach (var (label, options) in Sweep(parsed.Parameters))
        {
            var tops = new List<float>();
            var scores = RecallScores.Measure(set, options, (_, _, hits) => tops.Add(hits.Count > 0 ? hits[0].Similarity : 0));
            tops.Sort();
            Console.WriteLine($"{scores}  {label}");
            if (parsed.Parameters.Count == 0)
            {
                Console.WriteLine($"similarity of the best hit: p5 {tops[tops.Count / 20]:0.00}, median {tops[tops.Count / 2]:0.00}, "
                    + $"p95 {tops[tops.Count * 19 / 20]:0.00}, above 0.95 {tops.Count(top => top >= 0.95f) * 100.0 / tops.Count:0.0} %");
            }
        }

        return 0;
    }

    /// <summary>Every combination of the given values, as options.</summary>
    internal static IEnumerable<(string Label, RankingOptions Options)> Sweep(IReadOnlyList<(string Name, string[] Values)> parameters)
    {
        IEnumerable<(string Label, RankingOptions Options)> combinations = [("", RankingOptions.Default)];
        foreach (var (name, values) in parameters)
        {
            combinations = combinations.SelectMany(
                combination => values.Select(value => ($"{combination.Label} {name}={value}", With(combination.Options, name, value))));
        }

        return combinations;
    }

    internal static RankingOptions With(RankingOptions options, string name, string value)
    {
        var property = typeof(RankingOptions).GetProperty(name) ?? throw new ArgumentException($"There is no ranking option {name}.");
        var changed = options with { };
        property.SetValue(changed, Convert.ChangeType(value, property.PropertyType, CultureInfo.InvariantCulture));
        return changed;
    }

    /// <summary>The command line after the set's path.</summary>
    internal sealed record Arguments(int? Half, IReadOnlyList<(string Name, string[] Values)> Parameters)
    {
        public static Arguments Parse(string[] args)
        {
            int? half = null;
            var parameters = new List<(string, string[])>();
            for (var i = 0; i < args.Length; i += 2)
            {
                if (args[i] == "--half")
                {
                    half = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
                }
                else
                {
                    var (name, values) = args[i + 1].Split('=') is [var n, var v] ? (n, v) : throw new ArgumentException(args[i + 1]);
                    parameters.Add((name, values.Split(',')));
                }
            }

            return new Arguments(half, parameters);
        }
    }
}
