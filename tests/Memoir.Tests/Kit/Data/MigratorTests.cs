using System.Data.Common;
using System.Reflection;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Data;

/// <summary>A file of migrations is applied once, whole, and never in another form.</summary>
public sealed class MigratorTests
{
    private const string First = "CREATE TABLE first (a TEXT);";
    private const string Second = "CREATE TABLE second (b TEXT);\nINSERT INTO second (b) VALUES ('x');";

    private static readonly string Engine = (TestEngines.Current == TestEngine.Sqlite ? Dialect.Sqlite : Dialect.Postgres).Name;

    private readonly ManualTime _time = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_file_is_applied_once_in_order()
    {
        using var store = await TestDatabase.OpenAsync();
        var program = new Release(("0002_more.sql", Second), ("0001_core.sql", First));

        var applied = await store.Database.MigrateAsync(program, _time, Ct);
        var again = await store.Database.MigrateAsync(program, _time, Ct);

        Assert.Equal((2, 0), (applied, again));
        Assert.Equal(1, await NumberAsync(store, "SELECT COUNT(*) FROM second"));
    }

    [Fact]
    public async Task A_new_file_is_applied_beside_the_old_ones()
    {
        using var store = await TestDatabase.OpenAsync();
        await store.Database.MigrateAsync(new Release(("0001_core.sql", First)), _time, Ct);

        var applied = await store.Database.MigrateAsync(new Release(("0001_core.sql", First), ("0002_more.sql", Second)), _time, Ct);

        Assert.Equal(1, applied);
        Assert.Equal(1, await NumberAsync(store, "SELECT COUNT(*) FROM second"));
    }

    [Fact]
    public async Task A_file_changed_after_it_was_applied_is_refused_by_name()
    {
        using var store = await TestDatabase.OpenAsync();
        await store.Database.MigrateAsync(new Release(("0001_core.sql", First)), _time, Ct);

        var refusal = await Assert.ThrowsAsync<StartupException>(() =>
            store.Database.MigrateAsync(new Release(("0001_core.sql", First + " ")), _time, Ct));

        Assert.Contains("0001_core", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Line_endings_are_no_change()
    {
        using var store = await TestDatabase.OpenAsync();
        await store.Database.MigrateAsync(new Release(("0001_core.sql", Second)), _time, Ct);

        var applied = await store.Database.MigrateAsync(
            new Release(("0001_core.sql", Second.Replace("\n", "\r\n", StringComparison.Ordinal))), _time, Ct);

        Assert.Equal(0, applied);
    }

    [Fact]
    public async Task A_database_newer_than_the_program_is_refused()
    {
        using var store = await TestDatabase.OpenAsync();
        await store.Database.MigrateAsync(new Release(("0001_core.sql", First), ("0002_more.sql", Second)), _time, Ct);

        var refusal = await Assert.ThrowsAsync<StartupException>(() =>
            store.Database.MigrateAsync(new Release(("0001_core.sql", First)), _time, Ct));

        Assert.Contains("0002", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_starts_beside_what_a_newer_one_only_added()
    {
        using var store = await TestDatabase.OpenAsync();
        var older = new Release(("0001_core.sql", First));
        await store.Database.MigrateAsync(new Release(("0001_core.sql", First), ("0002_expand_more.sql", Second)), _time, Ct);

        Assert.Equal(0, await store.Database.MigrateAsync(older, _time, Ct));

        var refusal = await Assert.ThrowsAsync<StartupException>(() => store.Database.CountPendingAsync(older, Ct)); // A copy would leave the new table out.
        Assert.Contains("0002", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Behind_an_addition_a_change_is_refused_all_the_same()
    {
        using var store = await TestDatabase.OpenAsync();
        await store.Database.MigrateAsync(
            new Release(("0001_core.sql", First), ("0002_expand_more.sql", Second), ("0003_less.sql", "DROP TABLE first;")), _time, Ct);

        var refusal = await Assert.ThrowsAsync<StartupException>(() => store.Database.MigrateAsync(new Release(("0001_core.sql", First)), _time, Ct));

        Assert.Contains("0003", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0001_a.sql", "0003_b.sql")]
    [InlineData("0002_a.sql", "0003_b.sql")]
    [InlineData("0001_a.sql", "0001_b.sql")]
    [InlineData("0000_a.sql", "0001_b.sql")]
    public void Numbers_with_a_gap_or_a_twin_are_refused(string one, string other) =>
        Assert.Throws<StartupException>(() => Migrator.Load(new Release((one, First), (other, Second)), Engine));

    [Fact]
    public void Files_of_another_engine_are_left_alone()
    {
        var loaded = Migrator.Load(new Release(("0001_core.sql", First)), "another");

        Assert.Empty(loaded);
    }

    [Fact]
    public async Task A_file_that_fails_half_way_leaves_nothing_of_the_run()
    {
        using var store = await TestDatabase.OpenAsync();
        var broken = new Release(("0001_core.sql", First), ("0002_more.sql", "CREATE TABLE second (b TEXT);\nINSERT INTO nowhere VALUES (1);"));

        await Assert.ThrowsAnyAsync<Exception>(() => store.Database.MigrateAsync(broken, _time, Ct));

        foreach (var table in (string[])["first", "second", "schema_migrations"])
        {
            Assert.Null(await store.Database.SystemReadAsync(session => session.ScalarAsync(session.Dialect.TableExists, new { table }), Ct));
        }
    }

    [Fact]
    public async Task A_migration_that_cannot_be_applied_stops_the_start_with_one_line()
    {
        using var store = await TestDatabase.OpenAsync();
        var broken = new Release(("0001_core.sql", "CREATE TABLE notes (b TEXT);"));

        var refusal = await Assert.ThrowsAsync<StartupException>(() => store.Database.MigrateAsync(broken, _time, Ct));

        Assert.Contains("0001_core", refusal.Message, StringComparison.Ordinal);
        Assert.IsType<DbException>(refusal.InnerException, exactMatch: false);
    }

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("-- nothing; but a comment;\n", new string[0])]
    [InlineData("A;", new[] { "A" })]
    [InlineData("A;\nB", new[] { "A", "B" })]
    [InlineData("A\n  , B; \nC;\n\n", new[] { "A\n  , B", "C" })]
    [InlineData("A -- why;\n , B;\nC;", new[] { "A \n , B", "C" })]
    [InlineData("INSERT ';' , 'a;b';\nC;", new[] { "INSERT ';' , 'a;b'", "C" })]
    public void A_semicolon_at_the_end_of_a_line_ends_a_statement(string sql, string[] statements) =>
        Assert.Equal(statements, Migrator.Statements(sql));

    private static async Task<long> NumberAsync(TestDatabase store, string sql) =>
        await store.Database.SystemReadAsync(session => session.ScalarAsync(sql, new { }), Ct) ?? 0;

    /// <summary>An assembly with the given migrations and nothing else.</summary>
    private sealed class Release(params (string Name, string Sql)[] files) : Assembly
    {
        private static readonly string Folder = $"Some.Program.Migrations.{Engine}.";

        public override string[] GetManifestResourceNames() => [.. files.Select(file => Folder + file.Name), "Some.Program.other.txt"];

        public override Stream? GetManifestResourceStream(string name) =>
            new MemoryStream(Encoding.UTF8.GetBytes(files.Single(file => Folder + file.Name == name).Sql));
    }
}
