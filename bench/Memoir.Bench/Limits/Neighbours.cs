using System.Globalization;

namespace Memoir.Bench.Limits;

/// <summary>How much of the machine others used during a run: figures taken beside busy neighbours are not comparable.</summary>
/// <param name="child">The server under test.</param>
/// <param name="helpers">Clock ticks of what works for it, such as its database.</param>
internal sealed class Neighbours(int? child, Func<long>? helpers = null)
{
    private readonly (long Busy, long Total) _machine = Machine();
    private readonly long _own = Own(child) + (helpers?.Invoke() ?? 0);

    /// <summary>The share of all cores that went to others than this process, the child and ended children; null where the system does not tell.</summary>
    public double? Share()
    {
        var (busy, total) = Machine();
        return total > _machine.Total
            ? Math.Max(0, busy - _machine.Busy - (Own(child) + (helpers?.Invoke() ?? 0) - _own)) / (double)(total - _machine.Total)
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

    private static long Own(int? child) =>
        Ticks("self").Sum() + (child is { } id ? Ticks($"{id}").Take(2).Sum() : 0);

    /// <summary>Clock ticks in user and in kernel mode: of the process, then of the children that it has waited for.</summary>
    private static long[] Ticks(string process)
    {
        var file = $"/proc/{process}/stat";
        if (!File.Exists(file))
        {
            return [];
        }

        var line = File.ReadAllText(file);
        return Numbers(line[(line.LastIndexOf(')') + 4)..]).Skip(10).Take(4).ToArray();
    }

    private static IEnumerable<long> Numbers(string text) => text
        .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
        .Select(number => long.TryParse(number, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : 0);
}
