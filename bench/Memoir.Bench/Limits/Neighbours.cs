using System.Globalization;

namespace Memoir.Bench.Limits;

/// <summary>How much of the machine others used during a run: figures taken beside busy neighbours are not comparable.</summary>
internal sealed class Neighbours
{
    private readonly (long Busy, long Total) _start = Machine();

    /// <summary>The share of all cores that went to processes that are neither this one nor its ended children; null where the system does not tell.</summary>
    public double? Share()
    {
        var (busy, total) = Machine();
        return total > _start.Total
            ? Math.Max(0, busy - _start.Busy - Own()) / (double)(total - _start.Total)
            : null;
    }

    /// <summary>Clock ticks of all cores: not idle, and in all.</summary>
    private static (long Busy, long Total) Machine()
    {
        if (!File.Exists("/proc/stat"))
        {
            return (0, 0);
        }

        var ticks = Numbers(File.ReadLines("/proc/stat").First()["cpu ".Length..]).Take(8).ToArray();
        return (ticks.Sum() - ticks[3] - ticks[4], ticks.Sum());
    }

    /// <summary>Clock ticks of this process and of the children that it has waited for.</summary>
    private static long Own()
    {
        var line = File.ReadAllText("/proc/self/stat");
        var afterName = line[(line.LastIndexOf(')') + 4)..];
        return Numbers(afterName).Skip(10).Take(4).Sum();
    }

    private static IEnumerable<long> Numbers(string text) => text
        .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
        .Select(number => long.TryParse(number, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : 0);
}
