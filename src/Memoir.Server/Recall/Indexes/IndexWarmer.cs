using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// Reads the largest tenants' indexes while the rest of the program still starts, and asks each one question, so that
/// the first caller after a restart does not wait for either.
/// </summary>
internal sealed partial class IndexWarmer(
    Database database, RecallIndexes indexes, TimeProvider time, ILogger<IndexWarmer> logger) : BackgroundService
{
    private const int Tenants = 4;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await WarmAsync(stoppingToken);
        }
        catch (ProblemException exception)
        {
            LogNotWarmed(exception); // What fails here is told to the first caller who needs it.
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task WarmAsync(CancellationToken ct)
    {
        var tenants = await database.SystemReadAsync(session => IndexStore.ListLargestTenantsAsync(session, Tenants), ct);
        foreach (var tenant in tenants)
        {
            // Warming is a kindness.
            await ((Task)indexes.GetAsync(new Tenant(tenant), ct)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (indexes.Peek(new Tenant(tenant)) is not { } index)
            {
                return;
            }

            RecallEngine.Search(index.Lexical, RecallQuery.Parse("what was said last"), new RecallRequest(new RecallScope(time.Now()), 5));
        }
    }

    [LoggerMessage(LogLevel.Warning, "The largest indexes could not be read ahead; each is read when it is asked for.")]
    private partial void LogNotWarmed(Exception exception);
}
