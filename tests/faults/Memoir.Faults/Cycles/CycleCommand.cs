using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Cycles;

/// <summary>Proves that a fault loses nothing that was acknowledged; with <c>--expect-loss</c>, that this proof can fail.</summary>
internal static class CycleCommand
{
    public static async Task<int> RunAsync(
        string name, string[] args, Func<CycleOptions, Ledger, string, IFault> create, CancellationToken ct)
    {
        var (options, exitCode) = Parse(args);
        return options is null ? exitCode
            : await RunAsync(name, options, (ledger, folder) => Task.FromResult(create(options, ledger, folder)), ct) ? 0 : 1;
    }

    public static (CycleOptions? Options, int ExitCode) Parse(string[] args) =>
        CommandStart.Parse(() => CycleOptions.Parse(args), options => options.ServerPath);

    /// <param name="name">What the summary calls it.</param>
    /// <param name="options">How many cycles, against which server.</param>
    /// <param name="create">Makes the fault, given the ledger and a folder that the server may own.</param>
    /// <param name="ct">Ends the run and tidies up.</param>
    /// <returns>Whether it passed.</returns>
    public static async Task<bool> RunAsync(
        string name, CycleOptions options, Func<Ledger, string, Task<IFault>> create, CancellationToken ct)
    {
        // Two folders: what the server owns, and the ledger that it must not be able to touch.
        var data = Directory.CreateTempSubdirectory("memoir-faults-data-");
        var ledgerFile = Path.Combine(Directory.CreateTempSubdirectory("memoir-faults-ledger-").FullName, "ledger.jsonl");
        var ledger = new Ledger(ledgerFile);
        await using (ledger)
        {
            Console.Error.WriteLine($"seed {options.Seed}, {options.Writers} writers, ledger {ledgerFile}");
            await using var fault = await create(ledger, data.FullName);
            var run = new CycleRun(options, ledger, fault);
            try
            {
                await run.RunAsync(ct);
            }
            catch (ServerDownException down)
            {
                // To a control, data that cannot be opened any more is lost like data that is not there.
                ledger.Report(options.ExpectLoss && run.Cycles > 0 ? "lost" : "unexpected", $"start after cycle {run.Cycles}", down.Message);
            }

            Console.WriteLine(Summary(name, options, ledger, run, fault));
        }

        var passed = options.ExpectLoss ? ledger.Lost > 0 : ledger is { IsClean: true, Acknowledged: > 0 };
        if (passed)
        {
            data.Delete(recursive: true);
            Directory.GetParent(ledgerFile)!.Delete(recursive: true);
            return true;
        }

        Console.Error.WriteLine($"kept for inspection: {data.FullName} and {ledgerFile}");
        return false;
    }

    private static string Summary(string name, CycleOptions options, Ledger ledger, CycleRun run, IFault fault)
    {
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Cycles} cycles, {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, {ledger.Duplicated} duplicated");
        if (options.ExpectLoss)
        {
            return $"{name} control: {counts}: {(ledger.Lost > 0 ? "the loss was found, as it must be" : "NO LOSS FOUND, the proof is blind")}";
        }

        var start = string.Create(CultureInfo.InvariantCulture, $"slowest start {run.SlowestStart.TotalMilliseconds:N0} ms");
        var remarks = fault.Remarks is { Length: > 0 } said ? $", {said}" : "";
        return $"{name}: {ledger.Unexpected} unexpected answers, {start}{remarks}{Environment.NewLine}{name}: {counts}";
    }
}
