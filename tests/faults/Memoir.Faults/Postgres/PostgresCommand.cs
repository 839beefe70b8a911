using System.Globalization;
using Memoir.Faults.Common;

namespace Memoir.Faults.Postgres;

/// <summary>Proves that several processes on one PostgreSQL lose nothing and do nothing twice; with <c>--expect-loss</c> or <c>--expect-doubles</c>, that this proof can fail.</summary>
internal static class PostgresCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CommandStart.Parse(() => PostgresOptions.Parse(args), options => options.ServerPath);
        if (options is null)
        {
            return exitCode;
        }

        if (Cluster.OfEnvironment() is not { } cluster)
        {
            return 64;
        }

        var folder = Directory.CreateTempSubdirectory("memoir-faults-postgres-");
        var ledger = new Ledger(Path.Combine(folder.FullName, "ledger.jsonl"));
        bool passed;
        await using (ledger)
        {
            Console.Error.WriteLine($"seed {options.Seed}, {options.Writers} writers, ledger {ledger.Path}");
            await cluster.StartAsync(ct);
            await cluster.CreateDatabaseAsync(ct);
            await using (var fleet = new Fleet(options, cluster.Settings, folder.CreateSubdirectory("clock").FullName))
            {
                var run = new FleetRun(options, ledger, cluster, fleet);
                await GuardedAsync(run, ledger, ct);
                passed = Judge(options, ledger, run);
            }

            await cluster.DropDatabaseAsync(CancellationToken.None);
        }

        if (passed)
        {
            folder.Delete(recursive: true);
            return 0;
        }

        Console.Error.WriteLine($"kept for inspection: {folder.FullName}");
        return 1;
    }

    private static bool Judge(PostgresOptions options, Ledger ledger, FleetRun run)
    {
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Disturbed}: {ledger.Acknowledged} acknowledged, {ledger.Lost} lost, {ledger.Torn} torn, {ledger.Duplicated} duplicated, {ledger.Unexpected} unexpected answers");
        if (options.ExpectLoss || options.ExpectDoubles)
        {
            var isFound = options.ExpectLoss ? ledger.Lost > 0 : run.Doubles > 0;
            Console.WriteLine($"postgres control: {counts}, {run.Doubles} effects twice: {(isFound ? "found, as it must be" : "NOTHING FOUND, the proof is blind")}");
            return isFound;
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"postgres: {run.Effects} effects of {options.Jobs} jobs, {run.Doubles} twice; {run.Reads} changes read on the other process; {run.SentAgain} requests sent again"));
        Console.WriteLine($"postgres: {counts}");
        return ledger is { IsClean: true, Acknowledged: > 0 };
    }

    private static async Task GuardedAsync(FleetRun run, Ledger ledger, CancellationToken ct)
    {
        try
        {
            await run.RunAsync(ct);
        }
        catch (Exception error) when (error is ServerDownException or HttpRequestException or TimeoutException or InvalidOperationException or Npgsql.NpgsqlException)
        {
            ledger.Report("unexpected", "the run", error.ToString());
        }
    }
}
