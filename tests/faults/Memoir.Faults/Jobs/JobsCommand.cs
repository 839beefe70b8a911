using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Jobs;

/// <summary>Proves that a job has its effect once and that poisoned jobs stop no others; with <c>--expect-doubles</c>, that the first proof can fail.</summary>
internal static class JobsCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CommandStart.Parse(() => JobsOptions.Parse(args), options => options.ServerPath);
        if (options is null)
        {
            return exitCode;
        }

        var folder = Directory.CreateTempSubdirectory("memoir-faults-jobs-");
        var ledger = new Ledger(Path.Combine(folder.FullName, "ledger.jsonl"));
        bool passed;
        await using (ledger)
        {
            passed = options.ExpectDoubles
                ? await ControlAsync(options, ledger, folder, ct)
                : await ProveAsync(options, ledger, folder, ct);
        }

        if (passed)
        {
            folder.Delete(recursive: true);
            return 0;
        }

        Console.Error.WriteLine($"kept for inspection: {folder.FullName}");
        return 1;
    }

    private static async Task<bool> ProveAsync(JobsOptions options, Ledger ledger, DirectoryInfo folder, CancellationToken ct)
    {
        var poison = new PoisonRun(options, ledger, folder.CreateSubdirectory("poison").FullName);
        await GuardedAsync(poison.RunAsync(ct), ledger);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"jobs: {poison.GoodDone} of {options.GoodJobs} good jobs done beside 5 poisoned ones in {poison.GoodTook.TotalSeconds:N1} s, {poison.Dead} dead letters, {poison.Restarts} restarts"));

        var once = Once(options, ledger, folder);
        await GuardedAsync(once.RunAsync(ct), ledger);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"jobs: {once.Kills} kills, {once.Stops} stops of three leases, {once.Shifts} clock shifts by {once.ClockMeans}: {once.Effects} effects of {options.Jobs} jobs, {once.Doubles} twice"));
        return ledger.IsClean;
    }

    private static async Task<bool> ControlAsync(JobsOptions options, Ledger ledger, DirectoryInfo folder, CancellationToken ct)
    {
        var once = Once(options, ledger, folder);
        await GuardedAsync(once.RunAsync(ct), ledger);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"jobs control: {once.Doubles} effects twice after {once.Kills} kills, {once.Stops} stops, {once.Shifts} clock shifts: {(once.Doubles > 0 ? "the missing fence was found, as it must be" : "NOTHING FOUND, the proof is blind")}"));
        return once.Doubles > 0;
    }

    private static ExactlyOnceRun Once(JobsOptions options, Ledger ledger, DirectoryInfo folder) =>
        new(options, ledger, folder.CreateSubdirectory("once").FullName, folder.CreateSubdirectory("clock").FullName);

    private static async Task GuardedAsync(Task run, Ledger ledger)
    {
        try
        {
            await run;
        }
        catch (Exception error) when (error is ServerDownException or HttpRequestException or InvalidOperationException)
        {
            ledger.Report("unexpected", "the run", error.Message);
        }
    }
}
