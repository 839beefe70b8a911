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
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1/nowhere")]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1")]
    public async Task Where_there_is_no_such_server_the_one_line_holds_no_password(string url)
    {
        var ending = await MigrateAsync([("MEMORY_DATABASE_URL", url)]);

        Assert.Equal(78, ending.Code);
        Assert.DoesNotContain("s3cr3t", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
    }

    private static (string, string)[] TwoRoles(string name) =>
        [("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)), ("MEMORY_DATABASE_ADMIN_URL", PostgresServer.OwnerUrlOf(name))];

    private Task<ServerProcess.Ending> MigrateAsync((string, string)[] variables) => ServerProcess.RunAsync(_folder, variables, "migrate");
}
