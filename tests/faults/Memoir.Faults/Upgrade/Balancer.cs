using System.Diagnostics;
using Memoir.Faults.Common;

namespace Memoir.Faults.Upgrade;

/// <summary>
/// What a load balancer does and no more: it asks both places ten times a second whether they are ready, sends requests in
/// turn to those that are, and never sends one twice.
/// </summary>
internal sealed class Balancer(IReadOnlyList<Place> places)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly bool[] _isReady = [.. places.Select(_ => true)];
    private int _turn;

    /// <summary>Asks until it is stopped.</summary>
    public Task WatchAsync(CancellationToken ct) => Task.WhenAll(Enumerable.Range(0, places.Count).Select(place => WatchAsync(place, ct)));

    /// <summary>Waits until a place that was started again gets requests.</summary>
    public async Task WaitForAsync(Place place, CancellationToken ct)
    {
        var at = Enumerable.Range(0, places.Count).First(i => places[i] == place);
        var began = Stopwatch.GetTimestamp();
        while (!Volatile.Read(ref _isReady[at]))
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(60))
            {
                throw new ServerDownException($"A place did not become ready. Its last lines:\n{place.LastLines}");
            }

            await Task.Delay(Pause, ct);
        }
    }

    public Task<ApiAnswer> SendAsync(Func<Api, Task<ApiAnswer>> send)
    {
        var turn = Interlocked.Increment(ref _turn);
        for (var i = 0; i < places.Count; i++)
        {
            var at = (turn + i) % places.Count;
            if (Volatile.Read(ref _isReady[at]))
            {
                return send(places[at].Api);
            }
        }

        throw new HttpRequestException("No place is ready.");
    }

    private async Task WatchAsync(int at, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            bool ready;
            try
            {
                ready = (await places[at].Probe.GetAsync("/v1/admin/readiness", ct)).Status == 200;
            }
            catch (HttpRequestException)
            {
                ready = false;
            }

            Volatile.Write(ref _isReady[at], ready);
            await Task.Delay(Pause, ct);
        }
    }
}
