using Memoir.Server.Retention.Archive;

namespace Memoir.Server.Retention;

/// <summary>Looks once a minute whether the schedule's turn has come; after a start it tidies up what a crash left of the archive.</summary>
internal sealed partial class RetentionSchedule(
    RetentionRound round, RetentionArchive archive, TimeProvider time, ILogger<RetentionSchedule> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), time);
        try
        {
            await RunLoggedAsync(archive.SweepAllAsync, stoppingToken);
            do
            {
                await RunLoggedAsync(round.BeginAsync, stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task RunLoggedAsync(Func<CancellationToken, Task> work, CancellationToken ct)
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

    [LoggerMessage(LogLevel.Error, "The schedule of retention failed; it is tried again in a minute.")]
    private partial void LogFailed(Exception exception);
}
