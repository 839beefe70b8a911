using Memoir.Kit.Data;

namespace Memoir.Server.Analytics;

/// <summary>Every few seconds, and once more at the end: writes down the searches of this process, a batch for each tenant.</summary>
internal sealed partial class SearchLogWriter(SearchLog log, Database database, TimeProvider time, ILogger<SearchLogWriter> logger) : BackgroundService
{
    private const int Portion = 500;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>Of the time that a stopping process has.</summary>
    private static readonly TimeSpan LastRound = TimeSpan.FromSeconds(5);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var limit = new CancellationTokenSource(LastRound, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        await FlushAsync(either.Token);
    }

    /// <summary>Writes what waits. What cannot be written waits on, behind the others, and ends the round.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        var batches = log.Take().GroupBy(record => record.TenantId).SelectMany(tenant => tenant.Chunk(Portion)).ToList();
        for (var i = 0; i < batches.Count; i++)
        {
            var batch = batches[i];
            try
            {
                await database.WriteAsync(new Tenant(batch[0].TenantId), session => SearchLog.WriteAsync(session, batch), ct);
            }
            catch (Exception exception)
            {
                log.PutBack([.. batches.Skip(i + 1).SelectMany(later => later), .. batch]);
                if (exception is not OperationCanceledException)
                {
                    LogFailed(exception);
                }

                return;
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await FlushAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    [LoggerMessage(LogLevel.Warning, "Searches could not be written down; it is tried again in a few seconds.")]
    private partial void LogFailed(Exception exception);
}
