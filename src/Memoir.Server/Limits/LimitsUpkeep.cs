using Memoir.Kit.Limits;

namespace Memoir.Server.Limits;

/// <summary>Once a second, in every process: gives back permits that nobody used, and learns which addresses others blocked and lifted.</summary>
internal sealed partial class LimitsUpkeep(IPermits permits, BlockedAddresses blocked, TimeProvider time, ILogger<LimitsUpkeep> logger)
    : BackgroundService
{
    private const int SecondsBetweenLists = 3;

    /// <summary>Public so that a test can do it when it says so.</summary>
    public async Task RunOnceAsync(CancellationToken ct)
    {
        await permits.TidyAsync(ct);
        await blocked.ReadAnewAsync(ct);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await LoggedAsync(permits.StopAsync, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        try
        {
            for (var second = 0; await timer.WaitForNextTickAsync(stoppingToken); second++)
            {
                await LoggedAsync(second % SecondsBetweenLists == 0 ? RunOnceAsync : permits.TidyAsync, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task LoggedAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        try
        {
            await work(ct);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The upkeep of the limits failed; it is tried again shortly.")]
    private partial void LogFailed(Exception exception);
}
