using System.Net;
using Memoir.Server.Retention;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>Policies as they are stored and read, and the schedule that follows them.</summary>
public sealed class RetentionPolicyRouteTests
{
    private const string Route = "/v1/admin/retention/policies/acme";

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_tenant_has_the_servers_policy_until_it_gets_its_own(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("RetentionMaxAgeDays", "10"), ("RetentionImportanceThreshold", "0.5"), ("RetentionDeleteAfterDays", "20"));
        var client = server.As("acme");

        Assert.Equal(
            """{"max_age_days":10,"importance_threshold":0.5,"delete_after_days":20,"max_items":null,"keep_important_factor":null,"tenant_id":"acme","chosen_by":"server","updated_at":null}""",
            (await client.ReadAsync(Route)).GetRawText());
        var put = await server.PutPolicyAsync(60, 0.9, 5, 1000, 1.5);
        Assert.Equal(
            """{"max_age_days":60,"importance_threshold":0.9,"delete_after_days":5,"max_items":1000,"keep_important_factor":1.5,"tenant_id":"acme","chosen_by":"tenant","updated_at":"2026-01-15T12:00:00Z"}""",
            put.GetRawText());
        Assert.Equal(put.GetRawText(), (await client.ReadAsync(Route)).GetRawText());
        Assert.Equal("server", (await server.As("umbrella").ReadAsync("/v1/admin/retention/policies/umbrella")).Text("chosen_by"));

        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(Route, Ct)).StatusCode);
        await (await client.DeleteAsync(Route, Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal("server", (await client.ReadAsync(Route)).Text("chosen_by"));
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action LIKE 'retention.policy%'"));
    }

    [Theory]
    [InlineData("""{"max_age_days":30,"importance_threshold":0.3}""", 400, "invalid-body")]
    [InlineData("""{"max_age_days":30.5,"importance_threshold":0.3,"delete_after_days":1}""", 400, "invalid-body")]
    [InlineData("""{"max_age_days":-1,"importance_threshold":0.3,"delete_after_days":1}""", 422, "validation-failed")]
    [InlineData("""{"max_age_days":36501,"importance_threshold":0.3,"delete_after_days":1}""", 422, "validation-failed")]
    [InlineData("""{"max_age_days":30,"importance_threshold":1.1,"delete_after_days":1}""", 422, "validation-failed")]
    [InlineData("""{"max_age_days":30,"importance_threshold":0.3,"delete_after_days":-1}""", 422, "validation-failed")]
    [InlineData("""{"max_age_days":30,"importance_threshold":0.3,"delete_after_days":1,"max_items":-1}""", 422, "validation-failed")]
    [InlineData("""{"max_age_days":30,"importance_threshold":0.3,"delete_after_days":1,"keep_important_factor":0.5}""", 422, "validation-failed")]
    public async Task A_policy_that_breaks_its_rules_is_refused(string body, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await (await server.As("acme").SendAsync("PUT", Route, body)).RefusedAsync((HttpStatusCode)status, slug);
        Assert.Equal("server", (await server.As("acme").ReadAsync(Route)).Text("chosen_by"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_schedule_runs_for_tenants_with_a_policy_and_for_those_that_are_named(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("RetentionTenants", "named, nobody"));
        await FillAllAsync(server);
        await server.PutPolicyAsync();

        await RoundAsync(server);

        Assert.Equal(["acme archived", "named archived", "other"], await StandAsync(server));
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'retention.archive' AND actor = 'job:retention'"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_star_stands_for_all_tenants(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("RetentionTenants", "*"));
        await FillAllAsync(server);

        await RoundAsync(server);

        Assert.Equal(["acme archived", "named archived", "other archived"], await StandAsync(server));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Over_all_processes_it_runs_once_in_a_period(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("RetentionScheduleSeconds", "31536000"));
        await using var beside = TestApp.StartBeside(server);
        await server.PutPolicyAsync();

        var turns = new List<int>();
        foreach (var process in new[] { server, beside, server })
        {
            turns.Add(await process.Services.GetRequiredService<RetentionRound>().BeginAsync(Ct));
        }

        Assert.Equal([1, 0, 0], turns);
        await RawDatabase.RunAsync(server.Folder, "acme", "DELETE FROM schedules");
        Assert.Equal(0, await beside.Services.GetRequiredService<RetentionRound>().BeginAsync(Ct)); // The turn has come, but the last run waits still.
    }

    [Fact]
    public async Task A_schedule_that_is_switched_off_runs_never()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("RetentionScheduleSeconds", "0"));
        await server.PutPolicyAsync();

        Assert.Equal(0, await server.Services.GetRequiredService<RetentionRound>().BeginAsync(Ct));
    }

    private static async Task FillAllAsync(TestApp server)
    {
        foreach (var tenant in (string[])["acme", "named", "other"])
        {
            await FillAsync(server, [Row(server.Time.GetUtcNow().AddDays(-40), 0.1)], tenant);
        }
    }

    private static async Task RoundAsync(TestApp server)
    {
        await server.Services.GetRequiredService<RetentionRound>().BeginAsync(Ct);
        await server.RunJobsAsync();
    }

    private static async Task<List<string>> StandAsync(TestApp server)
    {
        var stand = new List<string>();
        foreach (var tenant in (string[])["acme", "named", "other"])
        {
            stand.Add((await AllAsync(server, tenant)).Single().ArchivedAt is null ? tenant : $"{tenant} archived");
        }

        return stand;
    }
}
