using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Memoir.Bench.Hosts;
using Memoir.Faults.Common;
using Memoir.Faults.Jobs.Inside;

namespace Memoir.Faults.Jobs;

/// <summary>
/// Five poisoned jobs between many good ones, one of which kills its process: the good ones are done, the five are dead with their
/// reasons, and the API retries and deletes them.
/// </summary>
internal sealed class PoisonRun(JobsOptions options, Ledger ledger, string dataFolder)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    // It has three attempts; more ends than these are not its doing.
    private const int MostRestarts = 4;

    private const string CutOff = "Each of its attempts was cut off; it may be what ends the process.";

    private static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["fault-throws"] = "Something went wrong inside (InvalidOperationException); the server's log says more under the id of the job.",
        ["fault-hangs"] = "It did not end within 0.9 seconds and was cut off.",
        ["fault-allocates"] = "Something went wrong inside (OutOfMemoryException); the server's log says more under the id of the job.",
        ["fault-kills"] = CutOff,
        ["embed-memories"] = "What the job is about cannot be read.",
    };

    /// <summary>How often the server had to be started again.</summary>
    public int Restarts { get; private set; }

    public int Dead { get; private set; }

    public long GoodDone { get; private set; }

    /// <summary>How long the good jobs took, restarts included.</summary>
    public TimeSpan GoodTook { get; private set; }

    public async Task RunAsync(CancellationToken ct)
    {
        var settings = CountedServer.Settings(options.GoodJobs, maxAttempts: 3);
        settings[CountedWork.PoisonVariable] = "all";
        settings["DOTNET_GCHeapHardLimit"] = "0x18000000"; // 384 MiB: what allocates for ever is refused, not the machine.
        var host = new ServerUnderTest(options.ServerPath, dataFolder, settings);
        var server = await StartAsync(host, ct);
        var started = Stopwatch.GetTimestamp();
        try
        {
            server = await UntilDoneAsync(host, server, $"&kind={CountJob.JobKind}", ct);
            GoodTook = Stopwatch.GetElapsedTime(started);
            server = await UntilDoneAsync(host, server, "", ct);
            using (var api = new Api(server.Endpoint))
            {
                await CheckDeadAsync(api, ct);
            }

            server = await UntilDoneAsync(host, server, "", ct);
            using (var api = new Api(server.Endpoint))
            {
                await DeleteDeadAsync(api, ct);
            }

            await ServerUnderTest.StopAsync(server, ledger, ct);
        }
        finally
        {
            await server.DisposeAsync();
        }

        if (Restarts is 0 or > 3)
        {
            ledger.Report("unexpected", "the server", $"ended {Restarts} times; the job that kills it has three attempts");
        }

        var (effects, jobs) = CountedServer.Count(dataFolder);
        GoodDone = jobs;
        if (effects != options.GoodJobs || jobs != options.GoodJobs)
        {
            ledger.Report("lost", "good jobs", $"{jobs} of {options.GoodJobs} had an effect, {effects} effects in all");
        }
    }

    /// <summary>The job that kills may have its turn before anybody could see that the server is ready.</summary>
    private async Task<ServerProcess> StartAsync(ServerUnderTest host, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return await host.StartAsync(ct);
            }
            catch (ServerDownException) when (Restarts < MostRestarts)
            {
                Restarts++;
            }
        }
    }

    private async Task<ServerProcess> UntilDoneAsync(ServerUnderTest host, ServerProcess server, string kind, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < Longest)
        {
            try
            {
                using var api = new Api(server.Endpoint);
                if (!await CountedServer.HasOpenJobsAsync(api, kind, ct))
                {
                    return server;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(250), ct);
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                Restarts++; // The one that kills has had its turn.
                await server.DisposeAsync();
                server = await StartAsync(host, ct);
            }
        }

        ledger.Report("lost", "jobs", $"are not all done or dead after {Longest.TotalMinutes} minutes");
        return server;
    }

    private async Task CheckDeadAsync(Api api, CancellationToken ct)
    {
        var dead = await CountedServer.ListAsync(api, $"tenant_id={CountedWork.Tenants[0]}&status=dead", ct);
        Dead = dead.Count;
        var found = dead.ToLookup(job => job.GetProperty("kind").GetString()!, StringComparer.Ordinal);
        foreach (var (kind, reason) in Reasons)
        {
            var error = found[kind].SingleOrDefault() is { ValueKind: JsonValueKind.Object } job ? job.GetProperty("error").GetString() : null;

            // The one that hangs may be in its last attempt when another ends the process, and is then cut off by that.
            if (error != reason && !(kind == "fault-hangs" && error == CutOff))
            {
                ledger.Report("lost", kind, $"stands {found[kind].Count()} times among the dead, with the reason: {error}");
            }
        }

        if (dead.Count != Reasons.Count)
        {
            ledger.Report("unexpected", "dead letters", $"are {dead.Count} instead of {Reasons.Count}");
        }

        // The one that is dead at once is tried again; it must come back with a new attempt, and the others must stay.
        var unreadable = found["embed-memories"].Select(job => job.GetProperty("id").GetString()).FirstOrDefault();
        var retried = await api.SendAsync(HttpMethod.Post, $"/v1/jobs/{unreadable}/retry?tenant_id={CountedWork.Tenants[0]}", ct);
        if (retried.Status != (int)HttpStatusCode.Accepted)
        {
            ledger.Report("unexpected", "retry", $"answered {retried.Status}: {retried.Excerpt}");
        }
    }

    private async Task DeleteDeadAsync(Api api, CancellationToken ct)
    {
        var tenant = CountedWork.Tenants[0];
        var dead = await CountedServer.ListAsync(api, $"tenant_id={tenant}&status=dead", ct);
        if (dead.Count != Reasons.Count)
        {
            ledger.Report("unexpected", "dead letters after the retry", $"are {dead.Count} instead of {Reasons.Count}");
        }

        foreach (var job in dead)
        {
            var deleted = await api.SendAsync(HttpMethod.Delete, $"/v1/jobs/{job.GetProperty("id").GetString()}?tenant_id={tenant}", ct);
            if (deleted.Status != (int)HttpStatusCode.NoContent)
            {
                ledger.Report("unexpected", "delete", $"answered {deleted.Status}: {deleted.Excerpt}");
            }
        }

        if ((await CountedServer.ListAsync(api, $"tenant_id={tenant}&status=dead", ct)).Count > 0)
        {
            ledger.Report("unexpected", "delete", "left dead jobs in the list");
        }
    }
}
