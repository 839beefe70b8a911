using System.Net;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;

namespace Memoir.Faults.Kill9;

/// <summary>The cycles: write, kill -9, start again on the same folder, and hold what is there against the ledger.</summary>
internal sealed class Kill9Run(Kill9Options options, Ledger ledger, string dataFolder)
{
    private readonly ServerUnderTest _server = new(options.ServerPath, dataFolder, new Dictionary<string, string>());
    private readonly Random _random = new(options.Seed);
    private readonly List<Writer> _writers =
        [.. Enumerable.Range(0, options.Writers).Select(i => new Writer(new OperationMix(i, options.Seed, ledger), ledger))];

    /// <summary>How many cycles were run to their end.</summary>
    public int Cycles { get; private set; }

    public TimeSpan SlowestStart => _server.SlowestStart;

    private IEnumerable<ExpectedMessage> AllMessages => _writers.SelectMany(writer => writer.Mix.Messages);

    public async Task RunAsync(CancellationToken ct)
    {
        var server = await _server.StartAsync(ct);
        try
        {
            while (Cycles < options.Cycles && !(options.ExpectLoss && ledger.Lost > 0))
            {
                await WriteUntilKilledAsync(server, ct);
                await server.DisposeAsync();
                Cycles++;
                if (Cycles == options.Cycles && !options.ExpectLoss)
                {
                    IntegrityCheck.OfCopy(dataFolder, "after the last kill", ledger);
                }

                await MaybeKillDuringStartAsync(ct);
                server = await _server.StartAsync(ct);
                await VerifyCycleAsync(server.Endpoint, ct);
                Console.Error.WriteLine(
                    $"cycle {Cycles}: {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, "
                    + $"{ledger.Duplicated} duplicated, {ledger.Unexpected} unexpected answers");
            }

            if (!options.ExpectLoss)
            {
                await VerifyEverythingAsync(server.Endpoint, ct);
                await ServerUnderTest.StopAsync(server, ledger, ct);
                IntegrityCheck.OfCopy(dataFolder, "after the stop", ledger);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>Kills after a random time; every other time at the very moment when some writer gets its next answer.</summary>
    private async Task WriteUntilKilledAsync(ServerProcess server, CancellationToken ct)
    {
        using var api = new Api(server.Endpoint);
        var before = ledger.Acknowledged;
        var killAtNextAnswer = false;
        var writing = Task.WhenAll(_writers.Select(writer => writer.RunAsync(api, Acknowledged, ct)));

        // A cold process needs a while for its first answer; the time to the kill counts from there.
        while (ledger.Acknowledged == before && !writing.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), ct);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 901)), ct);
        if (server.HasExited)
        {
            ledger.Report("unexpected", $"server of cycle {Cycles + 1}", $"ended by itself: {server.LastLines}");
        }

        if (Cycles % 2 == 0)
        {
            Volatile.Write(ref killAtNextAnswer, true);
            await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(1), ct));
        }

        await server.KillAsync();
        await writing;

        void Acknowledged()
        {
            if (Volatile.Read(ref killAtNextAnswer))
            {
                server.Kill();
            }
        }
    }

    /// <summary>One time in six the server is killed again while it recovers.</summary>
    private async Task MaybeKillDuringStartAsync(CancellationToken ct)
    {
        if (_random.Next(6) == 0)
        {
            await using var server = _server.Launch();
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(50, 500)), ct);
            await server.KillAsync();
        }
    }

    private async Task VerifyCycleAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var api = new Api(endpoint);
        var checker = new Checker(api, ledger);
        var recovery = new Recovery(api, ledger);
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
    }

    private async Task VerifyEverythingAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var api = new Api(endpoint);
        await new Checker(api, ledger).CheckConversationsAsync(AllMessages, ct);
    }
}
