using Memoir.Kit.Data;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// After a start: tenants that follow the server's settings are moved to what these say now, and what was cut off is
/// taken up again. The work itself is done by jobs.
/// </summary>
internal sealed class GenerationResumer(Database database, TenantGenerations generations) : BackgroundService
{
    private const int Page = 100;

    /// <summary>Public so that a test can resume when it says so.</summary>
    public async Task ResumeAsync(CancellationToken ct)
    {
        var after = "";
        IReadOnlyList<string> tenants;
        do
        {
            tenants = await generations.ListUnfinishedTenantsAsync(after, Page, ct);
            foreach (var tenant in tenants)
            {
                await database.WriteAsync(new Tenant(tenant), generations.ResumeAsync, ct);
                after = tenant;
            }
        }
        while (tenants.Count == Page);
    }

    // A storage that fails here fails for the next caller too, who is told; the next store of a tenant moves it as well.
    protected override async Task ExecuteAsync(CancellationToken stoppingToken) =>
        await ResumeAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
