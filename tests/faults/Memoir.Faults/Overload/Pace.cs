using System.Diagnostics;
using System.Net;
using Memoir.Bench.Load;

namespace Memoir.Faults.Overload;

/// <summary>A client that sends at its own pace, whatever becomes of the answers before: ten a second, or a flood of so many.</summary>
internal static class Pace
{
    /// <returns>The answers' times in milliseconds, from when each was due, and how many were not 2xx.</returns>
    public static async Task<(List<double> Taken, int Refused)> RunAsync(
        IPEndPoint endpoint, ReadOnlyMemory<byte>[] requests, int perSecond, int connections, TimeSpan duration, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var next = -1;
        var results = await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
        {
            using var connection = new HttpConnection(endpoint);
            await connection.ConnectAsync(ct);
            var taken = new List<double>();
            var refused = 0;
            while (true)
            {
                var number = Interlocked.Increment(ref next);
                var due = TimeSpan.FromSeconds((double)number / perSecond);
                if (due >= duration)
                {
                    return (taken, refused);
                }

                var early = due - Stopwatch.GetElapsedTime(started);
                if (early > TimeSpan.Zero)
                {
                    await Task.Delay(early, ct);
                }

                var status = await connection.ExchangeAsync(requests[number % requests.Length], ct);
                if (status is >= 200 and < 300)
                {
                    taken.Add((Stopwatch.GetElapsedTime(started) - due).TotalMilliseconds);
                }
                else
                {
                    refused++;
                }
            }
        }));
        return ([.. results.SelectMany(one => one.taken)], results.Sum(one => one.refused));
    }

    public static double Percentile(List<double> taken, double share)
    {
        taken.Sort();
        return taken.Count == 0 ? double.NaN : taken[(int)(taken.Count * share)];
    }
}
