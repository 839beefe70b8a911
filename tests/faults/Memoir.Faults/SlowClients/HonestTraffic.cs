using System.Diagnostics;

namespace Memoir.Faults.SlowClients;

/// <summary>Ten small searches a second, as an ordinary client makes them, and how long they took.</summary>
internal sealed class HonestTraffic(Uri address) : IDisposable
{
    private readonly HttpClient _client = new() { BaseAddress = address };

    public HttpClient Client => _client;

    public int Failures { get; private set; }

    /// <returns>The 95th percentile in milliseconds.</returns>
    public async Task<double> RunAsync(TimeSpan duration, CancellationToken ct)
    {
        var taken = new List<double>();
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            await timer.WaitForNextTickAsync(ct);
            var sent = Stopwatch.GetTimestamp();
            using var answer = await _client.GetAsync(new Uri("/v1/memory/search?query=kettle&conversation_id=small", UriKind.Relative), ct);
            if (!answer.IsSuccessStatusCode)
            {
                Failures++;
            }

            taken.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
        }

        taken.Sort();
        return taken[(int)(taken.Count * 0.95)];
    }

    public void Dispose() => _client.Dispose();
}
