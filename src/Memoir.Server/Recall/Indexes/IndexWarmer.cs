using Memoir.Kit.Data;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Indexes;

/// <summary>
/// Reads the largest tenants' indexes while the rest of the program still starts, and asks each one question, so that
/// the first caller after a restart does not wait for either.
/// </summary>
internal sealed class IndexWarmer(Database database, RecallIndexes indexes, TimeProvider time) : BackgroundService
{
    private const int Tenants = 4;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var tenants = await database.SystemReadAsync(session => IndexStore.ListLargestTenantsAsync(session, Tenants), stoppingToken);
        foreach (var tenant in tenants)
        {
            // Warming is a kindness: what fails here is told to the first caller who needs it.
            await ((Task)indexes.GetAsync(new Tenant(tenant), stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (indexes.Peek(new Tenant(tenant)) is not { } index)
            {
                return;
            }

            RecallEngine.Search(index.Lexical, RecallQuery.Parse("what was said last"), new RecallRequest(new RecallScope(time.Now()), 5));
        }
    }
}
