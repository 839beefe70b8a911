using System.Diagnostics;
using System.Globalization;
using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Disk;

/// <summary>A large database and a long log are left by kill -9, and the start that recovers them is killed many times.</summary>
internal sealed class RecoveryFault(CycleOptions options, Ledger ledger, string dataFolder) : IFault
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(300);

    private readonly Bulk _bulk = new(ledger);
    private long _longestLog;
    private int _kills;

    public string DataFolder => dataFolder;

    public string Remarks => string.Create(
        CultureInfo.InvariantCulture,
        $"{_bulk.Stored} memories beside, a log of {_longestLog / 1048576.0:N1} MiB, {_kills} kills while starting");

    public Task PrepareAsync(Api api, CancellationToken ct) => _bulk.StoreAsync(api, options.Messages, ct);

    public async Task StrikeAsync(Strike strike, CancellationToken ct)
    {
        var log = new FileInfo(Path.Combine(dataFolder, "memoir.db-wal"));

        var storing = _bulk.StoreUntilBrokenAsync(strike.Api, ct);
        await Task.Delay(TimeSpan.FromSeconds(2), ct);
        await strike.Server.KillAsync();
        await storing;
        log.Refresh();
        _longestLog = Math.Max(_longestLog, log.Length);
    }

    /// <summary>Each kill comes 300 ms later into the start than the one before, until a start is as good as done; then from the beginning.</summary>
    public async Task BeforeStartAsync(ServerUnderTest server, CancellationToken ct)
    {
        var steps = Math.Max(2, (int)(server.SlowestStart / Step) + 1);
        for (var kill = 0; kill < options.Kills; kill++)
        {
            await using var starting = server.Launch();
            var wait = (Step * (1 + (kill % steps))) - Stopwatch.GetElapsedTime(starting.StartedAt);
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, ct);
            if (starting.HasExited)
            {
                ledger.Report("unexpected", $"start {kill + 1}", $"ended by itself: {starting.LastLines}");
            }

            await starting.KillAsync();
            _kills++;
        }
    }

    public Task VerifyAsync(Api api, CancellationToken ct) => _bulk.VerifyAsync(api, ct);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
