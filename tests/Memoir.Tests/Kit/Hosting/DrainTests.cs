using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>SIGTERM: readiness turns first, what is under way finishes, and nothing acknowledged is lost.</summary>
public sealed class DrainTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-drain-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_request_under_way_finishes_after_readiness_has_turned()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_DRAIN_SECONDS", "2"));
        using var client = server.Client();
        using var half = await HalfSentAsync(server);

        server.Terminate();
        var draining = await UntilUnreadyAsync(client);
        var answer = await half.FinishAsync();
        var ending = await server.ExitAsync();

        Assert.Equal("draining", draining);
        Assert.StartsWith("HTTP/1.1 202", answer, StringComparison.Ordinal);
        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        Assert.Equal(1, await StoredAfterRestartAsync());
    }

    [Fact]
    public async Task Everything_acknowledged_until_the_end_is_there_after_a_restart()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_DRAIN_SECONDS", "1"));
        var acknowledged = 0;
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writers = Enumerable.Range(0, 8).Select(_ => WriteUntilRefusedAsync()).ToArray();
        await first.Task;

        server.Terminate();
        var ending = await server.ExitAsync();
        var statuses = await Task.WhenAll(writers);

        Assert.Equal(0, ending.Code);
        Assert.All(statuses.SelectMany(s => s), status => Assert.Contains(status, (int[])[202, 503]));
        Assert.Equal(acknowledged, await StoredAfterRestartAsync());

        async Task<List<int>> WriteUntilRefusedAsync()
        {
            using var client = server.Client();
            List<int> seen = [];
            try
            {
                while (true)
                {
                    using var answer = await client.PostAsJsonAsync("/v1/messages", Message(), Ct);
                    seen.Add((int)answer.StatusCode);
                    if (answer.IsSuccessStatusCode && Interlocked.Increment(ref acknowledged) == 50)
                    {
                        first.SetResult();
                    }
                }
            }
            catch (HttpRequestException)
            {
                return seen; // The listener is closed.
            }
        }
    }

    [Fact]
    public async Task A_server_at_rest_stops_with_code_0()
    {
        await using var server = await ServerProcess.StartAsync(_folder);

        server.Terminate();

        Assert.Equal(0, (await server.ExitAsync()).Code);
    }

    private static object Message() => new { tenant_id = "acme", conversation_id = "c", role = "user", content = "still here" };

    private static async Task<string?> UntilUnreadyAsync(HttpClient client)
    {
        while (true)
        {
            using var answer = await client.GetAsync(new Uri("/v1/admin/readiness", UriKind.Relative), Ct);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return (await answer.Content.ReadFromJsonAsync<JsonElement>(Ct)).GetProperty("status").GetString();
            }
        }
    }

    private static async Task<HalfSent> HalfSentAsync(ServerProcess server)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(Message());
        var socket = new TcpClient();
        await socket.ConnectAsync(server.Address.Host, server.Address.Port, Ct);
        var head = $"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nExpect: 100-continue\r\n\r\n";
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), Ct);
        var interim = new byte["HTTP/1.1 100 Continue\r\n\r\n".Length];
        await stream.ReadExactlyAsync(interim, Ct); // Now the route is reading the body.
        await stream.WriteAsync(body.AsMemory(0, 10), Ct);
        return new HalfSent(socket, body[10..]);
    }

    private async Task<int> StoredAfterRestartAsync()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();
        client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        client.DefaultRequestHeaders.Add("X-Tenant-ID", "acme");
        var list = await client.GetFromJsonAsync<JsonElement>("/v1/conversations", Ct);
        return list.GetProperty("items")[0].GetProperty("message_count").GetInt32();
    }

    private sealed class HalfSent(TcpClient socket, byte[] rest) : IDisposable
    {
        public async Task<string> FinishAsync()
        {
            var stream = socket.GetStream();
            await stream.WriteAsync(rest, Ct);
            using var reader = new StreamReader(stream);
            return await reader.ReadLineAsync(Ct) ?? "";
        }

        public void Dispose() => socket.Dispose();
    }
}
