using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>H22, L01: for whom a proxy asks. Addresses are told apart by their limit.</summary>
public sealed class ForwardedCallerTests
{
    private const string Proxy = "10.0.0.7";

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("198.51.100.1, 203.0.113.9", "203.0.113.9")] // What the caller claims of itself stands on the left.
    [InlineData("127.0.0.1, 203.0.113.9", "203.0.113.9")]
    [InlineData("203.0.113.9, 10.0.0.8", "203.0.113.9")]
    [InlineData("198.51.100.1, 203.0.113.9, 10.0.0.8, 192.168.1.1", "203.0.113.9")]
    [InlineData("203.0.113.9:4711", "203.0.113.9")]
    [InlineData("[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::ffff:203.0.113.9", "203.0.113.9")]
    [InlineData("203.0.113.9, nonsense", Proxy)]
    [InlineData("203.0.113.9,", Proxy)]
    [InlineData("unknown", Proxy)]
    [InlineData("", Proxy)]
    [InlineData("10.1.2.3", "10.1.2.3")]
    public async Task A_trusted_proxy_asks_for_the_rightmost_address_that_is_none_of_ours(string forwarded, string counted)
    {
        await using var server = await StartAsync();

        await FromAsync(server, Proxy, forwarded);

        Assert.Equal("8", await RemainingAsync(server, counted));
        Assert.Equal(counted == Proxy ? "7" : "9", await RemainingAsync(server, Proxy));
    }

    [Fact]
    public async Task Who_is_no_proxy_of_ours_only_speaks_for_itself()
    {
        await using var server = await StartAsync();
        for (var i = 0; i < 3; i++)
        {
            await FromAsync(server, "203.0.113.9", $"198.51.100.{i}");
        }

        Assert.Equal("6", await RemainingAsync(server, "203.0.113.9"));
        Assert.Equal("9", await RemainingAsync(server, "198.51.100.1"));
    }

    [Fact]
    public async Task Without_the_setting_nobody_is_trusted_and_the_log_says_so_once()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("GlobalRateLimit", "10/minute"));
        await FromAsync(server, "127.0.0.1", "203.0.113.9");
        await FromAsync(server, "127.0.0.1", "203.0.113.10");

        Assert.Equal("7", await RemainingAsync(server, "127.0.0.1"));
        Assert.Single(server.Log.Text.Split('\n'), line => line.Contains("MEMORY_TRUSTED_PROXIES", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Proxy, "https", true)]
    [InlineData(Proxy, "http, https", true)]
    [InlineData(Proxy, "https, http", false)]
    [InlineData(Proxy, "http", false)]
    [InlineData("203.0.113.9", "https", false)]
    public async Task Browsers_are_told_to_stay_with_tls_where_a_proxy_says_that_they_came_by_it(string peer, string proto, bool isTold)
    {
        await using var server = await StartAsync();
        server.CallerAddress = IPAddress.Parse(peer);
        var request = new HttpRequestMessage(HttpMethod.Get, "/version");
        request.Headers.Add("X-Forwarded-Proto", proto);

        var answer = await server.CreateClient().SendAsync(request, Ct);

        Assert.Equal(isTold, answer.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task A_request_that_was_handed_on_is_never_one_of_this_machine()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("ApiKeys", ""), ("TrustedProxies", "127.0.0.1,10.0.0.7"));

        foreach (var (peer, forwarded) in ((string, string)[])[("127.0.0.1", "203.0.113.9"), ("127.0.0.1", "127.0.0.1"), (Proxy, "127.0.0.1"), (Proxy, "::1")])
        {
            server.CallerAddress = IPAddress.Parse(peer);
            var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
            request.Headers.Add("X-Forwarded-For", forwarded);

            await (await server.CreateClient().SendAsync(request, Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        }
    }

    private static Task<TestApp> StartAsync() =>
        TestApp.StartAsync(TestEngines.Current, ("TrustedProxies", "10.0.0.0/8, 192.168.1.1"), ("GlobalRateLimit", "10/minute"));

    private static async Task FromAsync(TestApp server, string peer, string forwarded)
    {
        server.CallerAddress = IPAddress.Parse(peer);
        var request = new HttpRequestMessage(HttpMethod.Get, "/version");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", forwarded);
        Assert.Equal(HttpStatusCode.OK, (await server.CreateClient().SendAsync(request, Ct)).StatusCode);
    }

    private static async Task<string> RemainingAsync(TestApp server, string address)
    {
        server.CallerAddress = IPAddress.Parse(address);
        return (await server.CreateClient().GetAsync("/version", Ct)).Headers.GetValues("X-RateLimit-Remaining").Single();
    }
}
