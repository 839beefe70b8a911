using Microsoft.Extensions.Logging;

namespace Memoir.Kit.Telemetry;

/// <summary>Runs all probes at once, each with its own time limit; says "not ready" from the moment the process drains.</summary>
public sealed partial class Readiness(IEnumerable<IReadinessProbe> probes, TimeProvider time, ILogger<Readiness> logger)
{
    public static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(2);

    private readonly IReadinessProbe[] _probes = [.. probes];
    private volatile bool _draining;

    public bool Draining => _draining;

    /// <summary>From now on the process is not ready, so that a load balancer turns away before the listener closes.</summary>
    public void BeginDraining() => _draining = true;

    public async Task<HealthReport> CheckAsync(CancellationToken ct)
    {
        if (_draining)
        {
            return new HealthReport(Draining: true, []);
        }

        var entries = await Task.WhenAll(_probes.Select(probe => CheckAsync(probe, ct)));
        ct.ThrowIfCancellationRequested();
        return new HealthReport(_draining, entries);
    }

    /// <summary>Asks one probe alone, by its name.</summary>
    public Task<ReadinessEntry> CheckAsync(string probe, CancellationToken ct) =>
        CheckAsync(_probes.First(known => known.Name == probe), ct);

    private async Task<ReadinessEntry> CheckAsync(IReadinessProbe probe, CancellationToken ct)
    {
        var started = time.GetTimestamp();
        using var limit = new CancellationTokenSource(ProbeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);

        // A probe that ignores its token must not hold the answer either.
        var check = RunAsync(probe, either.Token);
        var bounded = check.WaitAsync(either.Token);
        await ((Task)bounded).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        var result = bounded.IsCompletedSuccessfully ? await bounded
            : limit.IsCancellationRequested ? ReadinessResult.Error("no answer within 2 s")
            : ReadinessResult.Error("the check failed");
        if (bounded.Exception?.InnerException is { } fault)
        {
            LogFault(fault, probe.Name);
        }

        return new ReadinessEntry(probe.Name, result.State, result.Detail, time.GetElapsedTime(started));
    }

    /// <summary>Turns a fault before the first await into a faulted task like any other.</summary>
    private static async Task<ReadinessResult> RunAsync(IReadinessProbe probe, CancellationToken ct) => await probe.CheckAsync(ct);

    [LoggerMessage(LogLevel.Warning, "The readiness check of {Probe} failed.")]
    private partial void LogFault(Exception fault, string probe);
}
