using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>A database that would let tenants see each other is not served, and the refusal names what is wrong.</summary>
public sealed class IsolationCheckTests
{
    private const string Own = "tenant_id = NULLIF(current_setting('app.tenant', true), '')";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ALTER TABLE memories DISABLE ROW LEVEL SECURITY", "memories: row level security is not enabled")]
    [InlineData("ALTER TABLE memories NO FORCE ROW LEVEL SECURITY", "memories: row level security is not forced")]
    [InlineData("DROP POLICY memories_of_tenant ON memories", "memories: no policy")]
    [InlineData("CREATE TABLE extra (tenant_id text)", "extra: row level security is not enabled")]
    [InlineData("CREATE SCHEMA other; CREATE TABLE other.extra (tenant_id text)", "other.extra: row level security is not enabled")]
    [InlineData($"DROP POLICY memories_of_tenant ON memories; CREATE POLICY bare ON memories USING ({Own})", "memories, policy bare: it has no WITH CHECK")]
    [InlineData("ALTER POLICY memories_of_tenant ON memories USING (tenant_id = current_setting('app.tenant', true))", "memories, policy memories_of_tenant: it reads the tenant without NULLIF")]
    [InlineData("ALTER POLICY memories_of_tenant ON memories WITH CHECK (tenant_id = current_setting('app.tenant', true))", "memories, policy memories_of_tenant: it reads the tenant without NULLIF")]
    [InlineData("CREATE POLICY wide ON memories USING (true)", "memories, policy wide: ")]
    [InlineData("CREATE POLICY wide ON memories USING (true) WITH CHECK (true)", "memories, policy wide: ")]
    [InlineData("CREATE POLICY wide ON memories FOR SELECT USING (true)", "memories, policy wide: ")]
    [InlineData($"ALTER POLICY memories_of_tenant ON memories USING ({Own} OR true)", "memories, policy memories_of_tenant: it admits other rows")]
    [InlineData($"ALTER POLICY memories_of_tenant ON memories USING ({Own} OR NULLIF(current_setting('app.system', true), '') = 'on')", "memories, policy memories_of_tenant: it admits other rows")]
    [InlineData($"ALTER POLICY jobs_of_tenant ON jobs WITH CHECK ({Own} OR status = 'queued')", "jobs, policy jobs_of_tenant: it ")]
    [InlineData("CREATE MATERIALIZED VIEW copy AS SELECT tenant_id, content FROM memories", "copy: a materialised view")]
    [InlineData("CREATE MATERIALIZED VIEW copy AS SELECT content FROM memories", "copy: a materialised view")]
    [InlineData("CREATE VIEW plain AS SELECT content FROM memories; CREATE MATERIALIZED VIEW copy AS SELECT content FROM plain", "copy: a materialised view")]
    public async Task A_hole_is_refused_by_name(string hole, string complaint)
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AsOwnerAsync(name, hole);

        var refusal = await Assert.ThrowsAsync<StartupException>(() => InspectAsync(PostgresServer.ApplicationUrlOf(name)));

        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith("MEMORY_DATABASE_URL: ", refusal.Message, StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Theory]
    [InlineData("SUPERUSER", "is a superuser")]
    [InlineData("BYPASSRLS", "has BYPASSRLS")]
    public async Task A_role_that_no_policy_binds_is_refused(string power, string complaint)
    {
        var name = await PostgresServer.CreateAsync();
        var url = PostgresServer.SuperuserUrlOf(name);
        var role = $"powerful_{name}";
        await PostgresServer.AskAsync(url, $"CREATE ROLE {role} LOGIN {power} PASSWORD 'test-only'; GRANT memoir_app TO {role}");
        var own = new UriBuilder(new Uri(url)) { UserName = role, Password = "test-only" };

        var refusal = await Assert.ThrowsAsync<StartupException>(() => InspectAsync(own.Uri.AbsoluteUri));

        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
        await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf("postgres"), $"DROP ROLE {role}");
    }

    [Fact]
    public async Task A_superusers_view_is_refused_when_the_role_may_read_it_with_his_rights()
    {
        var name = await PostgresServer.CreateAsync();
        var url = PostgresServer.SuperuserUrlOf(name);
        await PostgresServer.AskAsync(url, "CREATE VIEW every AS SELECT content FROM memories");
        await InspectAsync(PostgresServer.ApplicationUrlOf(name));
        await PostgresServer.AskAsync(url, "GRANT SELECT ON every TO PUBLIC");

        var refusal = await Assert.ThrowsAsync<StartupException>(() => InspectAsync(PostgresServer.ApplicationUrlOf(name)));
        await PostgresServer.AskAsync(url, "ALTER VIEW every SET (security_invoker = true)");
        await InspectAsync(PostgresServer.ApplicationUrlOf(name));

        Assert.Contains("every: a view", refusal.Message, StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task A_sound_database_is_served_with_two_roles_and_with_one()
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AsOwnerAsync(name, "CREATE VIEW plain AS SELECT content FROM memories");

        var two = await InspectAsync(PostgresServer.ApplicationUrlOf(name));
        var one = await InspectAsync(PostgresServer.OwnerUrlOf(name));

        Assert.StartsWith("PostgreSQL 1", two.Version, StringComparison.Ordinal);
        Assert.Equal(two.Version, one.Version);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task The_program_ends_with_78_and_one_line_and_serves_when_the_hole_is_closed()
    {
        var folder = Directory.CreateTempSubdirectory("memoir").FullName;
        var name = await PostgresServer.CreateAsync();
        (string, string)[] variables = [("MEMORY_DATABASE_URL", PostgresServer.OwnerUrlOf(name))];
        await PostgresServer.AsOwnerAsync(name, "ALTER TABLE memories NO FORCE ROW LEVEL SECURITY");

        var refused = await ServerProcess.RefuseAsync(folder, variables);
        await PostgresServer.AsOwnerAsync(name, "ALTER TABLE memories FORCE ROW LEVEL SECURITY");
        await using (var server = await ServerProcess.StartAsync(folder, variables))
        {
            using var client = server.Client();
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/v1/conversations", UriKind.Relative), Ct)).StatusCode);
        }

        Assert.Equal(78, refused.Code);
        Assert.Matches("^memoir: MEMORY_DATABASE_URL: .*memories: row level security is not forced", Assert.Single(refused.ErrorLines));
        Directory.Delete(folder, recursive: true);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task A_superuser_is_refused_before_a_table_is_made()
    {
        var folder = Directory.CreateTempSubdirectory("memoir").FullName;
        var name = await PostgresServer.CreateAsync("");

        var refused = await ServerProcess.RefuseAsync(folder, [("MEMORY_DATABASE_URL", PostgresServer.SuperuserUrlOf(name))]);
        var tables = await PostgresServer.AsOwnerAsync(name, "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'");

        Assert.Equal(78, refused.Code);
        Assert.Matches("^memoir: MEMORY_DATABASE_URL: .* is a superuser", Assert.Single(refused.ErrorLines));
        Assert.Equal(0L, tables);
        Directory.Delete(folder, recursive: true);
        await PostgresServer.DropAsync(name);
    }

    private static async Task<EngineReport> InspectAsync(string url)
    {
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<Meters>().BuildServiceProvider();
        using var database = new Database(Options.Create(new DatabaseOptions { DatabaseUrl = url }), services.GetRequiredService<Meters>());
        return await database.InspectAsync(Ct);
    }
}
