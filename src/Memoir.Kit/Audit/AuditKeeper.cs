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
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private int _rounds;
    private DateTimeOffset _checkpointsAgainAt = DateTimeOffset.MinValue;
    private DateTimeOffset _loggedAt = DateTimeOffset.MinValue;

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
        if (isLast || time.GetUtcNow() >= _checkpointsAgainAt)
        {
            await WriteCheckpointsAsync(isLast, ct);
        }
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
                await RunLoggedAsync(isLast: false, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>A file that cannot be written holds up no sealing; the lines are kept for a later round.</summary>
    private async Task WriteCheckpointsAsync(bool all, CancellationToken ct)
    {
        try
        {
            await checkpoints.WriteDueAsync(all, ct);
        }
        catch (IOException exception)
        {
            PutOff(exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            PutOff(exception);
        }
    }

    private void PutOff(Exception exception)
    {
        LogNoCheckpoints(checkpoints.Path, exception);
        _checkpointsAgainAt = time.GetUtcNow() + Pause;
    }

    private async Task RunLoggedAsync(bool isLast, CancellationToken ct)
    {
        try
        {
            await RunOnceAsync(isLast, ct);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // A database that is away stays so for a while, and one line a minute says it.
            if (isLast || time.GetUtcNow() - _loggedAt >= TimeSpan.FromMinutes(1))
            {
                _loggedAt = time.GetUtcNow();
                LogFailed(exception);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "Audit records could not be sealed; it is tried again at once.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(LogLevel.Error, "Checkpoints of the audit chains cannot be written to {File}; it is tried again in half a minute.")]
    private partial void LogNoCheckpoints(string file, Exception exception);
}
