namespace Memoir.Kit.Data.Engines;

/// <summary>
/// One instant of the whole database: whatever is written meanwhile, each of its sessions reads what was so then. It has
/// one session at a time.
/// </summary>
public sealed class Snapshot
{
    private readonly Func<Tenant?, Session> _open;

    internal Snapshot(Func<Tenant?, Session> open) => _open = open;

    /// <summary>Reads one tenant's rows as they were at that instant.</summary>
    public Task<T> ReadAsync<T>(Tenant tenant, Func<Session, Task<T>> work) => RunAsync(tenant, work);

    /// <summary>Reads across tenants; for the closed list alone.</summary>
    public Task<T> SystemReadAsync<T>(Func<Session, Task<T>> work) => RunAsync(tenant: null, work);

    private async Task<T> RunAsync<T>(Tenant? tenant, Func<Session, Task<T>> work)
    {
        var session = _open(tenant);
        try
        {
            return await work(session);
        }
        finally
        {
            session.End();
        }
    }
}
