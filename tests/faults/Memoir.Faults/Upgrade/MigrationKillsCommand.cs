using System.Diagnostics;
using System.Globalization;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;
using Memoir.Faults.Postgres;

namespace Memoir.Faults.Upgrade;

/// <summary>
/// Kills <c>memoir migrate</c> before each of its statements in turn, on both engines: what it had done is gone, and the
/// next run does all of it.
/// </summary>
internal static class MigrationKillsCommand
{
    private const int Killed = 137;

    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CommandStart.Parse(() => MigrationKillsOptions.Parse(args), options => options.ServerPath);
        if (options is null)
        {
            return exitCode;
        }

        if (Cluster.OfEnvironment() is not { } cluster)
        {
            return 64;
        }

        var folder = Directory.CreateTempSubdirectory("memoir-faults-migrations-");
        var sqlite = await RunAsync(options, new Dictionary<string, string> { ["MEMORY_DATA_DIRECTORY"] = folder.FullName }, ct);
        folder.Delete(recursive: true);
        await cluster.StartAsync(ct);
        await cluster.CreateDatabaseAsync(ct);
        var postgres = await RunAsync(options, cluster.Settings, ct);
        await cluster.DropDatabaseAsync(CancellationToken.None);

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"migrations: {sqlite.Kills} kills on SQLite, {postgres.Kills} on PostgreSQL; then all of {sqlite.Applied} and {postgres.Applied} migrations applied at once"));
        return sqlite is { Kills: > 0, Applied: > 0 } && postgres.Kills > 0 && postgres.Applied == sqlite.Applied ? 0 : 1;
    }

    /// <returns>How often it was killed, and how many migrations the run after the last kill applied.</returns>
    private static async Task<(int Kills, int Applied)> RunAsync(MigrationKillsOptions options, IReadOnlyDictionary<string, string> settings, CancellationToken ct)
    {
        var kills = 0;
        for (var statement = 1; ; statement += options.Step)
        {
            var (code, output) = await MigrateAsync(options.ServerPath, new Dictionary<string, string>(settings)
            {
                ["MEMOIR_SEEDED_FAULT"] = "DieInMigration",
                ["MEMOIR_SEEDED_STATEMENT"] = statement.ToString(CultureInfo.InvariantCulture),
            }, ct);
            if (code == Killed)
            {
                kills++;
                continue;
            }

            // There is no such statement, so it ran to its end; had a kill left something behind, it would have less to do, or fail.
            var words = output.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var applied = words.Length > 1 && words[^1].Trim() == "applied" ? int.Parse(words[^3], CultureInfo.InvariantCulture) : 0;
            return code == 0 ? (kills, applied) : throw new InvalidOperationException($"memoir migrate ended with {code}: {output}");
        }
    }

    private static async Task<(int Code, string Output)> MigrateAsync(string program, IReadOnlyDictionary<string, string> settings, CancellationToken ct)
    {
        var start = new ProcessStartInfo(ServerProcess.DotnetHost, [program, "migrate"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        using var migrate = Process.Start(start)!;
        var errors = migrate.StandardError.ReadToEndAsync(ct);
        var output = await migrate.StandardOutput.ReadToEndAsync(ct);
        await migrate.WaitForExitAsync(ct);
        return (migrate.ExitCode, output + await errors);
    }
}

/// <summary>The arguments of the <c>migrations</c> command.</summary>
internal sealed record MigrationKillsOptions(string ServerPath, int Step)
{
    public static MigrationKillsOptions Parse(string[] args)
    {
        var options = new MigrationKillsOptions(ServerUnderTest.DefaultPath, 1);
        for (var i = 0; i + 1 < args.Length; i += 2)
        {
            options = args[i] switch
            {
                "--server" => options with { ServerPath = Path.GetFullPath(args[i + 1]) },
                "--step" => options with { Step = int.Parse(args[i + 1], CultureInfo.InvariantCulture) },
                var unknown => throw new ArgumentException($"Unknown option {unknown}."),
            };
        }

        return args.Length % 2 == 0 ? options : throw new ArgumentException($"{args[^1]} needs a value.");
    }
}
