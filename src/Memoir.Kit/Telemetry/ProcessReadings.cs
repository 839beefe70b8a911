using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Memoir.Kit.Telemetry;

/// <summary>What the process says about itself, read only when somebody scrapes.</summary>
internal static class ProcessReadings
{
    private const string OwnDescriptors = "/proc/self/fd";

    private static readonly KeyValuePair<string, object?>[] Generations =
        [.. Enumerable.Range(0, GC.MaxGeneration + 1).Select(g => new KeyValuePair<string, object?>("generation", $"{g}"))];

    public static double StartSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
    }

    public static double CpuSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }

    /// <returns>Nothing where the system has no such folder, so that no false zero is printed.</returns>
    public static IEnumerable<Measurement<long>> OpenFiles() =>
        Directory.Exists(OwnDescriptors) ? [new(Directory.EnumerateFileSystemEntries(OwnDescriptors).LongCount())] : [];

    public static IEnumerable<Measurement<long>> Collections() =>
        Generations.Select((generation, index) => new Measurement<long>(GC.CollectionCount(index), generation));
}
