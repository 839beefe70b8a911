using System.Diagnostics;
using System.Globalization;
using System.Text;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;
using Memoir.Faults.Postgres;

namespace Memoir.Faults.Upgrade;

/// <summary>Proves that a release can be rolled out and taken back under load without a failed request; with <c>--expect-failure</c>, that this proof can fail.</summary>
internal static class UpgradeCommand
{
    private static readonly TimeSpan LongestLock = TimeSpan.FromMilliseconds(500);

    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var (options, exitCode) = CommandStart.Parse(() => UpgradeOptions.Parse(args), options => options.ServerPath);
        if (options is null)
        {
            return exitCode;
        }

        if (Cluster.OfEnvironment() is not { } cluster)
        {
            return 64;
        }

        var folder = Directory.CreateTempSubdirectory("memoir-faults-upgrade-");
        var passed = false;
        await using (var ledger = new Ledger(Path.Combine(folder.FullName, "ledger.jsonl")))
        {
            await cluster.StartAsync(ct);
            await cluster.CreateDatabaseAsync(ct);
            try
            {
                passed = await RunAsync(options, cluster, ledger, folder, ct);
            }
            catch (ServerDownException down)
            {
                Console.WriteLine($"upgrade{(options.ExpectFailure ? " control" : "")}: {down.Message}");
                passed = options.ExpectFailure;
            }

            await cluster.DropDatabaseAsync(CancellationToken.None);
        }

        if (passed)
        {
            folder.Delete(recursive: true);
        }

        return passed ? 0 : 1;
    }

    private static async Task<bool> RunAsync(UpgradeOptions options, Cluster cluster, Ledger ledger, DirectoryInfo folder, CancellationToken ct)
    {
        // The owner's address is for migrations alone: a process that had it would migrate by itself.
        var settings = cluster.Settings.Where(setting => setting.Key == "MEMORY_DATABASE_URL")
            .Append(new("MEMORY_SECRET_KEY", "secret-of-the-fault-tests-0123456789abcdef")).Append(new("MEMORY_DATA_DIRECTORY", folder.CreateSubdirectory("data").FullName)).ToDictionary();
        await MigrateAsync(options.ServerPath, cluster, ct);
        await using var one = new Place(settings);
        await using var other = new Place(settings);
        var balancer = new Balancer([one, other]);
        one.Start(options.ServerPath);
        other.Start(options.ServerPath);
        using var watched = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var watching = balancer.WatchAsync(watched.Token);
        await Task.Delay(TimeSpan.FromSeconds(1), ct);
        await balancer.WaitForAsync(one, ct);
        await balancer.WaitForAsync(other, ct);
        await FillAsync(one.Api, options.Messages, ct);

        var isOver = false;
        var locks = new LockWatch(cluster);
        var traffic = new SteadyTraffic(balancer, ledger, options.Rate);
        var sending = traffic.RunAsync(() => !Volatile.Read(ref isOver), ct);
        var looking = locks.RunAsync(() => !Volatile.Read(ref isOver), ct);
        try
        {
            for (var round = 1; round <= options.Rounds; round++)
            {
                await MigrateAsync(options.NextPath, cluster, ct);
                foreach (var (place, program) in (IEnumerable<(Place, string)>)[(one, options.NextPath), (other, options.NextPath), (other, options.ServerPath), (one, options.ServerPath)])
                {
                    await place.StopAsync(ledger, ct);
                    place.Start(program);
                    await Task.Delay(TimeSpan.FromMilliseconds(300), ct);
                    await balancer.WaitForAsync(place, ct);
                }

                await cluster.TakeBackNextReleaseAsync(ct);
                Console.Error.WriteLine($"round {round}: {traffic.Sent} requests, {traffic.Failed} failed");
            }
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            await Task.WhenAll(sending, looking);
        }

        await traffic.CheckAsync(ct);
        await watched.CancelAsync();
        await watching.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Task.WhenAll(one.StopAsync(ledger, ct), other.StopAsync(ledger, ct));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"upgrade: {options.Rounds} roll-outs and ways back over {options.Messages:N0} memories: {traffic.Sent:N0} requests, {traffic.Failed} failed, {ledger.Lost} lost, slowest {traffic.Slowest.TotalMilliseconds:N0} ms; longest exclusive lock {locks.Longest.TotalMilliseconds:N0} ms {locks.Table}"));
        var isClean = traffic.Failed == 0 && ledger is { IsClean: true } && traffic.Sent > 0 && locks.Longest <= LongestLock;
        return isClean != options.ExpectFailure;
    }

    /// <summary>What lies in the database before: indexes and locks take longer over many rows.</summary>
    private static async Task FillAsync(Api api, int messages, CancellationToken ct)
    {
        for (var at = 0; at < messages; at += 1000)
        {
            var body = new StringBuilder("""{"items":[""");
            for (var i = at; i < Math.Min(at + 1000, messages); i++)
            {
                body.Append(i > at ? "," : "").Append(CultureInfo.InvariantCulture, $$"""{"tenant_id":"upgrade","conversation_id":"f{{i / 100}}","role":"user","content":"Filler {{i}} about tea, trains and number {{i * 7919 % 100003}}."}""");
            }

            var answer = await api.PostAsync("/v1/messages/batch", Encoding.UTF8.GetBytes(body.Append("]}").ToString()), ct);
            if (!answer.IsSuccess)
            {
                throw new ServerDownException($"The database cannot be filled: {answer.Status} {answer.Excerpt}");
            }
        }
    }

    private static async Task MigrateAsync(string program, Cluster cluster, CancellationToken ct)
    {
        var start = new ProcessStartInfo(ServerProcess.DotnetHost, [program, "migrate"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in cluster.Settings)
        {
            start.Environment[name] = value;
        }

        using var migrate = Process.Start(start)!;
        var errors = await migrate.StandardError.ReadToEndAsync(ct);
        await migrate.WaitForExitAsync(ct);
        if (migrate.ExitCode != 0)
        {
            throw new ServerDownException($"memoir migrate of {program} ended with {migrate.ExitCode}: {errors}");
        }
    }
}
