using System.Globalization;
using System.Net;
using Memoir.Kit.Limits;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Limits;

public sealed class RequestLimitTests
{
    private const string List = "/v1/conversations";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Fact]
    public void Without_settings_the_limits_are_on()
    {
        var options = new LimitOptions();

        Assert.Equal((new RateLimit(200, 60), new RateLimit(120, 60), 50), (options.OfAddress, options.OfTenant, options.BlockAfterRefusals));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenant_gets_its_limit_then_429_and_is_let_in_after_the_time_that_it_was_told(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("TenantRateLimit", "5/minute"));
        var acme = await server.MemberAsync("acme");
        List<string> remaining = [];
        for (var i = 0; i < 5; i++)
        {
            var answer = await acme.GetAsync(List, Ct);
            Assert.Equal((HttpStatusCode.OK, "5"), (answer.StatusCode, Header(answer, "Limit")));
            remaining.Add(Header(answer, "Remaining"));
        }

        var refused = await acme.GetAsync(List, Ct);
        var now = server.Time.GetUtcNow().ToUnixTimeSeconds();
        var reset = long.Parse(Header(refused, "Reset"), CultureInfo.InvariantCulture);
        server.Time.Advance(refused.Headers.RetryAfter!.Delta!.Value);
        var then = await acme.GetAsync(List, Ct);

        Assert.Equal(["4", "3", "2", "1", "0"], remaining);
        await refused.RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        Assert.Equal(("5", "0"), (Header(refused, "Limit"), Header(refused, "Remaining")));
        Assert.Equal("nosniff", refused.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.InRange(refused.Headers.RetryAfter.Delta.Value.TotalSeconds, 50, 68);
        if (engine == TestEngine.Sqlite)
        {
            Assert.Equal(HttpStatusCode.OK, then.StatusCode); // PostgreSQL counts by its own clock: SharedLimitTests sets that one.
            Assert.InRange(reset - now, 60, 62);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task One_tenants_limit_is_no_other_tenants(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("TenantRateLimit", "2/minute"));
        var acme = await server.MemberAsync("acme");
        var globex = await server.MemberAsync("globex");
        await SendAsync(acme, List, 2);

        Assert.Equal(HttpStatusCode.TooManyRequests, (await acme.GetAsync(List, Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await globex.GetAsync(List, Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Neither_the_spelling_of_a_route_nor_its_method_nor_another_key_of_the_tenant_is_a_way_around(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("TenantRateLimit", "6/minute"));
        var (one, other) = (await server.MemberAsync("acme"), await server.MemberAsync("acme"));
        await SendAsync(one, List, 1);
        await SendAsync(one, "/V1/CONVERSATIONS/", 1);
        await SendAsync(one, "/v1/./conversations", 1);
        await SendAsync(one, "/v1/conversations?tenant_id=acme", 1);
        await one.SendAsync(new HttpRequestMessage(HttpMethod.Head, List), Ct);
        await SendAsync(other, List, 1);

        foreach (var url in (string[])[List, "/V1/CONVERSATIONS/", "/v1/./conversations", "/v1/memory/search?query=tea", "/v1/messages/019b8f6e-5c00-7a61-9f0e-3d5b7c1a2e44"])
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, (await one.GetAsync(url, Ct)).StatusCode);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await other.GetAsync(url, Ct)).StatusCode);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_operators_requests_count_for_the_tenant_that_they_name(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("TenantRateLimit", "3/minute"));
        var acme = await server.MemberAsync("acme");
        await SendAsync(server.As("acme"), List, 2);
        await SendAsync(server.WithKey(TestApp.OperatorKey), List + "?tenant_id=acme", 1);

        Assert.Equal(HttpStatusCode.TooManyRequests, (await acme.GetAsync(List, Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.WithKey(TestApp.OperatorKey).GetAsync(List, Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_may_have_a_limit_of_its_own(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("TenantRateLimit", "20/minute"));
        var made = await (await server.WithKey(TestApp.OperatorKey).SendAsync(
            "POST", "/v1/admin/keys", """{"tenant_id":"acme","name":"x","rate_limit":"2/hour"}""")).JsonAsync(HttpStatusCode.Created);
        var narrow = server.WithKey(made.Text("key")!);
        var wide = await server.MemberAsync("acme");
        await SendAsync(narrow, List, 2);

        var refused = await narrow.GetAsync(List, Ct);

        Assert.Equal("2/hour", made.Text("rate_limit"));
        Assert.Equal(["2/hour", null], (await server.As("acme").ReadAsync("/v1/admin/keys")).Items().Select(key => key.Text("rate_limit")).OrderDescending());
        await refused.RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        Assert.Equal("2", Header(refused, "Limit"));
        Assert.Equal(HttpStatusCode.OK, (await wide.GetAsync(List, Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_with_a_limit_that_is_none_is_not_made(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var refused = await server.WithKey(TestApp.OperatorKey).SendAsync("POST", "/v1/admin/keys", """{"name":"x","rate_limit":"many"}""");

        Assert.Equal(["rate_limit"], (await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed")).GetProperty("errors").Members());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_address_is_refused_before_its_credential_is_looked_at(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "4/minute"));
        var stranger = server.WithKey("mk_aaaaaaaa_0123456789012345678901234567890123456789012");
        for (var i = 0; i < 4; i++)
        {
            await (await stranger.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        }

        await (await stranger.GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        await (await server.As("acme").GetAsync(List, Ct)).RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
        await (await server.CreateClient().GetAsync("/no/such/route", Ct)).RefusedAsync(HttpStatusCode.TooManyRequests, "rate-limited");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Addresses_of_one_ipv6_network_are_one_and_others_are_others(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "3/minute"));
        var client = server.CreateClient();
        for (var i = 1; i <= 3; i++)
        {
            server.CallerAddress = IPAddress.Parse($"2001:db8:1:2:{i:x}::{i:x}");
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/version", Ct)).StatusCode);
        }

        server.CallerAddress = IPAddress.Parse("2001:db8:1:2:ffff:ffff:ffff:ffff");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await client.GetAsync("/version", Ct)).StatusCode);
        foreach (var other in (string[])["2001:db8:1:3::1", "203.0.113.7", "203.0.113.8"])
        {
            server.CallerAddress = IPAddress.Parse(other);
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/version", Ct)).StatusCode);
        }

        server.CallerAddress = IPAddress.Parse("::ffff:203.0.113.7");
        Assert.Equal("1", Header(await client.GetAsync("/version", Ct), "Remaining"));
        server.CallerAddress = null;
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/version", Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Liveness_is_never_limited_and_probes_count_by_themselves(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "3/minute"), ("TenantRateLimit", "1/minute"));
        var client = server.WithKey(TestApp.OperatorKey);
        await SendAsync(client, "/version", 3);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await client.GetAsync("/version", Ct)).StatusCode);

        for (var i = 0; i < 20; i++)
        {
            var alive = await client.GetAsync("/health", Ct);
            Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
            Assert.False(alive.Headers.Contains("X-RateLimit-Limit"));
        }

        await SendAsync(client, "/v1/admin/readiness", 1);
        await SendAsync(client, "/v1/admin/health", 1);
        await SendAsync(client, "/metrics", 1);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await client.GetAsync("/v1/admin/readiness", Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_nearest_limit_is_the_one_that_is_told(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "10/minute"), ("TenantRateLimit", "7/minute"));

        var answer = await server.As("acme").GetAsync(List, Ct);
        var open = await server.CreateClient().GetAsync("/version", Ct);
        var missing = await server.As("acme").GetAsync("/v1/messages/019b8f6e-5c00-7a61-9f0e-3d5b7c1a2e44", Ct);

        Assert.Equal(("7", "6"), (Header(answer, "Limit"), Header(answer, "Remaining")));
        Assert.Equal(("10", "8"), (Header(open, "Limit"), Header(open, "Remaining")));
        Assert.Equal((HttpStatusCode.NotFound, "7", "5"), (missing.StatusCode, Header(missing, "Limit"), Header(missing, "Remaining")));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Refusals_are_measured_by_whose_limit_it_was(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "4/minute"), ("TenantRateLimit", "1/minute"));
        var acme = server.As("acme");
        for (var i = 0; i < 7; i++)
        {
            await acme.GetAsync(List, Ct);
        }

        var metrics = await server.WithKey(TestApp.OperatorKey).GetStringAsync("/metrics", Ct);

        Assert.Contains("\nrate_limit_rejections_total{limit=\"tenant\"} 3\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nrate_limit_rejections_total{limit=\"address\"} 3\n", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("acme", metrics, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_self_test_is_not_limited(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("GlobalRateLimit", "3/minute"), ("TenantRateLimit", "3/minute"));

        var report = await server.WithKey(TestApp.OperatorKey).PostAsync("/v1/admin/isolation/selftest", content: null, Ct);

        Assert.True((await report.JsonAsync(HttpStatusCode.OK)).GetProperty("passed").GetBoolean());
    }

    private static async Task SendAsync(HttpClient client, string url, int times)
    {
        for (var i = 0; i < times; i++)
        {
            var answer = await client.GetAsync(url, Ct);
            Assert.True(answer.IsSuccessStatusCode, $"{url} answered {answer.StatusCode}");
        }
    }

    private static string Header(HttpResponseMessage answer, string name) => answer.Headers.GetValues("X-RateLimit-" + name).Single();
}
