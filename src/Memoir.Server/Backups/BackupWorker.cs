namespace Memoir.Server.Backups;

/// <summary>Makes backups beside the requests: those that are due, and those that an operator asks for.</summary>
internal sealed partial class BackupWorker(BackupService backups, ILogger<BackupWorker> logger) : BackgroundService
{
    /// <summary>One look: makes a backup where one is due or asked for. Public so that a test need not wait.</summary>
    public async Task RunOnceAsync(CancellationToken ct)
    {
        try
        {
            if (await backups.RunAsync(ct) is { } path)
            {
                LogMade(path);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            backups.Explain(exception.Message);
            LogFailed(exception);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await backups.WaitAsync(stoppingToken);
                await RunOnceAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops; what was being written is removed.
        }
    }

    [LoggerMessage(LogLevel.Information, "A backup is complete and was read back: {Path}.")]
    private partial void LogMade(string path);

    [LoggerMessage(LogLevel.Error, "A backup failed; older ones are kept. A planned one is tried again in a quarter of an hour.")]
    private partial void LogFailed(Exception exception);
}
