using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LatencyHistogram = Memoir.Server.Commands.Loadtest.LatencyHistogram;

namespace Memoir.Bench.Load;

/// <summary>What one run shall send: either for a time (after a warm-up that is not counted) or every request once.</summary>
internal sealed record LoadPlan(IPEndPoint Endpoint, int Clients, ReadOnlyMemory<byte>[] Requests)
{
    public TimeSpan Warmup { get; init; }

    /// <summary>Null: each request is sent once, unless <see cref="Until"/> is given.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Other work: the requests are sent in turn until it ends.</summary>
    public Task? Until { get; init; }
}

/// <summary>What came back: latencies of the answers with a 2xx status, and how many answers had another one.</summary>
internal sealed record LoadResult(LatencyHistogram Latency, double Seconds, long Errors, string? FirstError)
{
    /// <summary>How many requests were answered, warm-up included.</summary>
    public long Sent { get; init; }

    public double PerSecond => Latency.Count / Seconds;

    /// <summary>The share of the machine that went to others meanwhile.</summary>
    public double? Others { get; init; }

    /// <summary>Processor time that the server spent meanwhile.</summary>
    public double? CpuSeconds { get; init; }

    /// <summary>Processor time that its database spent meanwhile in processes of its own.</summary>
    public double? DatabaseCpuSeconds { get; init; }

    /// <summary>What the server wrote to the disk meanwhile; with a database of its own processes, the growth of that one's log.</summary>
    public long? WrittenBytes { get; init; }
}

/// <summary>Closed-loop load: every client is one connection that sends its next request when the last one was answered.</summary>
internal sealed class LoadRun(LoadPlan plan)
{
    private readonly List<LatencyHistogram> _histograms = [];
    private int _next = -1;
    private long _errors;
    private long _sent;
    private string? _firstError;
    private long _countFrom;
    private long _end;

    public static Task<LoadResult> RunAsync(LoadPlan plan, CancellationToken ct) => new LoadRun(plan).RunAsync(ct);

    private async Task<LoadResult> RunAsync(CancellationToken ct)
    {
        var connections = new List<HttpConnection>();
        try
        {
            for (var i = 0; i < plan.Clients; i++)
            {
                var connection = new HttpConnection(plan.Endpoint);
                connections.Add(connection);
                await connection.ConnectAsync(ct);
                _histograms.Add(new LatencyHistogram());
            }

            var start = Stopwatch.GetTimestamp();
            _countFrom = start + Ticks(plan.Warmup);
            _end = plan.Duration is { } duration ? _countFrom + Ticks(duration) : long.MaxValue;
            await Task.WhenAll(Enumerable.Range(0, plan.Clients).Select(i => LoopAsync(connections, i, ct)));

            var seconds = Stopwatch.GetElapsedTime(_countFrom).TotalSeconds;
            var all = new LatencyHistogram();
            _histograms.ForEach(all.Add);
            return new LoadResult(all, seconds, _errors, _firstError) { Sent = _sent };
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }
    }

    private async Task LoopAsync(List<HttpConnection> connections, int client, CancellationToken ct)
    {
        var requests = plan.Requests;
        var histogram = _histograms[client];
        while (true)
        {
            var index = Interlocked.Increment(ref _next);
            if (plan.Until is { } other ? other.IsCompleted : plan.Duration is null && index >= requests.Length)
            {
                return;
            }

            var sent = Stopwatch.GetTimestamp();
            if (sent >= _end)
            {
                return;
            }

            var connection = connections[client];
            int status;
            try
            {
                status = await connection.ExchangeAsync(requests[index % requests.Length], ct);
            }
            catch (Exception error) when (error is IOException or SocketException)
            {
                Fail($"no answer: {error.Message}");
                connection.Dispose();
                connections[client] = new HttpConnection(plan.Endpoint);
                await connections[client].ConnectAsync(ct);
                continue;
            }

            var answered = Stopwatch.GetTimestamp();
            Interlocked.Increment(ref _sent);
            if (status is < 200 or > 299)
            {
                Fail($"{status} {Encoding.UTF8.GetString(connection.Body.Span[..Math.Min(300, connection.Body.Length)])}");
            }
            else if (sent >= _countFrom)
            {
                histogram.Record((answered - sent) * 1_000_000_000 / Stopwatch.Frequency);
            }
        }
    }

    private void Fail(string what)
    {
        Interlocked.Increment(ref _errors);
        _firstError ??= what;
    }

    private static long Ticks(TimeSpan span) => (long)(span.TotalSeconds * Stopwatch.Frequency);
}
