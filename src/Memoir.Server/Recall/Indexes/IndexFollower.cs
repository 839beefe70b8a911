using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Tenants;

namespace Memoir.Server.Recall.Indexes;

/// <summary>Once a second: brings what is in memory up to what other processes wrote, so that searches seldom have to.</summary>
internal sealed partial class IndexFollower(
    Database database, RecallIndexes indexes, TenantGenerations generations, TimeProvider time, ILogger<IndexFollower> logger) : BackgroundService
{
    private const int Portion = 500;

    /// <summary>Public so that a test can follow when it says so.</summary>
    public async Task FollowAsync(CancellationToken ct)
    {
        foreach (var portion in indexes.ListLoaded().Chunk(Portion))
        {
            foreach (var position in await database.SystemReadAsync(system => TenantCounters.ListAsync(system, portion), ct))
            {
                var tenant = new Tenant(position.TenantId);
                if (generations.Of(tenant).Change < position.GenerationChange)
                {
                    await database.ReadAsync(tenant, session => generations.OfAsync(session), ct);
                }

                if (indexes.Peek(tenant) is { } index && !index.Has(position))
                {
                    await indexes.CatchUpAsync(tenant, position, ct);
                }
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!database.IsShared)
        {
            return;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await FollowLoggedAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task FollowLoggedAsync(CancellationToken ct)
    {
        try
        {
            await FollowAsync(ct);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception); // Searches see to it themselves; it only takes them longer.
        }
    }

    [LoggerMessage(LogLevel.Error, "Could not follow what other processes wrote; it is tried again in a second.")]
    private partial void LogFailed(Exception exception);
}
