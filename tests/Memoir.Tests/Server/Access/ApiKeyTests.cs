using System.Net;
using System.Text.Json;
using Memoir.Server.Access;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Access;

public sealed class ApiKeyTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_has_the_form_of_the_contract_and_is_shown_this_once(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var made = await server.MakeKeyAsync("acme");

        Assert.Equal(["id", "key", "prefix", "name", "tenant_id", "scopes", "created_at", "expires_at", "last_used_at", "rate_limit"], made.Members());
        Assert.Matches("^mk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$", made.Text("key"));
        Assert.StartsWith(made.Text("prefix")!, made.Text("key"), StringComparison.Ordinal);
        Assert.Equal(["memory:read", "memory:write"], made.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()));
        var listed = await server.As("acme").ReadAsync("/v1/admin/keys");
        Assert.DoesNotContain("key", listed.Items()[0].Members());
        Assert.DoesNotContain(made.Text("key")!, listed.GetRawText(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_database_holds_no_key(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var made = await server.MakeKeyAsync("acme");

        var secret = made.Text("key")![12..];
        var stored = await RawDatabase.StoredAsync(server);
        Assert.True(stored.Holds(made.Text("prefix")!), "The search itself must be able to find something.");
        Assert.False(stored.Holds(secret));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_creation_makes_one_key_and_does_not_show_it_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k");
        var first = await (await client.SendAsync("POST", "/v1/admin/keys", """{"name":"n"}""")).JsonAsync(HttpStatusCode.Created);

        var second = await (await client.SendAsync("POST", "/v1/admin/keys", """{"name":"n"}""")).JsonAsync(HttpStatusCode.Created);

        Assert.Equal(first.Text("id"), second.Text("id"));
        Assert.DoesNotContain("key", second.Members());
        Assert.Single((await client.ReadAsync("/v1/admin/keys")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_revoked_key_is_refused_from_the_next_request_on(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var made = await server.MakeKeyAsync("acme");
        var client = server.WithKey(made.Text("key")!);
        await client.StoreAsync("Still in.");

        var revoked = await server.As("acme").DeleteAsync($"/v1/admin/keys/{made.Text("id")}", Ct);

        Assert.Equal(HttpStatusCode.NoContent, revoked.StatusCode);
        await (await client.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
        await (await server.As("acme").DeleteAsync($"/v1/admin/keys/{made.Text("id")}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_revoked_while_it_is_looked_up_is_refused_all_the_same(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var keys = server.Services.GetRequiredService<ApiKeyService>();

        for (var round = 0; round < 60; round++)
        {
            var made = await server.MakeKeyAsync("acme");
            var secret = made.Text("key")!;
            var uses = Enumerable.Range(0, 8).Select(_ => Task.Run(async () => await keys.RecogniseAsync(secret, Ct), Ct)).ToList();
            await keys.RevokeAsync(new Memoir.Kit.Data.Tenant("acme"), Guid.Parse(made.Text("id")!), "test", "r", Ct);
            await Task.WhenAll(uses);

            Assert.Null(await keys.RecogniseAsync(secret, Ct));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_expired_key_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var body = """{"tenant_id":"acme","name":"short","expires_at":"2026-01-15T13:00:00Z"}""";
        var made = await (await server.As("acme").SendAsync("POST", "/v1/admin/keys", body)).JsonAsync(HttpStatusCode.Created);
        var client = server.WithKey(made.Text("key")!);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/conversations", Ct)).StatusCode);

        server.Time.Advance(TimeSpan.FromHours(1));

        await (await client.GetAsync("/v1/conversations", Ct)).RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_last_use_is_written_down(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var made = await server.MakeKeyAsync("acme");
        Assert.Equal(JsonValueKind.Null, made.GetProperty("last_used_at").ValueKind);
        server.Time.Advance(TimeSpan.FromMinutes(7));
        await server.WithKey(made.Text("key")!).GetAsync("/v1/conversations", Ct);

        await server.Services.GetRequiredService<ApiKeyService>().SaveUsesAsync(Ct);

        Assert.Equal("2026-01-15T12:07:00Z", (await server.As("acme").ReadAsync("/v1/admin/keys")).Each("last_used_at")[0]);
    }

    [Theory]
    [InlineData("{}", HttpStatusCode.BadRequest)]
    [InlineData("""{"name":""}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","scopes":[]}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","scopes":["root"]}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","scopes":[null]}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"name":"n","scopes":"admin"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"name":"n","expires_at":"2020-01-01T00:00:00Z"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","expires_at":"tomorrow"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"name":"n","tenant_id":"a b"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","tenant_id":"*"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"n","tenant_id":"other"}""", HttpStatusCode.BadRequest)]
    public async Task A_wrong_key_request_is_refused(string body, HttpStatusCode status)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var answer = await (body.Contains("other", StringComparison.Ordinal) ? server.As("acme") : server.WithKey(TestApp.OperatorKey)).SendAsync("POST", "/v1/admin/keys", body);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_administrator_cannot_make_a_key_that_may_more_than_his_own(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = await server.MemberAsync("acme", "admin");

        var refused = await client.SendAsync("POST", "/v1/admin/keys", """{"name":"n","scopes":["memory:read"]}""");

        await refused.RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Keys_are_listed_oldest_first_in_pages(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var made = new List<string?>();
        for (var i = 0; i < 5; i++)
        {
            made.Add((await server.MakeKeyAsync("acme")).Text("id"));
            server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var first = await server.As("acme").ReadAsync("/v1/admin/keys?limit=3");
        var second = await server.As("acme").ReadAsync($"/v1/admin/keys?limit=3&cursor={first.Text("next_cursor")}");

        Assert.Equal(made, first.Each("id").Concat(second.Each("id")));
    }
}
