using System.Text;
using System.Text.Json;
using Memoir.Bench.Hosts;
using Memoir.Bench.Load;

namespace Memoir.Faults.Overload;

/// <summary>A server of its own with two tenants, one that floods and one that does not, and what may be sent to it.</summary>
internal sealed class FloodedServer : IAsyncDisposable
{
    private const string Key = "operator-key-of-the-overload-run";

    private readonly DirectoryInfo _data;
    private readonly Requests _requests;

    private FloodedServer(DirectoryInfo data, ServerProcess process)
    {
        _data = data;
        Process = process;
        _requests = new Requests(process.Endpoint, Key);
    }

    public ServerProcess Process { get; }

    /// <summary>What answers least, so that what is measured is the way to it.</summary>
    public ReadOnlyMemory<byte> Version => _requests.Get("/version");

    public static async Task<FloodedServer> StartAsync(OverloadOptions options, CancellationToken ct, params (string Name, string Value)[] settings)
    {
        var data = Directory.CreateTempSubdirectory("memoir-overload-");
        var port = ServerProcess.FreePort();
        var all = new Dictionary<string, string>
        {
            ["MEMORY_DATA_DIRECTORY"] = data.FullName,
            ["MEMORY_PORT"] = $"{port}",
            ["MEMORY_API_KEYS"] = Key,
            ["MEMORY_LOG_LEVEL"] = "ERROR",
            ["MEMORY_GLOBAL_RATE_LIMIT"] = "off",
            ["MEMORY_TENANT_RATE_LIMIT"] = "off",
        };
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        var server = new FloodedServer(data, ServerProcess.Start(ServerProcess.DotnetHost, [options.ServerPath], port, all));
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        client.DefaultRequestHeaders.Add("x-api-key", Key);
        while (!await AnswersAsync(client, server.Process, ct))
        {
            await Task.Delay(50, ct);
        }

        await FillAsync(client, "flood", options.Messages, ct);
        await FillAsync(client, "honest", options.Messages, ct);
        return server;
    }

    /// <summary>Other words each time: what is asked twice may be quicker.</summary>
    public ReadOnlyMemory<byte>[] Searches(string tenant) =>
        [.. Enumerable.Range(0, 500).Select(i => _requests.Get($"/v1/memory/search?tenant_id={tenant}&query=kettle%20{Word(i)}%20{Word(i * 7)}"))];

    public ReadOnlyMemory<byte>[] Stores(string tenant) =>
        [.. Enumerable.Range(0, 500).Select(i => _requests.Post("/v1/messages?tenant_id=" + tenant, JsonSerializer.SerializeToUtf8Bytes(Message(tenant, i))))];

    public async ValueTask DisposeAsync()
    {
        await Process.StopAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
        await Process.DisposeAsync();
        _data.Delete(recursive: true);
    }

    private static async Task<bool> AnswersAsync(HttpClient client, ServerProcess process, CancellationToken ct)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative), ct);
            return true;
        }
        catch (HttpRequestException) when (!process.HasExited)
        {
            return false;
        }
    }

    private static async Task FillAsync(HttpClient client, string tenant, int messages, CancellationToken ct)
    {
        for (var at = 0; at < messages; at += 500)
        {
            var body = JsonSerializer.Serialize(new { items = Enumerable.Range(at, Math.Min(500, messages - at)).Select(i => Message(tenant, i)) });
            using var answer = await client.PostAsync(
                new Uri($"/v1/messages/batch?tenant_id={tenant}", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), ct);
            answer.EnsureSuccessStatusCode();
        }
    }

    private static object Message(string tenant, int i) => new
    {
        tenant_id = tenant,
        conversation_id = $"c{i % 50}",
        role = "user",
        content = $"The kettle {Word(i)} stands by the {Word(i * 3)} {Word(i * 11)}, number {i}.",
    };

    private static string Word(int i) => $"word{i % 997}";
}
