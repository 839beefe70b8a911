using System.Net;
using Memoir.Server.Voice;
using Memoir.Server.Access;
using Memoir.Server.OpenApi;
using Memoir.Tests.Architecture;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Access;

public sealed class RouteTableTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly string[] Header = ["method", "route", "scope"];

    [Fact]
    public void Every_route_states_its_policy() =>
        Assert.All(Routes(), route => Assert.NotNull(route.Metadata.GetMetadata<AccessPolicy>()));

    [Fact]
    public void The_table_in_the_docs_is_the_truth()
    {
        var routes = Routes().SelectMany(route => Methods(route).Select(method => $"{method} {Template(route)} {Scope(route)}"));

        Assert.Equal(Documented().Order(StringComparer.Ordinal), routes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_route_without_a_policy_is_refused_at_run_time()
    {
        var gate = new AccessGate(_ => throw new InvalidOperationException("It was let in."), shared.App.Services.GetRequiredService<Authenticator>());
        var http = new DefaultHttpContext { RequestServices = shared.App.Services };
        http.SetEndpoint(new Endpoint(_ => Task.CompletedTask, new EndpointMetadataCollection(), "a forgotten route, 405 and 415"));
        http.Request.Headers["x-api-key"] = TestApp.OperatorKey;

        var refused = await Assert.ThrowsAsync<Memoir.Kit.Http.ProblemException>(() => gate.InvokeAsync(http));

        Assert.Equal(Memoir.Kit.Http.Problem.InsufficientScope, refused.Problem);
    }

    [Fact]
    public async Task Without_a_credential_every_closed_route_is_401_with_a_challenge()
    {
        shared.App.CallerAddress = IPAddress.Parse("203.0.113.9");
        foreach (var (route, method) in Closed())
        {
            var refused = await SendAsync(shared.App.CreateClient(), route, method);

            await refused.RefusedAsync(HttpStatusCode.Unauthorized, "unauthenticated", VoiceFeature.IsOfFamily("/" + route.RoutePattern.RawText!.TrimStart('/')));
            Assert.Equal("Bearer realm=\"memoir\"", refused.Headers.WwwAuthenticate.ToString());
        }
    }

    [Theory]
    [InlineData("memory:read")]
    [InlineData("memory:write")]
    [InlineData("admin")]
    public async Task A_key_opens_the_routes_of_its_scope_and_no_other(string scope)
    {
        var client = await shared.App.MemberAsync("acme", scope);

        foreach (var route in Routes().Where(route => route.Metadata.GetMetadata<AccessPolicy>() is { IsOpen: false }))
        {
            foreach (var method in Methods(route))
            {
                var answer = await SendAsync(client, route, method);

                var isOpened = Scope(route) == scope;
                Assert.True(
                    isOpened == (answer.StatusCode != HttpStatusCode.Forbidden), $"{scope}: {method} {Template(route)} answered {answer.StatusCode}");
            }
        }
    }

    [Fact]
    public async Task A_tenants_administrator_is_no_operator()
    {
        var client = await shared.App.MemberAsync("acme", "admin", "memory:read", "memory:write");

        var refused = await client.DeleteAsync("/v1/tenants/acme/data", Ct);

        await refused.RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
    }

    private IEnumerable<(RouteEndpoint Route, string Method)> Closed() =>
        from route in Routes()
        where route.Metadata.GetMetadata<AccessPolicy>() is { IsOpen: false }
        from method in Methods(route)
        select (route, method);

    /// <summary>With a body of the kind that the route reads, for another one is refused before anybody asks who sends it.</summary>
    private static Task<HttpResponseMessage> SendAsync(HttpClient client, RouteEndpoint route, string method) => client.SendAsync(
        method, Url(route), method is "POST" or "PATCH" ? "{}" : null, route.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes[0] ?? "application/json");

    private IEnumerable<RouteEndpoint> Routes() =>
        shared.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    private static IEnumerable<string> Methods(RouteEndpoint route) => route.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods;

    /// <summary>The route as the contract spells it: no constraints, names in snake case. The document's name of one route is part of its address.</summary>
    private static string Template(RouteEndpoint route) =>
        OperationNotes.Spell(route.RoutePattern.RawText!).Replace("{document_name}", "gpt", StringComparison.Ordinal);

    private static string Url(RouteEndpoint route) =>
        Template(route).Replace("{id}", "01900000-0000-7000-8000-000000000000", StringComparison.Ordinal)
            .Replace("{conversation_id}", "c1", StringComparison.Ordinal).Replace("{tenant_id}", "acme", StringComparison.Ordinal)
            .Replace("{user_id}", "ann", StringComparison.Ordinal).Replace("{version}", "1", StringComparison.Ordinal);

    private static string Scope(RouteEndpoint route) => route.Metadata.GetMetadata<AccessPolicy>() switch
    {
        { IsOpen: true } => "none",
        { OperatorOnly: true } => "operator",
        { } policy => ScopeNames.Of(policy.Scope),
        null => "forgotten",
    };

    private static IEnumerable<string> Documented()
    {
        var rows = File.ReadLines(Path.Combine(SourceText.Root, "docs", "api.md"))
            .Where(line => line.StartsWith('|'))
            .Select(line => line.Trim('|', ' ').Split('|').Select(cell => cell.Trim(' ', '`')).ToArray())
            .SkipWhile(row => !row.SequenceEqual(Header)).Skip(2)
            .TakeWhile(row => row.Length == 3);
        return rows.Select(row => string.Join(' ', row));
    }
}
