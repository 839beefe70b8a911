using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Kill9;

/// <summary>Proves that kill -9 loses nothing that was acknowledged; with <c>--expect-loss</c>, that this proof can fail.</summary>
internal static class Kill9Command
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CommandStart.Parse(() => Kill9Options.Parse(args), options => options.ServerPath);
        if (options is null)
        {
            return exitCode;
        }

        // Two folders: what the server owns, and the ledger that it must not be able to touch.
        var data = Directory.CreateTempSubdirectory("memoir-faults-data-");
        var ledgerFile = Path.Combine(Directory.CreateTempSubdirectory("memoir-faults-ledger-").FullName, "ledger.jsonl");
        var ledger = new Ledger(ledgerFile);
        await using (ledger)
        {
            Console.Error.WriteLine($"seed {options.Seed}, {options.Writers} writers, ledger {ledgerFile}");
            var run = new Kill9Run(options, ledger, data.FullName);
            try
            {
                await run.RunAsync(ct);
            }
            catch (ServerDownException down)
            {
                ledger.Report("unexpected", $"start after cycle {run.Cycles}", down.Message);
            }

            Console.WriteLine(Summary(options, ledger, run));
        }

        var passed = options.ExpectLoss ? ledger.Lost > 0 : ledger is { IsClean: true, Acknowledged: > 0 };
        if (passed)
        {
            data.Delete(recursive: true);
            Directory.GetParent(ledgerFile)!.Delete(recursive: true);
            return 0;
        }

        Console.Error.WriteLine($"kept for inspection: {data.FullName} and {ledgerFile}");
        return 1;
    }

    private static string Summary(Kill9Options options, Ledger ledger, Kill9Run run)
    {
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Cycles} cycles, {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, {ledger.Duplicated} duplicated");
        if (options.ExpectLoss)
        {
            return $"kill9 control: {counts}: {(ledger.Lost > 0 ? "the loss was found, as it must be" : "NO LOSS FOUND, the proof is blind")}";
        }

        var start = string.Create(CultureInfo.InvariantCulture, $"slowest start {run.SlowestStart.TotalMilliseconds:N0} ms");
        return $"kill9: {ledger.Unexpected} unexpected answers, {start}{Environment.NewLine}kill9: {counts}";
    }
}
