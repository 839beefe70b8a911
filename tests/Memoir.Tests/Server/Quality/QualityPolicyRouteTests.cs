using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Server.Quality.Secrets;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Quality;

/// <summary>What tenants do with what is sensitive: as it is stored and read, and from when it holds.</summary>
public sealed class QualityPolicyRouteTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenant_has_the_servers_policy_until_it_gets_its_own(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("PersonalData", "refuse"));
        var client = server.As("acme");

        Assert.Equal(
            """{"secrets":"mask","personal_data":"refuse","tenant_id":"acme","chosen_by":"server","updated_at":null}""", (await client.ReadAsync(Policy)).GetRawText());
        var put = await (await client.SendAsync("PUT", Policy, PolicyOf("refuse", "mask"))).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(
            """{"secrets":"refuse","personal_data":"mask","tenant_id":"acme","chosen_by":"tenant","updated_at":"2026-01-15T12:00:00Z"}""", put.GetRawText());
        Assert.Equal(put.GetRawText(), (await client.ReadAsync(Policy)).GetRawText());
        Assert.Equal("server", (await server.As("umbrella").ReadAsync("/v1/admin/quality/policies/umbrella")).Text("chosen_by"));

        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(Policy, Ct)).StatusCode);
        await (await client.DeleteAsync(Policy, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal("server", (await client.ReadAsync(Policy)).Text("chosen_by"));
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action LIKE 'quality.policy%'"));
    }

    [Theory]
    [InlineData("""{"secrets":"mask"}""", 400, "invalid-body")]
    [InlineData("""{"secrets":"mask","personal_data":null}""", 400, "invalid-body")]
    [InlineData("""{"secrets":"mask","personal_data":"keep","emails":"keep"}""", 400, "invalid-body")]
    [InlineData("""{"secrets":"hide","personal_data":"keep"}""", 422, "validation-failed")]
    [InlineData("""{"secrets":"mask","personal_data":""}""", 422, "validation-failed")]
    public async Task A_policy_that_breaks_its_rules_is_refused(string body, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await (await server.As("acme").SendAsync("PUT", Policy, body)).RefusedAsync((HttpStatusCode)status, slug);
        Assert.Equal("server", (await server.As("acme").ReadAsync(Policy)).Text("chosen_by"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_policy_holds_at_once_in_every_process_and_for_its_tenant_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await using var beside = TestApp.StartBeside(server);

        Assert.Contains("[masked:", (await beside.As("acme").StoreAsync(Github)).Text("content"), StringComparison.Ordinal);
        await (await server.As("acme").SendAsync("PUT", Policy, PolicyOf("keep", "keep"))).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(Github, (await beside.As("acme").StoreAsync(Github)).Text("content"));
        Assert.Contains("[masked:", (await beside.As("umbrella").StoreAsync(Github, ("tenant_id", "umbrella"))).Text("content"), StringComparison.Ordinal);
    }
}
