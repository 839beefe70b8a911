using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using Memoir.Bench.Load;
using LatencyHistogram = Memoir.Server.Commands.Loadtest.LatencyHistogram;

namespace Memoir.Bench.Limits;

/// <summary>How fast one core reads memory in order: the limit of a search that looks at every posting of its words.</summary>
internal static class MemoryRead
{
    private const int Megabyte = 1_000_000;

    /// <summary>Far beyond any cache.</summary>
    private const int Megabytes = 512;

    public static LoadResult Measure(TimeSpan duration)
    {
        var numbers = new int[Megabytes * (Megabyte / sizeof(int))];
        Array.Fill(numbers, 1);
        var latency = new LatencyHistogram();
        var neighbours = new Neighbours(child: null);
        var sum = 0L;
        var place = 0;
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            var before = Stopwatch.GetTimestamp();
            sum += Sum(numbers.AsSpan(place, Megabyte / sizeof(int)));
            latency.Record((long)Stopwatch.GetElapsedTime(before).TotalNanoseconds);
            place = (place + (Megabyte / sizeof(int))) % numbers.Length;
        }

        return new LoadResult(latency, Stopwatch.GetElapsedTime(start).TotalSeconds, sum == 0 ? 1 : 0, null) { Others = neighbours.Share() };
    }

    private static int Sum(ReadOnlySpan<int> numbers)
    {
        var sums = Vector<int>.Zero;
        foreach (var vector in MemoryMarshal.Cast<int, Vector<int>>(numbers))
        {
            sums += vector;
        }

        return Vector.Sum(sums);
    }
}
