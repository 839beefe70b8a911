using Memoir.Server.Commands.Connections;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>Workers that ask one request after another, each as soon as it has its answer, until the plan is done.</summary>
internal sealed class LoadRun(MemoirClient client, LoadPlan plan, TimeProvider time)
{
    /// <summary>A limit that asks for more is met again: what it does under load is what is measured.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private long _begun;
    private long _done;

    /// <summary>Requests answered until now.</summary>
    public long Done => Volatile.Read(ref _done);

    /// <returns>The counts by operation, and how long it took.</returns>
    public async Task<(LoadCounts[] Counts, TimeSpan Took)> RunAsync(Action progress, CancellationToken ct)
    {
        var from = time.GetTimestamp();
        var workers = await Task.WhenAll(Enumerable.Range(1, plan.Concurrency).Select(worker => WorkAsync(worker, from, progress, ct)));
        var counts = NewCounts();
        foreach (var worker in workers)
        {
            for (var i = 0; i < counts.Length; i++)
            {
                counts[i].Add(worker[i]);
            }
        }

        return (counts, time.GetElapsedTime(from));
    }

    private async Task<LoadCounts[]> WorkAsync(int worker, long from, Action progress, CancellationToken ct)
    {
        var text = new LoadText(plan.Tenant, worker);
        var counts = NewCounts();
        while (Interlocked.Increment(ref _begun) <= plan.Requests && time.GetElapsedTime(from) < plan.Duration)
        {
            var operation = plan.Mix.Pick(text.Random);
            var (method, path, body) = operation switch
            {
                0 => (HttpMethod.Post, "v1/messages", text.Message()),
                1 => (HttpMethod.Post, "v1/memory/search", text.Question()),
                _ => (HttpMethod.Get, text.List(), (byte[]?)null),
            };
            var sent = time.GetTimestamp();
            var answer = await client.SendOnceAsync(method, path, body, ct);
            var isDone = counts[operation].Add(answer.Status, time.GetElapsedTime(sent));
            Interlocked.Increment(ref _done);
            if (worker == 1)
            {
                progress();
            }

            if (!isDone && answer.RetryAfter is { } pause)
            {
                await Task.Delay(pause < LongestPause ? pause : LongestPause, time, ct);
            }
        }

        return counts;
    }

    private static LoadCounts[] NewCounts() => [.. LoadMix.Operations.Select(_ => new LoadCounts())];
}

/// <summary>What is asked of whom, by how many at once, and until when.</summary>
/// <param name="Tenant">A tenant for this run alone.</param>
/// <param name="Mix">Which requests.</param>
/// <param name="Concurrency">How many at once.</param>
/// <param name="Requests">At most.</param>
/// <param name="Duration">At most.</param>
internal sealed record LoadPlan(string Tenant, LoadMix Mix, int Concurrency, long Requests, TimeSpan Duration);
