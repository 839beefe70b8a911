using Memoir.Bench.Load;

namespace Memoir.Faults.Overload;

/// <summary>T6, L03 and J7, one after another, each on a server of its own.</summary>
internal sealed class OverloadRun(OverloadOptions options)
{
    private const int HonestPerSecond = 10;
    private const int LimitPerSecond = 20;
    private const int RefusedPerSecond = 2000;

    /// <summary>Without a pause the flood takes the processor from whoever sends it and from the honest client alike, where they share a machine.</summary>
    private const string Shown = "shown only";

    /// <summary>4 is what is wanted, of a machine that the senders do not share; a queue without a bound has 100 and more.</summary>
    private const double MostOfIdle = 8;

    private const long MostGrowth = 256L * 1024 * 1024;

    public int Broken { get; private set; }

    public async Task RunAsync(CancellationToken ct)
    {
        if (options.Seeded is { } seeded)
        {
            await OverloadedAsync(seeded, ct, ("MEMOIR_SEEDED_FAULT", seeded));
            return;
        }

        await BesideAsync("T6, limits on: 20 times the limit", flood => FloodAtAsync(flood, 20 * LimitPerSecond, ct), ct, ("MEMORY_TENANT_RATE_LIMIT", $"{LimitPerSecond * 60}/minute"));
        await BesideAsync("T6, limits off: the same flood", flood => FloodAtAsync(flood, 20 * LimitPerSecond, ct), ct);
        await BesideAsync($"shown only, limits off: {options.Connections} connections that search without a pause", flood => UnbridledAsync(flood, flood.Searches("flood"), ct), ct);
        await BesideAsync($"shown only, limits off: {options.Connections} connections that store without a pause", flood => UnbridledAsync(flood, flood.Stores("flood"), ct), ct);
        await RefusedAsync(ct);
        await OverloadedAsync("as set by default", ct);
    }

    /// <summary>How an honest tenant's searches fare alone and beside a flood of another.</summary>
    private async Task BesideAsync(string what, Func<FloodedServer, Task<string>> floodAsync, CancellationToken ct, params (string, string)[] settings)
    {
        await using var server = await FloodedServer.StartAsync(options, ct, settings);
        await HonestAsync(server, TimeSpan.FromSeconds(3), ct); // The first requests pay for compilation.
        var (alone, _) = await HonestAsync(server, options.Each, ct);
        var flood = floodAsync(server);
        var (beside, refused) = await HonestAsync(server, options.Each, ct);
        var ratio = Pace.Percentile(beside, 0.95) / Pace.Percentile(alone, 0.95);
        Print($"{what}: honest p95 {Pace.Percentile(alone, 0.95):N2} ms alone, {Pace.Percentile(beside, 0.95):N2} ms beside, ratio {ratio:N2}; {refused} of its requests refused; flood: {await flood}");
        Require(ratio < 2 || what.StartsWith(Shown, StringComparison.Ordinal), $"{what}: ratio {ratio:N2}");
        Require(refused == 0, $"{what}: {refused} honest requests were refused");
    }

    /// <summary>L03: what refusing costs, beside the same requests without a limit and under one that lets them in.</summary>
    private async Task RefusedAsync(CancellationToken ct)
    {
        var off = await CostAsync("without a limit", ct);
        var admitted = await CostAsync("under a limit that lets all in", ct, ("MEMORY_GLOBAL_RATE_LIMIT", "10000000/second"));
        await CostAsync("refused by a limit", ct, ("MEMORY_GLOBAL_RATE_LIMIT", "60/minute"));
        var share = (admitted - off) / admitted;
        Print($"L03: the limiter takes {share:P0} of the processor time of the smallest request");
        Require(share < 0.2, $"L03: the limiter takes {share:P0}");
        await BesideAsync($"L03: {RefusedPerSecond} requests a second, nearly all refused", flood => FloodAtAsync(flood, RefusedPerSecond, ct), ct, ("MEMORY_TENANT_RATE_LIMIT", $"{LimitPerSecond * 60}/minute"));
    }

