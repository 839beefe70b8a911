using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>B05: which web pages may call from a browser.</summary>
public sealed class AllowedOriginsTests
{
    private const string Page = "https://app.example.com";
    private const string Allow = "Access-Control-Allow-Origin";

    [Theory]
    [InlineData("https://app.example.com.evil.com")]
    [InlineData("https://evilapp.example.com")]
    [InlineData("https://sub.app.example.com")]
    [InlineData("https://example.com")]
    [InlineData("http://app.example.com")]
    [InlineData("https://app.example.com:8443")]
    [InlineData("https://app.example.com:443")]
    [InlineData("https://APP.example.com")]
    [InlineData("https://app.example.com/")]
    [InlineData("null")]
    [InlineData("*")]
    [InlineData("https://app.example.com, https://evil.com")]
    public async Task No_other_origin_is_let_in(string origin)
    {
        await using var server = await StartAsync();

        var answer = await SendAsync(server, HttpMethod.Get, "/v1/conversations", origin);
        var preflight = await SendAsync(server, HttpMethod.Options, "/v1/messages", origin, preflight: true);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode); // The browser keeps it from the page.
        Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(preflight.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.False(preflight.IsSuccessStatusCode);
        Assert.Contains("Origin", answer.Headers.Vary);
    }

    [Fact]
    public async Task A_listed_page_reads_answers_refusals_and_the_headers_that_it_needs()
    {
        await using var server = await StartAsync(("TenantRateLimit", "1/minute"));

        var answer = await SendAsync(server, HttpMethod.Get, "/v1/conversations", Page);
        var refused = await SendAsync(server, HttpMethod.Get, "/v1/conversations", Page);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (answer.StatusCode, refused.StatusCode));
        foreach (var one in (HttpResponseMessage[])[answer, refused])
        {
            Assert.Equal(Page, one.Headers.GetValues(Allow).Single());
            Assert.False(one.Headers.Contains("Access-Control-Allow-Credentials"));
            Assert.Contains("Origin", one.Headers.Vary);
            var exposed = one.Headers.GetValues("Access-Control-Expose-Headers").Single().Split(", ");
            Assert.Superset(
                new HashSet<string>(["ETag", "Location", "X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After", "Idempotency-Replayed"]),
                exposed.ToHashSet());
        }
    }

    [Fact]
    public async Task A_preflight_of_a_listed_page_is_answered_without_a_credential_and_without_a_limit()
    {
        await using var server = await StartAsync(("GlobalRateLimit", "1/minute"));
        for (var i = 0; i < 3; i++)
        {
            var preflight = await SendAsync(server, HttpMethod.Options, "/v1/messages", Page, preflight: true, key: null);

            Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
            Assert.Equal(Page, preflight.Headers.GetValues(Allow).Single());
            Assert.Contains("PATCH", preflight.Headers.GetValues("Access-Control-Allow-Methods").Single(), StringComparison.Ordinal);
            Assert.Contains("x-api-key", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single(), StringComparison.Ordinal);
            Assert.False(preflight.Headers.Contains("Access-Control-Allow-Credentials"));
        }
    }

    [Fact]
    public async Task Without_the_setting_no_page_is_let_in()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        Assert.False((await SendAsync(server, HttpMethod.Get, "/v1/conversations", Page)).Headers.Contains(Allow));
        Assert.False((await SendAsync(server, HttpMethod.Options, "/v1/messages", Page, preflight: true)).Headers.Contains(Allow));
    }

    private static Task<TestApp> StartAsync(params (string, string?)[] settings) =>
        TestApp.StartAsync(TestEngines.Current, [("AllowedOrigins", $"{Page}, http://localhost:3000"), .. settings]);

    private static Task<HttpResponseMessage> SendAsync(
        TestApp server, HttpMethod method, string url, string origin, bool preflight = false, string? key = TestApp.OperatorKey)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        if (preflight)
        {
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "x-api-key, content-type");
        }

        return (key is null ? server.CreateClient() : server.WithKey(key)).SendAsync(request, Ct);
    }
}
