using Memoir.Kit.Jobs;
using Memoir.Server.Access;

namespace Memoir.Server.Admin;

/// <summary>Once a minute, in every process: writes down which keys it has seen, counts the queue, and has forgotten what is over.</summary>
internal sealed partial class Housekeeping(
    ApiKeyService keys, JobQueue jobs, Expiry expiry, TimeProvider time, ILogger<Housekeeping> logger) : BackgroundService
{
    public async Task RunOnceAsync(CancellationToken ct)
    {
        await keys.SaveUsesAsync(ct);
        await jobs.CountOpenAsync(ct);
        await expiry.RunAsync(ct);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Expiry.Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await RunLoggedAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task RunLoggedAsync(CancellationToken ct)
    {
        try
        {
            await RunOnceAsync(ct);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception);
        }
    }

    [LoggerMessage(LogLevel.Error, "Housekeeping failed; it is tried again in a minute.")]
    private partial void LogFailed(Exception exception);
}
