using System.Collections.Concurrent;
using Memoir.Kit.Data;

namespace Memoir.Server.Privacy.Exchange;

/// <summary>The exports under way in this process: one of each tenant, and an erasure ends those that it is about.</summary>
internal sealed class RunningExports
{
    private readonly ConcurrentDictionary<string, RunningExport> _byTenant = new(StringComparer.Ordinal);

    /// <returns>Null when the tenant has one already.</returns>
    public RunningExport? TryBegin(Tenant tenant, string? userId, CancellationToken ct)
    {
        var running = new RunningExport(userId, ended => _byTenant.TryRemove(KeyValuePair.Create(tenant.Id, ended)), ct);
        if (_byTenant.TryAdd(tenant.Id, running))
        {
            return running;
        }

        running.Dispose();
        return null;
    }

    /// <summary>Ends the export that may hold what is being erased; returns when it sends nothing more.</summary>
    public Task EndAsync(Tenant tenant, string? userId) =>
        _byTenant.TryGetValue(tenant.Id, out var running) && (userId is null || running.UserId is null || running.UserId == userId)
            ? running.EndAsync()
            : Task.CompletedTask;
}

/// <summary>One export on its way to its reader.</summary>
internal sealed class RunningExport(string? userId, Action<RunningExport> leave, CancellationToken ct) : IDisposable
{
    private readonly CancellationTokenSource _cut = CancellationTokenSource.CreateLinkedTokenSource(ct);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private bool _isOver;

    /// <summary>Whose; null for the whole tenant.</summary>
    public string? UserId => userId;

    public CancellationToken Cut => _cut.Token;

    public Task EndAsync()
    {
        lock (_gate)
        {
            if (!_isOver)
            {
                _cut.Cancel();
            }
        }

        return _over.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            _cut.Dispose();
        }

        leave(this);
        _over.TrySetResult();
    }
}
