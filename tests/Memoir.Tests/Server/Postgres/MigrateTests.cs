using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Postgres;

/// <summary><c>memoir migrate</c>: once is enough, several wait for each other, and what cannot be done is one line and 78.</summary>
public sealed class MigrateTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_second_run_changes_nothing()
    {
        var name = await PostgresServer.CreateAsync("");

        var first = await MigrateAsync(TwoRoles(name));
        var second = await MigrateAsync(TwoRoles(name));

        Assert.Equal((0, 0), (first.Code, second.Code));
        Assert.Matches($"^postgresql://127.0.0.1:[0-9]+/{name}: [0-9]+ migrations applied\n$", first.Output);
        Assert.Matches($"^postgresql://127.0.0.1:[0-9]+/{name} is up to date\n$", second.Output);
        Assert.Equal(["", ""], [first.Errors, second.Errors]);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task Of_four_at_once_one_does_it_and_the_others_wait()
    {
        var name = await PostgresServer.CreateAsync("");

        var endings = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => MigrateAsync(TwoRoles(name))));

        Assert.All(endings, ending => Assert.Equal((0, ""), (ending.Code, ending.Errors)));
        Assert.Single(endings, ending => ending.Output.Contains("applied", StringComparison.Ordinal));
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task The_other_role_gets_what_it_needs_and_no_more()
    {
        var name = await PostgresServer.CreateAsync("");
        await MigrateAsync(TwoRoles(name));
        var app = PostgresServer.ApplicationUrlOf(name);

        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_DATABASE_URL", app));

        foreach (var forbidden in (string[])["CREATE TABLE x (a text)", "ALTER TABLE memories DISABLE ROW LEVEL SECURITY", "DROP TABLE memories", "TRUNCATE memories", "DELETE FROM schema_migrations"])
        {
            Assert.Equal("42501", (await Assert.ThrowsAsync<Npgsql.PostgresException>(() => PostgresServer.AskAsync(app, forbidden))).SqlState);
        }
    }

    [Theory]
    [InlineData("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM memoir_app")] // As pg_restore --no-acl leaves it.
    [InlineData("REVOKE INSERT ON memories FROM memoir_app")]
    [InlineData("REVOKE ALL ON SCHEMA public FROM PUBLIC, memoir_app")]
    public async Task Rights_that_a_restore_lost_are_granted_again(string loss)
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(name), "ALTER SCHEMA public OWNER TO memoir_owner");
        await PostgresServer.AsOwnerAsync(name, loss);

        var ending = await MigrateAsync(TwoRoles(name));

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        await MayWorkAsync(PostgresServer.ApplicationUrlOf(name));
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task Another_role_for_the_application_gets_the_same_rights()
    {
        var name = await PostgresServer.CreateAsync();
        var role = $"{name}_r\"ole";
        await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(name), $"CREATE ROLE \"{role.Replace("\"", "\"\"", StringComparison.Ordinal)}\" LOGIN PASSWORD 'test-only'");
        var app = PostgresServer.ApplicationUrlOf(name);
        var url = app.Replace(new Uri(app).UserInfo, $"{Uri.EscapeDataString(role)}:test-only", StringComparison.Ordinal);

        var ending = await MigrateAsync([("MEMORY_DATABASE_URL", url), ("MEMORY_DATABASE_ADMIN_URL", PostgresServer.OwnerUrlOf(name))]);

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        await MayWorkAsync(url);
        await PostgresServer.DropAsync(name);
        await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf("postgres"), $"DROP ROLE \"{role.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
    }

    [Fact]
    public async Task The_tables_may_be_in_a_schema_of_their_own_and_others_tables_beside_them()
    {
        var name = await PostgresServer.CreateAsync("");
        await PostgresServer.AskAsync(PostgresServer.SuperuserUrlOf(name), $"""
            CREATE SCHEMA "The memories" AUTHORIZATION memoir_owner;
            ALTER DATABASE {name} SET search_path = "The memories", public;
            CREATE TABLE "The memories".of_others (a text);
            """);

        var ending = await MigrateAsync(TwoRoles(name));
        var second = await MigrateAsync(TwoRoles(name));

        Assert.Equal((0, "", 0, ""), (ending.Code, ending.Errors, second.Code, second.Errors));
        await MayWorkAsync(PostgresServer.ApplicationUrlOf(name));
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task One_role_can_do_it_alone()
    {
        var name = await PostgresServer.CreateAsync("");

        var ending = await MigrateAsync([("MEMORY_DATABASE_URL", PostgresServer.OwnerUrlOf(name))]);

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task Who_may_not_make_tables_is_told_so()
    {
        var name = await PostgresServer.CreateAsync("");

        var ending = await MigrateAsync([("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name))]);

        Assert.Equal(78, ending.Code);
        Assert.Matches("^memoir: .*permission denied for schema public", Assert.Single(ending.ErrorLines));
        await PostgresServer.DropAsync(name);
    }

    [Theory]
    [InlineData("INSERT INTO schema_migrations VALUES (9999, 'future', '', 0)", "9999, newer than this program")]
    [InlineData("UPDATE schema_migrations SET checksum = 'other' WHERE number = 2", "0002_jobs was changed after it was applied")]
    public async Task A_database_of_another_program_is_left_alone(string difference, string complaint)
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AsOwnerAsync(name, difference);

        var migration = await MigrateAsync(TwoRoles(name));
        var start = await ServerProcess.RefuseAsync(_folder, TwoRoles(name));

        Assert.Equal((78, 78), (migration.Code, start.Code));
        Assert.Contains(complaint, Assert.Single(migration.ErrorLines), StringComparison.Ordinal);
        Assert.Contains(complaint, Assert.Single(start.ErrorLines), StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Theory]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1/nowhere", 69)]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1", 78)]
    public async Task Where_there_is_no_such_server_the_one_line_holds_no_password(string url, int code)
    {
        var ending = await MigrateAsync([("MEMORY_DATABASE_URL", url)]);

        Assert.Equal(code, ending.Code);
        Assert.DoesNotContain("s3cr3t", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    /// <summary>What every process does with its tables at a start and after it.</summary>
    private static async Task MayWorkAsync(string url)
    {
        foreach (var sql in (string[])["SELECT COUNT(*) FROM schema_migrations", "SELECT COUNT(*) FROM memories", "DELETE FROM memories", "UPDATE jobs SET kind = kind"])
        {
            await PostgresServer.AskAsync(url, sql);
        }

        const string lacking = """
            SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner = 'memoir_owner' AND tablename <> 'schema_migrations'
                AND NOT has_table_privilege(format('%I.%I', schemaname, tablename), 'INSERT')
            """;
        Assert.Equal(0L, await PostgresServer.AskAsync(url, lacking));
        Assert.Equal(false, await PostgresServer.AskAsync(url, "SELECT has_table_privilege('schema_migrations', 'INSERT, UPDATE, DELETE, TRUNCATE')"));
    }

    private static (string, string)[] TwoRoles(string name) =>
        [("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)), ("MEMORY_DATABASE_ADMIN_URL", PostgresServer.OwnerUrlOf(name))];

    private Task<ServerProcess.Ending> MigrateAsync((string, string)[] variables) => ServerProcess.RunAsync(_folder, variables, "migrate");
}
