using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Access;

public sealed class CredentialTests
{
    private const string MetricsToken = "scraper-token-0123456789abcdef";

    public static TheoryData<string, string> Spellings => new()
    {
        { "x-api-key", TestApp.OperatorKey },
        { "X-API-KEY", TestApp.OperatorKey },
        { "Authorization", "Bearer " + TestApp.OperatorKey },
        { "Authorization", "bearer " + TestApp.OperatorKey },
    };

    [Theory, MemberData(nameof(Spellings))]
    public async Task A_key_is_taken_from_either_header(string header, string value)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        var answer = await client.GetAsync("/v1/conversations", Ct);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("x-api-key", "")]
    [InlineData("x-api-key", "operator-key-for-tests-012345678")]
    [InlineData("x-api-key", "operator-key-for-tests-01234567890")]
    [InlineData("x-api-key", "OPERATOR-KEY-FOR-TESTS-0123456789")]
    [InlineData("x-api-key", "Bearer operator-key-for-tests-0123456789")]
    [InlineData("x-api-key", "mk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")]
    [InlineData("Authorization", "Basic b3BlcmF0b3I6b3BlcmF0b3I=")]
    [InlineData("Authorization", "operator-key-for-tests-0123456789")]
    [InlineData("Authorization", "Bearer")]
    [InlineData("Cookie", "x-api-key=operator-key-for-tests-0123456789")]
    public async Task A_wrong_credential_is_401(string header, string value)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        var refused = await client.GetAsync("/v1/conversations", Ct);

        await refused.RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("Bearer realm=\"memoir\"", refused.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task A_key_with_a_wrong_tail_is_401()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var key = (await server.MakeKeyAsync("acme")).Text("key")!;
        var wrong = key[..^1] + (key[^1] == 'A' ? 'B' : 'A');

        var refused = await server.WithKey(wrong).GetAsync("/v1/conversations", Ct);

        await refused.RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal(HttpStatusCode.OK, (await server.WithKey(key).GetAsync("/v1/conversations", Ct)).StatusCode);
    }

    [Fact]
    public async Task Two_different_credentials_are_400()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.WithKey(TestApp.OperatorKey);
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer something-else");

        var refused = await client.GetAsync("/v1/conversations", Ct);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Fact]
    public async Task The_same_header_twice_is_400()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation("x-api-key", [TestApp.OperatorKey, "other"]);

        var refused = await client.GetAsync("/v1/conversations", Ct);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Theory]
    [InlineData("api_key")]
    [InlineData("API_KEY")]
    [InlineData("access_token")]
    [InlineData("x-api-key")]
    [InlineData("apikey")]
    public async Task A_key_in_the_address_is_400(string name)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.WithKey(TestApp.OperatorKey);

        var refused = await client.GetAsync($"/v1/messages/01900000-0000-7000-8000-000000000000?{name}={TestApp.OperatorKey}", Ct);

        var problem = await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
        Assert.DoesNotContain(TestApp.OperatorKey, problem.GetRawText(), StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string?> Carriers => new()
    {
        { "GET", "/v1/conversations?tenant_id=umbrella", null },
        { "GET", "/v1/conversations/c1/messages?tenant_id=umbrella", null },
        { "GET", "/v1/memory/search?query=x&tenant_id=umbrella", null },
        { "GET", "/v1/messages/01900000-0000-7000-8000-000000000000?tenant_id=umbrella", null },
        { "GET", "/v1/messages/01900000-0000-7000-8000-000000000000/history?tenant_id=umbrella", null },
        { "PATCH", "/v1/messages/01900000-0000-7000-8000-000000000000?tenant_id=umbrella", "{}" },
        { "DELETE", "/v1/messages/01900000-0000-7000-8000-000000000000?tenant_id=umbrella", null },
        { "POST", "/v1/messages", """{"tenant_id":"umbrella","conversation_id":"c","role":"user","content":"x"}""" },
        { "POST", "/v1/messages/batch", """{"items":[{"tenant_id":"umbrella","conversation_id":"c","role":"user","content":"x"}]}""" },
        { "POST", "/v1/messages/batch?tenant_id=umbrella", """{"items":[7]}""" },
        { "POST", "/v1/memory/search", """{"query":"x","tenant_id":"umbrella"}""" },
        { "POST", "/v1/memory/search?tenant_id=umbrella", """{"query":"x"}""" },
        { "GET", "/v1/admin/keys?tenant_id=umbrella", null },
        { "POST", "/v1/admin/keys", """{"name":"x","tenant_id":"umbrella"}""" },
        { "DELETE", "/v1/admin/keys/01900000-0000-7000-8000-000000000000?tenant_id=umbrella", null },
    };

    [Theory, MemberData(nameof(Carriers))]
    public async Task A_tenants_key_cannot_name_another_tenant(string method, string url, string? body)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = await server.MemberAsync("acme", "memory:read", "memory:write", "admin");

        var refused = await client.SendAsync(method, url, body);

        await refused.RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }

    [Theory]
    [InlineData("umbrella")]
    [InlineData("Acme")]
    public async Task A_tenants_key_cannot_name_another_tenant_in_a_header(string named)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = await server.MemberAsync("acme");
        client.DefaultRequestHeaders.Add("X-Tenant-ID", named);

        var refused = await client.GetAsync("/v1/conversations", Ct);

        await refused.RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }

    [Theory]
    [InlineData("/v1/conversations?tenant_id=umbrella")]
    [InlineData("/v1/conversations?tenant_id=acme&tenant_id=acme")]
    [InlineData("/v1/tenants/umbrella/data")]
    public async Task A_request_that_names_two_tenants_is_400(string url)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var refused = await server.As("acme").SendAsync(url.EndsWith("data", StringComparison.Ordinal) ? "DELETE" : "GET", url);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
    }

    public static TheoryData<string?, string, string?, bool> Callers => new()
    {
        { "127.0.0.1", "localhost", null, true },
        { "127.0.0.1", "LOCALHOST:8000", null, true },
        { "127.8.9.10", "127.0.0.1:8000", null, true },
        { "::1", "[::1]:8000", null, true },
        { "::ffff:127.0.0.1", "localhost", null, true },
        { null, "localhost", null, false },
        { "10.0.0.5", "localhost", null, false },
        { "127.0.0.1", "memoir.example", null, false },
        { "127.0.0.1", "localhost.evil.example", null, false },
        { "127.0.0.1", "127.0.0.1.nip.io", null, false },
        { "127.0.0.1", "0.0.0.0", null, false },
        { "127.0.0.1", "localhost", "X-Forwarded-For", false },
        { "127.0.0.1", "localhost", "x-forwarded-host", false },
        { "127.0.0.1", "localhost", "X-Forwarded-Proto", false },
        { "127.0.0.1", "localhost", "Forwarded", false },
        { "127.0.0.1", "localhost", "X-Real-IP", false },
        { "127.0.0.1", "localhost", "x-api-key", false },
    };

    [Theory, MemberData(nameof(Callers))]
    public async Task Without_any_key_only_this_machine_is_served(string? address, string host, string? header, bool isServed)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("ApiKeys", ""));
        server.CallerAddress = address is null ? null : IPAddress.Parse(address);
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Host = host;
        if (header is not null)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation(header, "127.0.0.1");
        }

        var answer = await client.GetAsync("/v1/conversations", Ct);

        if (isServed)
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return;
        }

        var problem = await answer.RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        if (header != "x-api-key")
        {
            Assert.Contains("MEMORY_API_KEYS", problem.Text("detail"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("none", "203.0.113.9", HttpStatusCode.Unauthorized)]
    [InlineData("none", "127.0.0.1", HttpStatusCode.OK)]
    [InlineData("token", "203.0.113.9", HttpStatusCode.OK)]
    [InlineData("wrong", "203.0.113.9", HttpStatusCode.Unauthorized)]
    [InlineData("wrong", "127.0.0.1", HttpStatusCode.Unauthorized)]
    [InlineData("operator", "203.0.113.9", HttpStatusCode.OK)]
    [InlineData("reader", "203.0.113.9", HttpStatusCode.Forbidden)]
    public async Task Metrics_are_for_administrators_the_scraper_and_this_machine(string credential, string address, HttpStatusCode status)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("MetricsToken", MetricsToken));
        var client = credential switch
        {
            "token" => server.WithKey(MetricsToken),
            "wrong" => server.WithKey(MetricsToken + "x"),
            "operator" => server.WithKey(TestApp.OperatorKey),
            "reader" => await server.MemberAsync("acme"),
            _ => server.CreateClient(),
        };
        server.CallerAddress = IPAddress.Parse(address);

        var answer = await client.GetAsync("/metrics", Ct);

        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task The_scrapers_token_opens_nothing_else()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("MetricsToken", MetricsToken));

        var refused = await server.WithKey(MetricsToken).GetAsync("/v1/conversations", Ct);

        await refused.RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }
}
