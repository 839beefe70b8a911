using System.Diagnostics;

namespace Memoir.Faults.Postgres;

/// <summary>When the database was not there, or did not answer: then, and just after, 503 and 504 are honest answers.</summary>
internal sealed class Outages
{
    /// <summary>So long after its return every process must have found its way back.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private readonly List<(long From, long To)> _over = [];
    private long? _since;

    public void Begin()
    {
        lock (_gate)
        {
            _since ??= Stopwatch.GetTimestamp();
        }
    }

    public void End()
    {
        lock (_gate)
        {
            if (_since is { } since)
            {
                _over.Add((since, Stopwatch.GetTimestamp() + (long)(Recovery.TotalSeconds * Stopwatch.Frequency)));
                _since = null;
            }
        }
    }

    /// <summary>Whether a request that began then and is answered now met an outage.</summary>
    public bool Met(long began)
    {
        lock (_gate)
        {
            return _since is not null || _over.Exists(outage => outage.To >= began);
        }
    }
}
