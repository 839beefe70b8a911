using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Memoir.Bench.Hosts;
using Memoir.Bench.Limits;
using Memoir.Bench.Load;

namespace Memoir.Bench.Service;

/// <summary>A server that answers: the child process of this run, or one that was running before.</summary>
internal sealed class Target : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private Target(IPEndPoint endpoint, string? apiKey, ServerProcess? process, PostgresDatabase? database = null)
    {
        Database = database;
        Endpoint = endpoint;
        Process = process;
        Requests = new Requests(endpoint, apiKey);
    }

    public IPEndPoint Endpoint { get; }

    public ServerProcess? Process { get; }

    /// <summary>The database of its own that the server works in; null on SQLite.</summary>
    public PostgresDatabase? Database { get; }

    public Requests Requests { get; }

    public static Target Running(IPEndPoint endpoint, string? apiKey) => new(endpoint, apiKey, null);

    /// <summary>The product's server on a data folder, without limits and without a key, ready to answer.</summary>
    public static async Task<Target> StartServerAsync(string serverPath, string folder, PostgresDatabase? database, CancellationToken ct)
    {
        if (!File.Exists(serverPath))
        {
            throw new FileNotFoundException($"The server is not built: {serverPath}. Run dotnet build -c Release first.");
        }

        var port = ServerProcess.FreePort();
        var settings = new Dictionary<string, string>
        {
            ["MEMORY_DATA_DIRECTORY"] = folder,
            ["MEMORY_HOST"] = "127.0.0.1",
            ["MEMORY_PORT"] = $"{port}",
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
            ["MEMORY_LOG_LEVEL"] = "WARNING",
        };
        if (database is not null)
        {
            settings["MEMORY_DATABASE_URL"] = database.Url;
            settings["MEMORY_DATABASE_ADMIN_URL"] = database.AdminUrl;
        }

        var process = ServerProcess.Start(ServerProcess.DotnetHost, [serverPath], port, settings);
        return await ReadyAsync(process, "/v1/admin/readiness", database, ct);
    }

    public static async Task<Target> StartBaselineAsync(CancellationToken ct)
    {
        var port = ServerProcess.FreePort();
        var self = Environment.ProcessPath!;
        var isHost = Path.GetFileNameWithoutExtension(self) == "dotnet";
        string[] arguments = isHost
            ? [typeof(Target).Assembly.Location, BaselineHost.Command, $"{port}"]
            : [BaselineHost.Command, $"{port}"];
        var process = ServerProcess.Start(self, arguments, port, new Dictionary<string, string>());
        return await ReadyAsync(process, "/", null, ct);
    }

    /// <summary>Sends every request once.</summary>
    public Task<LoadResult> RunAsync(int clients, ReadOnlyMemory<byte>[] requests, CancellationToken ct) =>
        RunAsync(new LoadPlan(Endpoint, clients, requests), ct);

    /// <summary>Sends the requests in turn for the time of a measurement.</summary>
    public Task<LoadResult> RunAsync(int clients, ReadOnlyMemory<byte>[] requests, ServiceOptions options, CancellationToken ct) =>
        RunAsync(new LoadPlan(Endpoint, clients, requests) { Warmup = options.Warmup, Duration = options.Duration }, ct);

    /// <summary>Sends the requests in turn until other work ends.</summary>
    public Task<LoadResult> RunAsync(int clients, ReadOnlyMemory<byte>[] requests, Task until, CancellationToken ct) =>
        RunAsync(new LoadPlan(Endpoint, clients, requests) { Until = until }, ct);

    public async ValueTask DisposeAsync()
    {
        if (Process is not null)
        {
            await Process.DisposeAsync();
        }
    }

    private async Task<LoadResult> RunAsync(LoadPlan plan, CancellationToken ct)
    {
        await Task.Yield(); // Off the thread that polls the sockets: who asks the database there waits for himself.
        var neighbours = new Neighbours(Process?.Id, Database is null ? null : () => Database.Processes.Ticks);
        var (cpu, written, database) = (Process?.CpuSeconds, Written(), Database?.Processes.CpuSeconds);
        var result = await LoadRun.RunAsync(plan, ct);
        await Task.Yield();
        return result with
        {
            Others = neighbours.Share(),
            CpuSeconds = Process?.CpuSeconds - cpu,
            DatabaseCpuSeconds = Database?.Processes.CpuSeconds - database,
            WrittenBytes = Written() - written,
        };
    }

    private long? Written() => Database?.LogBytes ?? Process?.WrittenBytes;

    private static async Task<Target> ReadyAsync(ServerProcess process, string path, PostgresDatabase? database, CancellationToken ct)
    {
        var target = new Target(process.Endpoint, null, process, database);
        var probe = target.Requests.Get(path);
        while (!await AnswersAsync(process.Endpoint, probe, ct))
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(process.StartedAt) > Patience)
            {
                var lines = process.LastLines;
                await target.DisposeAsync();
                throw new InvalidOperationException($"The server did not become ready. Its last lines:\n{lines}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(2), ct);
        }

        return target;
    }

    private static async Task<bool> AnswersAsync(IPEndPoint endpoint, ReadOnlyMemory<byte> probe, CancellationToken ct)
    {
        using var connection = new HttpConnection(endpoint);
        try
        {
            await connection.ConnectAsync(ct);
            return await connection.ExchangeAsync(probe, ct) == 200;
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            return false;
        }
    }
}
