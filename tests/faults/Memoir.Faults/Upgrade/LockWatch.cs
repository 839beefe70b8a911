using System.Diagnostics;
using Memoir.Faults.Postgres;

namespace Memoir.Faults.Upgrade;

/// <summary>Looks twenty times a second how long somebody has locked everybody else out of a table.</summary>
internal sealed class LockWatch(Cluster cluster)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public TimeSpan Longest { get; private set; }

    public string Table { get; private set; } = "";

    public async Task RunAsync(Func<bool> goesOn, CancellationToken ct)
    {
        var since = new Dictionary<string, long>(StringComparer.Ordinal);
        while (goesOn())
        {
            var locked = await cluster.ListLockedTablesAsync(ct);
            foreach (var gone in since.Keys.Except(locked).ToList())
            {
                since.Remove(gone);
            }

            foreach (var table in locked)
            {
                since.TryAdd(table, Stopwatch.GetTimestamp());
                if (Stopwatch.GetElapsedTime(since[table]) is var held && held > Longest)
                {
                    (Longest, Table) = (held, table);
                }
            }

            await Task.Delay(Pause, ct);
        }
    }
}
