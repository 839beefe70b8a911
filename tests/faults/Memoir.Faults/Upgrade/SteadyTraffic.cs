using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Memoir.Faults.Common;

namespace Memoir.Faults.Upgrade;

/// <summary>Requests at a steady rate, half of them stores, half searches, each sent once; what was acknowledged is looked for in the end.</summary>
internal sealed class SteadyTraffic(Balancer balancer, Ledger ledger, int rate)
{
    private const string Tenant = "upgrade";

    private readonly ConcurrentBag<(string Id, string Word)> _stored = [];
    private long _sent;
    private long _failed;
    private long _slowest;

    public long Sent => Volatile.Read(ref _sent);

    public long Failed => Volatile.Read(ref _failed);

    public TimeSpan Slowest => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _slowest));

    /// <summary>Sends until it is told to stop, then waits for what is under way.</summary>
    public async Task RunAsync(Func<bool> goesOn, CancellationToken ct)
    {
        var underWay = new List<Task>();
        var began = Stopwatch.GetTimestamp();
        for (var number = 0L; goesOn(); number++)
        {
            var due = TimeSpan.FromSeconds((double)number / rate) - Stopwatch.GetElapsedTime(began);
            if (due > TimeSpan.Zero)
            {
                await Task.Delay(due, ct);
            }

            underWay.Add(SendAsync(number, ct));
            if (underWay.Count > 1000)
            {
                underWay.RemoveAll(task => task.IsCompleted);
            }
        }

        await Task.WhenAll(underWay);
    }

    /// <summary>Reads everything that was acknowledged.</summary>
    public async Task CheckAsync(CancellationToken ct)
    {
        foreach (var (id, word) in _stored)
        {
            var answer = await balancer.SendAsync(api => api.GetAsync($"/v1/messages/{id}?tenant_id={Tenant}", ct));
            if (!answer.IsSuccess || answer.Json.GetProperty("content").GetString()?.Contains(word, StringComparison.Ordinal) != true)
            {
                ledger.Report("lost", id, $"was acknowledged and is {answer.Status} {answer.Excerpt}");
            }
        }
    }

    private async Task SendAsync(long number, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        var word = string.Create(CultureInfo.InvariantCulture, $"w{number}x");
        try
        {
            var isStore = number % 2 == 0;
            var answer = await balancer.SendAsync(api => isStore
                ? api.PostAsync("/v1/messages", Encoding.UTF8.GetBytes($$"""{"tenant_id":"{{Tenant}}","conversation_id":"c{{number % 50}}","role":"user","content":"Tea number {{word}} at five."}"""), ct)
                : api.GetAsync($"/v1/memory/search?tenant_id={Tenant}&query=tea+{word}&top_k=3", ct));
            if (!answer.IsSuccess)
            {
                Fail(word, $"{answer.Status} {answer.Excerpt}");
            }
            else if (isStore)
            {
                _stored.Add((answer.Json.GetProperty("id").GetString()!, word));
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            Fail(word, error.Message);
        }

        Interlocked.Increment(ref _sent);
        var took = Stopwatch.GetTimestamp() - began;
        for (var slowest = Volatile.Read(ref _slowest); took > slowest; slowest = Volatile.Read(ref _slowest))
        {
            Interlocked.CompareExchange(ref _slowest, took, slowest);
        }
    }

    private void Fail(string what, string how)
    {
        Interlocked.Increment(ref _failed);
        ledger.Report("unexpected", what, how);
    }
}
