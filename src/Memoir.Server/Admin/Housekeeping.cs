using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Access;

namespace Memoir.Server.Admin;

/// <summary>Once a minute: writes down when keys were used, forgets idempotency keys and jobs whose time is over, counts the queue.</summary>
internal sealed partial class Housekeeping(
    Database database, ApiKeyService keys, JobQueue jobs, TimeProvider time, ILogger<Housekeeping> logger) : BackgroundService
{
    public async Task RunOnceAsync(CancellationToken ct)
    {
        await keys.SaveUsesAsync(ct);
        await jobs.CountOpenAsync(ct);
        while (await IdempotentRequest.PurgeAsync(database, time.Now(), ct) > 0)
        {
        }

        while (await jobs.PurgeAsync(ct) > 0)
        {
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), time);
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
