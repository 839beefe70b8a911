using System.Diagnostics;
using System.Globalization;
using Memoir.Bench.Hosts;

namespace Memoir.Faults.Common;

/// <summary>Starts the real server again and again on one folder.</summary>
internal sealed class ServerUnderTest(string serverPath, string dataFolder, IReadOnlyDictionary<string, string> settings, int? handles = null)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>The build beside this program, of the same configuration.</summary>
    public static string DefaultPath { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "../../Memoir.Server", Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)), "Memoir.Server.dll"));

    public string DataFolder => dataFolder;

    public TimeSpan SlowestStart { get; private set; }

    /// <summary>Starts it and does not wait.</summary>
    public ServerProcess Launch()
    {
        var port = ServerProcess.FreePort();
        List<string> command = [ServerProcess.DotnetHost, serverPath];
        if (handles is not null)
        {
            command.InsertRange(0, ["prlimit", $"--nofile={handles}:{handles}"]);
        }

        return ServerProcess.Start(command[0], command.Skip(1), port, new Dictionary<string, string>(settings)
        {
            ["MEMORY_DATA_DIRECTORY"] = dataFolder,
            ["MEMORY_HOST"] = "127.0.0.1",
            ["MEMORY_PORT"] = $"{port}",
            ["MEMORY_API_KEYS"] = Api.OperatorKey,
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
            ["MEMORY_LOG_LEVEL"] = "WARNING",
        });
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <exception cref="ServerDownException">It ended, or did not become ready in time.</exception>
    public async Task<ServerProcess> StartAsync(CancellationToken ct)
    {
        var server = Launch();
        using var api = new Api(server.Endpoint);
        while (!await IsReadyAsync(api, ct))
        {
            if (server.HasExited || Stopwatch.GetElapsedTime(server.StartedAt) > Patience)
            {
                var lines = server.LastLines;
                await server.DisposeAsync();
                throw new ServerDownException($"The server did not become ready. Its last lines:\n{lines}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), ct);
        }

        var took = Stopwatch.GetElapsedTime(server.StartedAt);
        SlowestStart = took > SlowestStart ? took : SlowestStart;
        return server;
    }

    /// <summary>SIGTERM; anything but a clean exit is reported.</summary>
    public static async Task StopAsync(ServerProcess server, Ledger ledger, CancellationToken ct)
    {
        if (await server.StopAsync(Patience, ct) is var code and not 0)
        {
            ledger.Report("unexpected", "SIGTERM", code is null ? "no exit within 30 s" : $"exit code {code}");
        }
    }

    /// <summary>Sends a signal by its name, for example STOP or CONT.</summary>
    public static async Task SignalAsync(ServerProcess server, string signal, CancellationToken ct)
    {
        using var kill = Process.Start("kill", [$"-{signal}", server.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(ct);
    }

    private static async Task<bool> IsReadyAsync(Api api, CancellationToken ct)
    {
        try
        {
            return (await api.GetAsync("/v1/admin/readiness", ct)).Status == 200;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}

/// <summary>The server did not come back; the message says what it wrote last.</summary>
internal sealed class ServerDownException(string message) : Exception(message);
