using Memoir.Tests.Testing;

namespace Memoir.Tests.Server.Postgres;

/// <summary>What the doctor says about a PostgreSQL database.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_database_that_keeps_tenants_apart_is_well()
    {
        var name = await PostgresServer.CreateAsync();

        var ending = await ServerProcess.RunAsync(
            _folder, [("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)), ("MEMORY_SECRET_KEY", "0123456789abcdef-for-tests-alone")], "doctor");

        Assert.Equal((0, ""), (ending.Code, ending.Errors));
        Assert.DoesNotContain("error", ending.Output, StringComparison.Ordinal);
        Assert.Matches("ok +clock +[0-9.]+ s from the database's server", ending.Output);
        Assert.Contains("ok       isolation      row level security binds this role on every table of tenants", ending.Output, StringComparison.Ordinal);
        await PostgresServer.DropAsync(name);
    }

    [Fact]
    public async Task A_table_without_forced_policies_is_named()
    {
        var name = await PostgresServer.CreateAsync();
        await PostgresServer.AsOwnerAsync(name, "ALTER TABLE memories NO FORCE ROW LEVEL SECURITY");

        var ending = await ServerProcess.RunAsync(_folder, [("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name))], "doctor");

        Assert.Equal(78, ending.Code);
        Assert.Matches("error +isolation .*memories: row level security is not forced", ending.Output);
        await PostgresServer.DropAsync(name);
    }
}
