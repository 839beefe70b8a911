using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>Requests for a name that is not this server's.</summary>
public sealed class AllowedHostsTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("memory.example.com", HttpStatusCode.OK)]
    [InlineData("MEMORY.Example.com:8443", HttpStatusCode.OK)]
    [InlineData("memory.example.com.", HttpStatusCode.OK)]
    [InlineData("a.b.example.org", HttpStatusCode.OK)]
    [InlineData("example.org", HttpStatusCode.BadRequest)]
    [InlineData("evilexample.org", HttpStatusCode.BadRequest)]
    [InlineData("memory.example.com.evil.net", HttpStatusCode.BadRequest)]
    [InlineData("10.0.0.7", HttpStatusCode.BadRequest)]
    [InlineData("127.0.0.1:8000", HttpStatusCode.BadRequest)] // Its caller comes from elsewhere.
    public async Task Only_the_listed_names_are_answered(string host, HttpStatusCode status)
    {
        using var app = await TestApp.StartAsync(TestEngines.Current, ("AllowedHosts", "memory.example.com, *.example.org"));
        app.CallerAddress = IPAddress.Parse("203.0.113.9");

        using var answer = await GetAsync(app, host);

        Assert.Equal(status, answer.StatusCode);
        if (status == HttpStatusCode.BadRequest)
        {
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Ct);
            Assert.Equal("urn:memoir:problem:invalid-request", problem.GetProperty("type").GetString());
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        }
    }

    [Theory]
    [InlineData("localhost:8000")]
    [InlineData("127.0.0.1:8000")]
    [InlineData("[::1]:8000")]
    public async Task Probes_of_this_machine_are_answered_whatever_is_listed(string host)
    {
        using var app = await TestApp.StartAsync(TestEngines.Current, ("AllowedHosts", "memory.example.com"));

        using var answer = await GetAsync(app, host);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Without_a_list_every_name_is_answered()
    {
        using var app = await TestApp.StartAsync(TestEngines.Current);
        app.CallerAddress = IPAddress.Parse("203.0.113.9");

        using var answer = await GetAsync(app, "anything.example");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<HttpResponseMessage> GetAsync(TestApp app, string host)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health");
        request.Headers.Host = host;
        return await client.SendAsync(request, Ct);
    }
}