    /// <returns>Microseconds of processor time for each request.</returns>
    private async Task<double> CostAsync(string what, CancellationToken ct, params (string, string)[] settings)
    {
        await using var server = await FloodedServer.StartAsync(options, ct, settings);
        var plan = new LoadPlan(server.Process.Endpoint, options.Connections, [server.Version]) { Duration = options.Each };
        await LoadRun.RunAsync(plan with { Duration = TimeSpan.FromSeconds(3) }, ct);
        var before = server.Process.CpuSeconds;
        var result = await LoadRun.RunAsync(plan, ct);
        var each = (server.Process.CpuSeconds - before) * 1e6 / result.Sent;
        Print($"L03: {result.Sent / result.Seconds:N0} small requests a second {what}, {each:N1} µs of processor time each");
        return each;
    }

    /// <summary>J7: one connection, then far more than can be served.</summary>
    private async Task OverloadedAsync(string what, CancellationToken ct, params (string, string)[] settings)
    {
        await using var server = await FloodedServer.StartAsync(options, ct, settings);
        var plan = new LoadPlan(server.Process.Endpoint, 1, server.Searches("flood")) { Duration = options.Each, Warmup = TimeSpan.FromSeconds(3) };
        var idle = await LoadRun.RunAsync(plan, ct);
        var memory = server.Process.ResidentBytes;
        var loaded = await LoadRun.RunAsync(plan with { Clients = 10 * options.Connections }, ct);
        var growth = server.Process.PeakResidentBytes - memory;
        var ratio = loaded.Latency.Milliseconds(0.99) / idle.Latency.Milliseconds(0.99);
        Print($"J7, {what}: {10 * options.Connections} connections that search without a pause: {loaded.PerSecond:N0} a second let in (one alone {idle.PerSecond:N0}), "
            + $"{loaded.Errors / loaded.Seconds:N0} told to come again, at most {growth / 1024 / 1024} MiB more");
        Print($"J7, {what}: p50 and p99 of those let in {loaded.Latency.Milliseconds(0.5):N1} and {loaded.Latency.Milliseconds(0.99):N1} ms, "
            + $"of one alone {idle.Latency.Milliseconds(0.5):N1} and {idle.Latency.Milliseconds(0.99):N1} ms, ratio {ratio:N1}");
        Require(ratio < MostOfIdle, $"J7: {ratio:N1} x the p99 of one alone");
        Require(growth < MostGrowth, $"J7: {growth / 1024 / 1024} MiB more");
        Require(loaded.FirstError?.StartsWith("503", StringComparison.Ordinal) is not false, $"J7: {loaded.FirstError}");
    }

    private static async Task<(List<double> Taken, int Refused)> HonestAsync(FloodedServer server, TimeSpan duration, CancellationToken ct) =>
        await Pace.RunAsync(server.Process.Endpoint, server.Searches("honest"), HonestPerSecond, 4, duration, ct);

    private async Task<string> FloodAtAsync(FloodedServer server, int perSecond, CancellationToken ct)
    {
        var (taken, refused) = await Pace.RunAsync(server.Process.Endpoint, server.Searches("flood"), perSecond, options.Connections, options.Each, ct);
        return $"{taken.Count} let in, {refused} refused";
    }

    private async Task<string> UnbridledAsync(FloodedServer server, ReadOnlyMemory<byte>[] requests, CancellationToken ct)
    {
        var result = await LoadRun.RunAsync(new LoadPlan(server.Process.Endpoint, options.Connections, requests) { Duration = options.Each }, ct);
        return $"{result.Latency.Count / result.Seconds:N0} a second let in, {result.Errors / result.Seconds:N0} refused";
    }

    private void Require(bool holds, string complaint)
    {
        if (!holds)
        {
            Broken++;
            Print("OUT OF BOUNDS: " + complaint);
        }
    }

    private static void Print(string text) => Console.WriteLine(text);
}
