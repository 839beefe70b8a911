using Memoir.Kit.Audit.Chain;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Memoir.Kit.Audit;

/// <summary>
/// Twice a second, in every process: seals what was committed and writes the checkpoints that are due; once a second what
/// was denied. Once more before the process ends. A server that nobody uses commits nothing by it.
/// </summary>
public sealed partial class AuditKeeper(
    DenialLog denials, AuditSealer sealer, CheckpointWriter checkpoints, TimeProvider time, ILogger<AuditKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private int _rounds;

    /// <summary>One round. Public so that a test can have it when it says so.</summary>
    /// <param name="isLast">Nothing is left for a next one.</param>
    /// <param name="ct">Ends it between two steps.</param>
    public async Task RunOnceAsync(bool isLast, CancellationToken ct)
    {
        if (isLast || ++_rounds % 2 == 0)
        {
            await denials.WriteAsync(ct); // Equal ones of a second become one.
        }

        await sealer.SealAllAsync(ct);
        await checkpoints.WriteDueAsync(isLast, ct);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await RunLoggedAsync(isLast: true, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (!await RunLoggedAsync(isLast: false, stoppingToken))
                {
                    await Task.Delay(Pause, time, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task<bool> RunLoggedAsync(bool isLast, CancellationToken ct)
    {
        try
        {
            await RunOnceAsync(isLast, ct);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "Audit records could not be sealed, or their checkpoints not be written; it is tried again shortly.")]
    private partial void LogFailed(Exception exception);
}
