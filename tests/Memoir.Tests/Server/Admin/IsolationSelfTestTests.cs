using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Admin.Isolation;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Admin;

/// <summary>The self-test passes on the program as it is, and finds each way in which it could be wrong.</summary>
public sealed class IsolationSelfTestTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Engines))]
    public async Task It_passes_and_leaves_nothing_behind(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var report = await RunAsync(server);

        Assert.Equal("[]", report.GetProperty("findings").GetRawText());
        Assert.True(report.GetProperty("passed").GetBoolean());
        Assert.InRange(report.GetProperty("routes").GetInt32(), 20, 1000);
        Assert.InRange(report.GetProperty("requests").GetInt32(), 400, 100_000);
        var left = await server.Services.GetRequiredService<Database>().SystemReadAsync(
            session => session.ScalarAsync("SELECT COUNT(*) FROM api_keys", new { }), Ct);
        Assert.Equal(0, left);
    }

    [Theory]
    [InlineData("/v1/messages/", "GET", "the answer holds the other tenant's data")]
    [InlineData("/v1/admin/analytics", "GET", "the answer holds the other tenant's data")]
    [InlineData("/v1/jobs/", "GET", "answers 200 about the other tenant and 404 about one that does not exist")]
    [InlineData("/v1/messages/", "PATCH", "")]
    [InlineData("/v1/messages/", "DELETE", "")]
    public async Task A_route_that_serves_strangers_is_found(string path, string method, string what)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var requests = server.Services.GetRequiredService<InnerRequests>();
        var sound = requests.Pipeline;
        var other = "";
        var planted = new List<string>();
        requests.Pipeline = http =>
        {
            // The route's own fault, played by a credential that may do everything: whoever asks, it acts in the other tenant.
            if (http.Request.Path.StartsWithSegments(path.TrimEnd('/')) && http.Request.Method == method && other.Length > 0 && IsForeign(http))
            {
                http.Request.Headers["x-api-key"] = TestApp.OperatorKey;
                http.Request.Headers["X-Tenant-ID"] = other;
                http.Request.QueryString = QueryString.Empty;
            }

            return sound(http);
        };
        requests.Pipeline = Watching(requests.Pipeline, planted, tenant => other = tenant);

        var report = await RunAsync(server);

        Assert.False(report.GetProperty("passed").GetBoolean());
        var findings = report.GetProperty("findings").GetRawText();
        Assert.Contains(method, findings);
        Assert.Contains(what, findings.Replace("\\u0027", "'"));

        bool IsForeign(HttpContext http) => http.Request.Headers["x-api-key"] == planted[0];

        // Whose requests they are: the first key that is used asks, the second looks at the other tenant's own.
        RequestDelegate Watching(RequestDelegate next, List<string> keys, Action<string> learn) => http => WatchAsync(http, next, keys, learn);

        async Task WatchAsync(HttpContext http, RequestDelegate next, List<string> keys, Action<string> learn)
        {
            var key = http.Request.Headers["x-api-key"].ToString();
            if (!keys.Contains(key))
            {
                keys.Add(key);
                if (keys.Count == 2)
                {
                    var tenants = await server.Services.GetRequiredService<Database>().SystemReadAsync(
                        session => session.QueryAsync<string>("SELECT tenant_id FROM api_keys WHERE prefix = @prefix", new { prefix = key[..11] }), Ct);
                    learn(tenants[0]);
                }
            }

            await next(http);
        }
    }

    [Fact]
    public async Task It_is_for_operators()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var member = await server.MemberAsync("acme", "admin");

        var answer = await member.PostAsync(IsolationSelfTest.Route, null, Ct);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    private static async Task<JsonElement> RunAsync(TestApp server)
    {
        var answer = await server.WithKey(TestApp.OperatorKey).PostAsync(IsolationSelfTest.Route, null, Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Ct)).RootElement.Clone();
    }
}
