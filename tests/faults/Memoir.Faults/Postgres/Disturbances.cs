using System.Diagnostics;
using Memoir.Faults.Common;
using Memoir.Faults.Jobs;

namespace Memoir.Faults.Postgres;

/// <summary>What befalls the processes and the database server, one after the other, and how often it did.</summary>
internal sealed class Disturbances(Cluster cluster, Fleet fleet, Outages outages, PostgresOptions options, Ledger ledger)
{
    private static readonly int[] Offsets = [3_600, -3_600, 0]; // An hour forward, two back, and to the true time.

    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private int _turn;

    public string Counts => string.Join(", ", _counts.Select(count => $"{count.Value} {count.Key}"));

    public int Total => _counts.Values.Sum();

    /// <summary>One of each, in an order that mixes those that hurt the processes with those that hurt the server.</summary>
    public async Task RoundAsync(Func<Task> between, CancellationToken ct)
    {
        var all = new (string Name, Func<CancellationToken, Task> Strike)[]
        {
            ("API killed", ct => KillAsync(fleet.Apis[_turn % 2], ct)),
            ("backend killed", KillBackendAsync),
            ("worker killed", ct => KillAsync(fleet.Workers[_turn % 2], ct)),
            ("worker frozen", ct => fleet.Workers[_turn % 2].FreezeAsync(3 * CountedServer.Lease, ct)),
            ("server crashed", CrashAsync),
            ("clock set", ShiftClockAsync),
            ("API frozen", ct => fleet.Apis[(_turn + 1) % 2].FreezeAsync(TimeSpan.FromSeconds(2), ct)),
            ("holder of a turn frozen", FreezeHolderAsync),
            ("server restarted", RestartAsync),
            ("server frozen", FreezeServerAsync),
        };

        foreach (var (name, strike) in all.Where(fault => options.Faults.Count == 0 || options.Faults.Contains(fault.Name)))
        {
            await strike(ct);
            _counts[name] = _counts.GetValueOrDefault(name) + 1;
            await between();
        }

        _turn++;
    }

    private async Task KillAsync(Member member, CancellationToken ct)
    {
        await member.KillAsync();
        await member.StartAsync(options, ct);
    }

    private Task ShiftClockAsync(CancellationToken ct)
    {
        fleet.Clock.Shift(Offsets[_turn % Offsets.Length]);
        return Task.CompletedTask;
    }

    /// <summary>To the server this is a crash: it ends all its processes and recovers.</summary>
    private Task KillBackendAsync(CancellationToken ct) => DuringOutageAsync(() =>
    {
        Cluster.Signal("KILL", cluster.Backends().Take(1));
        return Task.CompletedTask;
    }, ct);

    private Task CrashAsync(CancellationToken ct) => DuringOutageAsync(() => cluster.CrashAsync(ct), ct);

    private Task RestartAsync(CancellationToken ct) => DuringOutageAsync(async () =>
    {
        await cluster.StopAsync(ct);
        await cluster.StartAsync(ct);
    }, ct);

    private Task FreezeServerAsync(CancellationToken ct) => DuringOutageAsync(async () =>
    {
        var everything = cluster.Everything();
        Cluster.Signal("STOP", everything);
        await Task.Delay(Fleet.RequestTimeout * 1.5, ct);
        Cluster.Signal("CONT", everything.Reverse());
    }, ct);

    /// <summary>A process of the server that holds a tenant's turn stands still: whoever waits for that turn is told in time.</summary>
    private Task FreezeHolderAsync(CancellationToken ct) => DuringOutageAsync(async () =>
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10))
        {
            if (await cluster.FindTurnHolderAsync(ct) is not { } holder)
            {
                continue;
            }

            Cluster.Signal("STOP", holder);
            if (await cluster.FindTurnHolderAsync(ct) == holder)
            {
                await Task.Delay(Fleet.RequestTimeout * 1.5, ct);
                Cluster.Signal("CONT", holder);
                return;
            }

            Cluster.Signal("CONT", holder); // It had just let go.
        }

        ledger.Report("unexpected", "the run", "no process of the server was seen to hold a turn");
    }, ct);

    private async Task DuringOutageAsync(Func<Task> strike, CancellationToken ct)
    {
        outages.Begin();
        await strike();
        await Task.Delay(TimeSpan.FromMilliseconds(100), ct); // The server sees that a process of it died.
        while (!await cluster.AnswersAsync(ct))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
        }

        outages.End();
    }
}
