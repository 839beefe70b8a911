using Memoir.Bench.Hosts;

namespace Memoir.Faults.SlowClients;

/// <summary>Shows what clients that take their time cost: bytes, cuts and the patience of honest ones. Bytes and cuts decide.</summary>
internal static class SlowClientsCommand
{
    public const string Key = "operator-key-of-the-slow-clients";

    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        SlowClientsOptions options;
        try
        {
            options = SlowClientsOptions.Parse(args);
        }
        catch (ArgumentException error)
        {
            Console.Error.WriteLine(error.Message);
            return 64;
        }

        if (!File.Exists(options.ServerPath))
        {
            Console.Error.WriteLine($"The server is not built: {options.ServerPath}");
            return 66;
        }

        var data = Directory.CreateTempSubdirectory("memoir-slow-");
        var port = ServerProcess.FreePort();
        var settings = new Dictionary<string, string>
        {
            ["MEMORY_DATA_DIRECTORY"] = data.FullName,
            ["MEMORY_PORT"] = $"{port}",
            ["MEMORY_API_KEYS"] = Key,
            ["MEMORY_LOG_LEVEL"] = "ERROR",
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
            ["DOTNET_GCHeapHardLimit"] = "18000000", // 384 MiB, what the runtime takes in a container of 512.
        };

        await using var server = ServerProcess.Start(ServerProcess.DotnetHost, [options.ServerPath], port, settings);
        var run = new SlowClientsRun(options, server);
        await run.RunAsync(ct);
        await server.StopAsync(TimeSpan.FromSeconds(40), ct);
        data.Delete(recursive: true);
        Console.WriteLine(run.Broken == 0 ? "slow: all within bounds" : $"slow: {run.Broken} OUT OF BOUNDS");
        return run.Broken == 0 ? 0 : 1;
    }
}
