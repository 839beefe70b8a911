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
            // Noted before the read: what is lower there was lost by the database.
            var known = portion.Select(name => new Tenant(name)).Select(tenant => Known(tenant)).ToList();
            var positions = (await database.SystemReadAsync(system => TenantCounters.ListAsync(system, portion), ct))
                .ToDictionary(position => position.TenantId, TenantCounters (position) => position, StringComparer.Ordinal);
            foreach (var (tenant, index, applied, generationChange) in known)
            {
                var position = positions.GetValueOrDefault(tenant.Id) ?? TenantCounters.None;
                if (generationChange != position.GenerationChange)
                {
                    await generations.ReadAnewAsync(tenant, ct);
                }

                if (index is not null && position.AreBehind(applied))
                {
                    indexes.Forget(tenant, index);
                }
                else if (indexes.Peek(tenant) is { } now && !now.Has(position))
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

    private (Tenant Tenant, LoadedIndex? Index, TenantCounters Applied, long GenerationChange) Known(Tenant tenant)
    {
        var index = indexes.Peek(tenant);
        return (tenant, index, index?.Applied ?? TenantCounters.None, generations.Of(tenant).Change);
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
