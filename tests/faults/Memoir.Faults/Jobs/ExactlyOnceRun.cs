using System.Diagnostics;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;
using Memoir.Faults.Jobs.Inside;

namespace Memoir.Faults.Jobs;

/// <summary>
/// Every two seconds the server is killed, stopped for three leases and woken again, or has its clock set, until all jobs are
/// done; then each must have left one row.
/// </summary>
internal sealed class ExactlyOnceRun(JobsOptions options, Ledger ledger, string dataFolder, string clockFolder)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(20);
    private static readonly int[] Offsets = [3_600, -3_600, 0]; // An hour forward, two back, and to the true time.

    private readonly ServerClock _clock = new(clockFolder, CountedWork.ClockVariable);

    public int Kills { get; private set; }

    public int Stops { get; private set; }

    public int Shifts { get; private set; }

    public string ClockMeans => _clock.Means;

    public long Effects { get; private set; }

    public long Doubles { get; private set; }

    public async Task RunAsync(CancellationToken ct)
    {
        // Enough attempts that the kills alone make no job dead.
        var settings = CountedServer.Settings(options.Jobs, maxAttempts: 50);
        foreach (var (name, value) in _clock.Settings)
        {
            settings[name] = value;
        }

        var host = new ServerUnderTest(options.ServerPath, dataFolder, settings);
        var server = await host.StartAsync(ct);
        var started = Stopwatch.GetTimestamp();
        try
        {
            for (var fault = 0; await RunsOnAsync(server, ct) && !(options.ExpectDoubles && Doubles > 0); fault++)
            {
                if (Stopwatch.GetElapsedTime(started) > Longest)
                {
                    ledger.Report("lost", "jobs", $"are not all done after {Longest.TotalMinutes} minutes");
                    break;
                }

                server = await DisturbAsync(host, server, fault, ct);
                Console.Error.WriteLine($"{Kills} kills, {Stops} stops, {Shifts} clock shifts, {Effects} effects, {Doubles} twice");
            }

            if (!server.HasExited)
            {
                await ServerUnderTest.StopAsync(server, ledger, ct);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }

        Judge();
    }

    private async Task<ServerProcess> DisturbAsync(ServerUnderTest host, ServerProcess server, int fault, CancellationToken ct)
    {
        switch (fault % 4)
        {
            case 0 or 2:
                Shifts++;
                _clock.Shift(Offsets[(fault / 2) % Offsets.Length]);
                return server;
            case 3:
                Stops++;
                await ServerUnderTest.SignalAsync(server, "STOP", ct);
                await Task.Delay(3 * CountedServer.Lease, ct);
                await ServerUnderTest.SignalAsync(server, "CONT", ct);
                return server;
            default:
                Kills++;
                await server.KillAsync();
                await server.DisposeAsync();
                Count();
                return await host.StartAsync(ct);
        }
    }

    /// <summary>Two seconds of work; false when all was done within them.</summary>
    private static async Task<bool> RunsOnAsync(ServerProcess server, CancellationToken ct)
    {
        using var api = new Api(server.Endpoint);
        for (var look = 0; look < 8; look++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), ct);
            if (!await CountedServer.HasOpenJobsAsync(api, "", ct))
            {
                return false;
            }
        }

        return true;
    }

    private void Judge()
    {
        Count();
        if (Doubles > 0)
        {
            ledger.Report("duplicated", "effects", $"{Doubles} more than jobs that had one");
        }

        if (!options.ExpectDoubles && Effects - Doubles != options.Jobs)
        {
            ledger.Report("lost", "effects", $"{Effects - Doubles} of {options.Jobs} jobs had one");
        }

        if (!options.ExpectDoubles && (Kills == 0 || Stops == 0 || Shifts == 0))
        {
            ledger.Report("unexpected", "the run", "was over before every kind of fault had happened; give it more jobs");
        }

        IntegrityCheck.OfCopy(dataFolder, "after the stop", ledger);
    }

    private void Count()
    {
        var (effects, jobs) = CountedServer.Count(dataFolder);
        Effects = effects;
        Doubles = effects - jobs;
    }
}
