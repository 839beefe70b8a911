using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Postgres;

/// <summary>A start that fails says by its exit code whether trying again is of use: 69 where the fault may pass, 78 where a person must act.</summary>
public sealed class RefusedStartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1/memoir", "serve")]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1/memoir", "api")]
    [InlineData("postgresql://memoir_app:s3cr3t@127.0.0.1:1/memoir", "worker")]
    [InlineData("postgresql://memoir_app:s3cr3t@nowhere.invalid/memoir", "serve")]
    public async Task A_server_that_cannot_be_reached_may_be_back_later(string url, string role)
    {
        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_DATABASE_URL", url)], role);

        Assert.Equal((69, ""), (ending.Code, ending.Output));
        Assert.Matches("^memoir: postgresql://[^@]*/memoir cannot be brought up to date: ", Assert.Single(ending.ErrorLines));
    }

    [Fact]
    public async Task A_server_with_no_connection_to_spare_may_have_one_later()
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AskAsync(PostgresServer.OwnerUrlOf("postgres"), $"ALTER DATABASE {name} CONNECTION LIMIT 0");

        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)));

        Assert.Equal(69, ending.Code);
        Assert.Contains("53300", Assert.Single(ending.ErrorLines), StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task A_wrong_password_a_database_that_is_not_there_and_one_that_is_closed_to_the_role_stay_wrong()
    {
        var name = await PostgresServer.CreateAsync();
        var url = PostgresServer.ApplicationUrlOf(name);
        var user = new Uri(url).UserInfo;

        var password = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", url.Replace(user, "memoir_app:s3cr3t", StringComparison.Ordinal)));
        var database = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", $"{url}_gone"));
        await PostgresServer.AskAsync(PostgresServer.OwnerUrlOf("postgres"), $"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC");
        var closed = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", url));

        Assert.Equal((78, 78, 78), (password.Code, database.Code, closed.Code));
        Assert.Contains("28P01", Assert.Single(password.ErrorLines), StringComparison.Ordinal);
        Assert.Contains("42501", Assert.Single(closed.ErrorLines), StringComparison.Ordinal);
        Assert.Contains("3D000", Assert.Single(database.ErrorLines), StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task A_table_that_the_role_may_not_read_is_one_line()
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AsOwnerAsync(name, "REVOKE ALL ON embedding_generations FROM memoir_app");

        var ending = await ServerProcess.RefuseAsync(_folder, ("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)));

        Assert.Equal(78, ending.Code);
        Assert.Matches("^memoir: postgresql://.* cannot be used: 42501: permission denied for table embedding_generations", Assert.Single(ending.ErrorLines));
        await PostgresServer.DropAsync(name);
    }
}
