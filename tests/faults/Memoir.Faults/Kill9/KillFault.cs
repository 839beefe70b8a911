using Memoir.Faults.Common;
using Memoir.Faults.Cycles;

namespace Memoir.Faults.Kill9;

/// <summary>kill -9 after a random time; every other time at the very moment when some writer gets its next answer.</summary>
internal sealed class KillFault(CycleOptions options, Ledger ledger, string dataFolder) : IFault
{
    private readonly Random _random = new(options.Seed);

    public string DataFolder => dataFolder;

    public async Task StrikeAsync(Strike strike, CancellationToken ct)
    {
        var server = strike.Server;
        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 901)), ct);
        if (server.HasExited)
        {
            ledger.Report("unexpected", $"server of cycle {strike.Cycle + 1}", $"ended by itself: {server.LastLines}");
        }

        if (strike.Cycle % 2 == 0)
        {
            strike.Phase.OnAcknowledged = server.Kill;
            await Task.WhenAny(strike.Writing, Task.Delay(TimeSpan.FromSeconds(1), ct));
        }

        await server.KillAsync();
    }

    /// <summary>One time in six the server is killed again while it recovers.</summary>
    public async Task BeforeStartAsync(ServerUnderTest server, CancellationToken ct)
    {
        if (_random.Next(6) == 0)
        {
            await using var next = server.Launch();
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 500)), ct);
            await next.KillAsync();
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
