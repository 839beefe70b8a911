using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>The attacks of docs/hostile-input.md on limits, addresses and origins, against the real program with limits on.</summary>
public sealed class LimitAttackTests : IDisposable
{
    private const string Key = "operator-key-of-the-limit-attacks";
    private const string Page = "https://good.com";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-hostile-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task No_spelling_key_or_claim_is_another_bucket()
    {
        await using var server = await StartAsync(("MEMORY_TENANT_RATE_LIMIT", "3/minute"));
        var (one, other) = (await MakeKeyAsync(server, "acme"), await MakeKeyAsync(server, "acme"));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, await SendAsync(server, $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\n\r\n"));
        }

        string[] ways =
        [
            $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {other}\r\n\r\n",
            $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer {one}\r\n\r\n",
            $"GET /V1/Conversations/ HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\n\r\n",
            $"GET /v1/./conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\n\r\n",
            $"GET /v1/x/../conversations?tenant_id=acme HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\n\r\n",
            $"GET /v1/conversations HTTP/1.1\r\nHost: another.name\r\nx-api-key: {one}\r\nX-Forwarded-For: 203.0.113.1\r\nX-Real-IP: 203.0.113.2\r\nForwarded: for=203.0.113.3\r\nX-User-ID: 7\r\n\r\n",
            $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\nX-Tenant-ID: acme\r\n\r\n",
            $"PATCH /v1/messages/01a1fe82-cb8f-755c-b4ac-3bd773960708 HTTP/1.1\r\nHost: localhost\r\nx-api-key: {one}\r\nContent-Length: 0\r\n\r\n",
        ];
        foreach (var way in ways)
        {
            Assert.True(await SendAsync(server, way) == 429, way);
        }
    }

    [Fact]
    public async Task A_flood_beyond_the_limit_is_told_to_wait_and_others_are_served()
    {
        await using var server = await StartAsync(("MEMORY_TENANT_RATE_LIMIT", "5/minute"));
        using var flood = Client(server, await MakeKeyAsync(server, "acme"));
        using var other = Client(server, await MakeKeyAsync(server, "globex"));
        for (var i = 0; i < 5; i++)
        {
            await flood.GetAsync("/v1/conversations", Ct);
        }

        await Parallel.ForAsync(0, 3000, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Ct }, async (_, ct) =>
        {
            using var answer = await flood.GetAsync("/v1/conversations", ct);
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 61);
        });

        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("/v1/conversations", Ct)).StatusCode);
        Assert.Equal("{\"status\":\"ok\"}", await flood.GetStringAsync("/health", Ct));
    }

    [Fact]
    public async Task Only_a_trusted_proxy_says_who_calls()
    {
        await using (var trusting = await StartAsync(("MEMORY_GLOBAL_RATE_LIMIT", "2/minute"), ("MEMORY_TRUSTED_PROXIES", "127.0.0.1")))
        {
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal(200, await SendAsync(trusting, From($"198.51.100.{i}")));
            }

            Assert.Equal("200 200 429", await StatusesAsync(trusting, "198.51.100.9", "1.1.1.1, 198.51.100.9", "2.2.2.2, 198.51.100.9"));
        }

        await using var other = await StartAsync(("MEMORY_GLOBAL_RATE_LIMIT", "2/minute"), ("MEMORY_TRUSTED_PROXIES", "10.0.0.0/8"));

        Assert.Equal("200 200 429", await StatusesAsync(other, "198.51.100.1", "198.51.100.2", "10.0.0.1"));
    }

    [Fact]
    public async Task Guessing_keys_blocks_the_guesser_and_nobody_else()
    {
        await using var server = await StartAsync(("MEMORY_TRUSTED_PROXIES", "127.0.0.1"), ("MEMORY_BLOCK_AFTER_REFUSALS", "10"));
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(401, await SendAsync(server, From("203.0.113.66", "/v1/conversations", $"mk_guess{i:D3}_0123456789012345678901234567890123456789012")));
        }

        Assert.Equal(429, await SendAsync(server, From("203.0.113.66", "/v1/conversations", Key)));
        Assert.Equal(200, await SendAsync(server, From("203.0.113.67", "/v1/conversations", Key)));
        Assert.Equal(200, await SendAsync(server, From("203.0.113.66", "/health")));
    }

    [Theory]
    [InlineData("https://good.com.evil.com")]
    [InlineData("http://good.com")]
    [InlineData("https://sub.good.com")]
    [InlineData("https://good.com:8443")]
    [InlineData("null")]
    public async Task Origins_that_only_look_alike_are_not_let_in(string origin)
    {
        await using var server = await StartAsync(("MEMORY_ALLOWED_ORIGINS", Page));
        var head = await HeadAsync(server, $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {Key}\r\nOrigin: {origin}\r\n\r\n");
        var right = await HeadAsync(server, $"GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {Key}\r\nOrigin: {Page}\r\n\r\n");

        Assert.DoesNotContain("Access-Control-", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"\r\nAccess-Control-Allow-Origin: {Page}\r\n", right, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control-Allow-Credentials", right, StringComparison.Ordinal);
    }

    private static string From(string forwarded, string path = "/version", string key = Key) =>
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\nX-Forwarded-For: {forwarded}\r\n\r\n";

    private Task<ServerProcess> StartAsync(params (string, string)[] settings) =>
        ServerProcess.StartAsync(_folder, [("MEMORY_API_KEYS", Key), .. settings]);

    private static HttpClient Client(ServerProcess server, string key)
    {
        var client = server.Client();
        client.DefaultRequestHeaders.Add("x-api-key", key);
        return client;
    }

    private static async Task<string> MakeKeyAsync(ServerProcess server, string tenant)
    {
        using var client = Client(server, Key);
        var made = await (await client.SendAsync("POST", "/v1/admin/keys", JsonSerializer.Serialize(new { tenant_id = tenant, name = "x" }))).JsonAsync(HttpStatusCode.Created);
        return made.Text("key")!;
    }

    private static async Task<string> StatusesAsync(ServerProcess server, params string[] forwarded)
    {
        List<int> statuses = [];
        foreach (var chain in forwarded)
        {
            statuses.Add(await SendAsync(server, From(chain)));
        }

        return string.Join(' ', statuses);
    }

    private static async Task<int> SendAsync(ServerProcess server, string request) => (await ExchangeAsync(server, request)).Answers[0].Status;

    private static async Task<string> HeadAsync(ServerProcess server, string request) => (await ExchangeAsync(server, request)).Answers[0].Head;

    private static async Task<RawAnswer> ExchangeAsync(ServerProcess server, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port, Ct);
        await client.GetStream().WriteAsync(Raw(request), Ct);
        return await RawAnswer.ReadAsync(client.GetStream(), 1, Ct);
    }
}
