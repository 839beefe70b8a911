using System.Collections.Concurrent;
using System.Threading.Channels;
using Memoir.Kit.Data;

namespace Memoir.Server.Recall.Indexes;

/// <summary>Tenants whose index has grown enough to be written down. Losing this list loses nothing: a load finds it again.</summary>
internal sealed class IndexMergeQueue
{
    /// <summary>Fewer memories than this are read again faster than a segment of their own is worth.</summary>
    public const int SmallestMerge = 2048;

    private readonly Channel<Tenant> _tenants = Channel.CreateUnbounded<Tenant>();
    private readonly ConcurrentDictionary<string, bool> _waiting = new(StringComparer.Ordinal);

    /// <summary>Asks for a merge when the part that only memory has is large, measured by the whole.</summary>
    public void Consider(Tenant tenant, int tail, int all)
    {
        if (tail >= Math.Max(SmallestMerge, all / 64))
        {
            Request(tenant);
        }
    }

    public void Request(Tenant tenant)
    {
        if (_waiting.TryAdd(tenant.Id, true))
        {
            _tenants.Writer.TryWrite(tenant);
        }
    }

    public async Task<Tenant> NextAsync(CancellationToken ct)
    {
        var tenant = await _tenants.Reader.ReadAsync(ct);
        _waiting.TryRemove(tenant.Id, out _);
        return tenant;
    }
}
