using System.Net;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>The cycles: write, suffer the fault, start again on the same folder, and hold what is there against the ledger.</summary>
internal sealed class CycleRun(CycleOptions options, Ledger ledger, IFault fault)
{
    private readonly ServerUnderTest _server = new(options.ServerPath, fault.DataFolder, options.Settings, fault.Handles);
    private readonly Random _random = new(options.Seed);
    private readonly List<Writer> _writers =
        [.. Enumerable.Range(0, options.Writers).Select(i => new Writer(new OperationMix(i, options.Seed, ledger), ledger))];

    private readonly AuditCheck _audit = new(ledger);

    /// <summary>How many cycles were run to their end.</summary>
    public int Cycles { get; private set; }

    public TimeSpan SlowestStart => _server.SlowestStart;

    private IEnumerable<ExpectedMessage> AllMessages => _writers.SelectMany(writer => writer.Mix.Messages);

    public async Task RunAsync(CancellationToken ct)
    {
        var server = await _server.StartAsync(ct);
        try
        {
            await PrepareAsync(server.Endpoint, ct);
            while (Cycles < options.Cycles && !(options.ExpectLoss && ledger.Lost > 0))
            {
                await WriteUntilStruckAsync(server, ct);
                await server.DisposeAsync();
                Cycles++;
                await fault.BeforeStartAsync(_server, ct);
                if (Cycles == options.Cycles && !options.ExpectLoss)
                {
                    IntegrityCheck.OfCopy(fault.DataFolder, "after the last fault", ledger);
                }

                server = await _server.StartAsync(ct);
                await VerifyCycleAsync(server.Endpoint, ct);
                Console.Error.WriteLine(
                    $"cycle {Cycles}: {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, "
                    + $"{ledger.Duplicated} duplicated, {ledger.Unexpected} unexpected answers");
            }

            await VerifyEverythingAsync(server.Endpoint, ct);
            if (!options.ExpectLoss)
            {
                await ServerUnderTest.StopAsync(server, ledger, ct);
                IntegrityCheck.OfCopy(fault.DataFolder, "after the stop", ledger);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private async Task PrepareAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var api = new Api(endpoint);
        await fault.PrepareAsync(api, ct);
    }

    private async Task WriteUntilStruckAsync(ServerProcess server, CancellationToken ct)
    {
        using var api = new Api(server.Endpoint);
        _audit.Begin();
        var phase = new Phase { StorageMayFail = fault.StorageMayFail };
        var writing = Task.WhenAll(_writers.Select(writer => writer.RunAsync(api, phase, ct)));

        // A cold process needs a while for its first answer; the time to the fault counts from there.
        while (phase.Acknowledged == 0 && !writing.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), ct);
        }

        var unexpected = ledger.Unexpected;
        try
        {
            await _audit.BeDeniedAsync(api, ct); // A second before the kill at most: these may be lost.
            await fault.StrikeAsync(new Strike(Cycles, server, api, phase, writing), ct);
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException && !ct.IsCancellationRequested)
        {
            ledger.Report("unexpected", $"server of cycle {Cycles + 1}", $"does not answer: {error.Message}");
            await server.KillAsync();
        }

        await writing;
        if (ledger.Unexpected > unexpected)
        {
            Console.Error.WriteLine($"The server's last lines:{Environment.NewLine}{server.LastLines}");
        }
    }

    private async Task VerifyCycleAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var api = new Api(endpoint);
        var checker = new Checker(api, ledger);
        var recovery = new Recovery(api, ledger);
        await _audit.BeDeniedAsync(api, ct);
        var touched = _writers
            .SelectMany(writer => writer.Unanswered is { } last ? writer.Acknowledged.Append(last) : writer.Acknowledged)
            .SelectMany(operation => operation.Changes)
            .Select(change => change.Message)
            .ToHashSet();
        var conversations = touched.Select(message => (message.Tenant, message.Conversation)).ToHashSet();
        var inThem = AllMessages.Where(message => conversations.Contains((message.Tenant, message.Conversation))).ToList();

        await checker.CheckConversationsAsync(inThem, ct);
        await recovery.SettleAsync(_writers, ct);
        await recovery.ReplayAsync([.. _writers.SelectMany(writer => writer.Acknowledged)], _random, ct);
        await checker.CheckConversationsAsync(inThem, ct);
        await checker.CheckByIdAsync(touched, ct);

        // The last ones were nearest to the kill.
        await checker.CheckBySearchAsync(touched.Reverse().Take(options.SearchLimit), ct);
        await checker.CheckKeysAsync([.. _writers.SelectMany(writer => writer.Mix.Keys)], ct);
        await _audit.CheckCycleAsync(api, _writers, ct);
    }

    private async Task VerifyEverythingAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var api = new Api(endpoint);
        await new Checker(api, ledger).CheckConversationsAsync(AllMessages, ct);
        await _audit.CheckAllAsync(api, ct);
        await fault.VerifyAsync(api, ct);
    }
}
