using System.Net;
using Memoir.Kit.Data;
using Memoir.Server;
using Memoir.Server.Backups.Rows;
using Memoir.Tests.Testing;
using Microsoft.Data.Sqlite;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands.Copy;

/// <summary>memoir copy, as a process, from SQLite to the engine of the tests.</summary>
public sealed class CopyTests : IAsyncLifetime
{
    private CopyFixture _copy = null!;

    public async ValueTask InitializeAsync() => _copy = await CopyFixture.OpenAsync();

    public ValueTask DisposeAsync() => _copy.DisposeAsync();

    [Fact]
    public async Task The_list_of_what_is_copied_is_the_schema_of_both_engines()
    {
        await _copy.MakeSourceAsync();
        var listed = CopiedTables.All.SelectMany(table => table.Columns.Append("tenant_id").Select(column => $"{table.Name}.{column}"))
            .Order(StringComparer.Ordinal).ToList();
        await using var file = new SqliteConnection($"Data Source={_copy.SourceFile};Pooling=False");
        await file.OpenAsync(Ct);
        using var target = _copy.OpenTarget();
        await target.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, Ct);
        const string ofServer = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'";
        const string ofFile = "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";

        var inTarget = await target.SystemReadAsync(
            session => session.QueryAsync<string>(session.Dialect == Dialect.Postgres ? ofServer : ofFile, new { }), Ct);

        Assert.Equal(listed, Canaries.Columns(file).Select(column => $"{column.Table}.{column.Name}").Order(StringComparer.Ordinal));
        Assert.Equal(
            listed,
            inTarget.Where(name => !CopiedTables.NotCopied.Contains(name[..name.IndexOf('.', StringComparison.Ordinal)])).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_column_of_every_row_of_every_tenant_arrives_as_it_was()
    {
        await _copy.MakeSourceAsync();
        var tables = Canaries.Fill(_copy.SourceFile, "acme", "umbrella");

        var ending = await _copy.CopyAsync();

        AssertCopied(ending);
        foreach (var table in tables)
        {
            foreach (var tenant in (string[])["acme", "umbrella"])
            {
                var source = await _copy.ReadSourceAsync(table, tenant);
                Assert.NotEmpty(source);
                Assert.Equal(source, await _copy.ReadTargetAsync(table, tenant));
                Assert.Matches($@"(?m)^{tenant} +{table} +{source.Count:N0}  [0-9a-f]{{64}}$", ending.Output);
            }
        }

        Assert.Contains("2 tenants, ", ending.Output, StringComparison.Ordinal);
        Assert.Contains(": the same on both sides.", ending.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await _copy.CopyAsync("--check")).Code);
    }

    [Fact]
    public async Task A_server_on_the_copy_answers_as_the_one_before()
    {
        string kept;
        string[] before;
        await using (var server = await ServerProcess.StartAsync(_copy.Folder))
        {
            using var client = server.Client();
            var stored = await client.StoreManyAsync(Enumerable.Range(0, 300).Select(i =>
                Message($"turn {i} about the lighthouse \U0001F30A", ("external_id", $"e{i}"), ("metadata", new { number = i }))));
            kept = stored.Items()[5].Text("id")!;
            var changed = await client.SendAsync("PATCH", $"/v1/messages/{kept}?tenant_id=acme", """{"importance_override":0.9}""");
            var deleted = await client.DeleteAsync(new Uri($"/v1/messages/{stored.Items()[6].Text("id")}?tenant_id=acme", UriKind.Relative), Ct);
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NoContent), (changed.StatusCode, deleted.StatusCode));
            await client.StoreManyAsync(Message("another tenant's", ("tenant_id", "umbrella")));
            before = await AnswersAsync(client, kept);
            server.Terminate();
            Assert.Equal(0, (await server.ExitAsync()).Code);
        }

        var ending = await _copy.CopyAsync();
        AssertCopied(ending);

        await using var moved = await ServerProcess.StartAsync(_copy.Folder, _copy.OnTarget);
        using var there = moved.Client();
        Assert.Equal(before, await AnswersAsync(there, kept));
        var again = await there.StoreManyAsync(Message("after the move", ("external_id", "e5")), Message("and a new one"));
        Assert.Equal(kept, again.Items()[0].Text("id"));
        Assert.Equal(2, (await there.ReadAsync($"/v1/messages/{kept}/history?tenant_id=acme")).Items().Length);
        Assert.Single((await there.SearchAsync("after the move", ("tenant_id", "acme"), ("mode", "lexical"), ("top_k", 1))).Items());
    }

    [Fact]
    public async Task A_row_that_was_damaged_in_the_target_is_found_and_named()
    {
        await _copy.MakeSourceAsync();
        Canaries.Fill(_copy.SourceFile, "acme", "umbrella");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        await _copy.ExecuteOnTargetAsync("UPDATE memories SET content = content || ' ' WHERE tenant_id = 'umbrella' AND sequence = (SELECT max(sequence) FROM memories WHERE tenant_id = 'umbrella')", "umbrella");
        await _copy.ExecuteOnTargetAsync("DELETE FROM audit_records WHERE tenant_id = 'acme' AND id = (SELECT id FROM audit_records WHERE tenant_id = 'acme' LIMIT 1)", "acme");

        var ending = await _copy.CopyAsync("--check");

        Assert.Equal(65, ending.Code);
        var different = ending.Output.Split('\n').Where(line => line.Contains("differs from the source", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, different.Count);
        Assert.Matches("^acme +audit_records +1,202 ", different[0]);
        Assert.Matches("^umbrella +memories +1,203 ", different[1]);
        Assert.Contains("2 tables are not the same", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_with_rows_is_refused_and_left_as_it_is()
    {
        await _copy.MakeSourceAsync();
        Canaries.Fill(_copy.SourceFile, "acme");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        var before = await _copy.ReadTargetAsync("memories", "acme");

        var ending = await _copy.CopyAsync();

        Assert.Equal(65, ending.Code);
        Assert.Contains("is not empty", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        Assert.Equal(before, await _copy.ReadTargetAsync("memories", "acme"));
    }

    [Fact]
    public async Task What_an_interrupted_copy_leaves_is_refused_by_servers_and_by_the_next_copy()
    {
        await _copy.MakeSourceAsync();
        using (var target = _copy.OpenTarget())
        {
            await target.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, Ct);
            await target.BeginCopyAsync(TimeProvider.System, Ct);
        }

        var served = await ServerProcess.RefuseAsync(_copy.Folder, _copy.OnTarget);
        var copied = await _copy.CopyAsync();
        var migrated = await ServerProcess.RunAsync(_copy.Folder, _copy.OnTarget, "migrate");

        Assert.All((ServerProcess.Ending[])[served, copied, migrated], ending =>
        {
            Assert.Equal(78, ending.Code);
            Assert.Contains("part of a copy", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        });
    }

#if POSTGRES
    [Fact]
    public async Task A_copy_that_fails_in_the_middle_says_why_and_leaves_a_target_that_nothing_starts_on()
    {
        await _copy.MakeSourceAsync();
        Canaries.Fill(_copy.SourceFile, "acme");
        using (var target = _copy.OpenTarget())
        {
            await target.MigrateAsync(typeof(Startup).Assembly, TimeProvider.System, Ct);
            await target.MigrateAsync(session => session.ExecuteAsync("ALTER TABLE audit_records ADD CONSTRAINT few CHECK (count < 1000000000)", new { }), Ct);
        }

        var ending = await _copy.CopyAsync();

        Assert.Equal(65, ending.Code);
        Assert.Contains("few", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        Assert.Equal(78, (await ServerProcess.RefuseAsync(_copy.Folder, _copy.OnTarget)).Code);
    }

    [Fact]
    public async Task The_way_back_to_sqlite_brings_the_same()
    {
        await _copy.MakeSourceAsync();
        var tables = Canaries.Fill(_copy.SourceFile, "acme");
        Assert.Equal(0, (await _copy.CopyAsync()).Code);
        var back = Path.Combine(_copy.Folder, "back.db");

        var ending = await ServerProcess.RunAsync(_copy.Folder, "copy", "--from", _copy.To, "--to", $"sqlite:///{back}");

        AssertCopied(ending);
        var there = await ServerProcess.RunAsync(_copy.Folder, "copy", "--check", "--from", _copy.From, "--to", $"sqlite:///{back}");
        Assert.Equal(0, there.Code);
        Assert.All(tables, table => Assert.Contains(table, there.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_target_that_a_server_is_connected_to_is_refused()
    {
        await _copy.MakeSourceAsync();
        await using var server = await ServerProcess.StartAsync(Path.Combine(_copy.Folder, "other"), _copy.OnTarget);

        var ending = await _copy.CopyAsync();

        Assert.Equal(69, ending.Code);
        Assert.Contains("--to: ", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        Assert.Contains("in use", ending.Errors, StringComparison.Ordinal);
    }
#endif

    [Fact]
    public async Task A_source_that_a_server_uses_is_refused()
    {
        await using var server = await ServerProcess.StartAsync(_copy.Folder);

        var ending = await _copy.CopyAsync();

        Assert.Equal(69, ending.Code);
        Assert.StartsWith("memoir: copy: --from: ", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        Assert.Contains("in use by another Memoir process", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_is_not_up_to_date_is_refused_and_not_brought_up_to_date()
    {
        await _copy.MakeSourceAsync();
        CopyFixture.Execute(_copy.SourceFile, "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)");

        var first = await _copy.CopyAsync();
        var second = await _copy.CopyAsync();

        Assert.All((ServerProcess.Ending[])[first, second], ending =>
        {
            Assert.Equal(65, ending.Code);
            Assert.Contains("lacks 1 migrations: start its server once", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(64, "--from is missing", "--to", "sqlite:///x.db")]
    [InlineData(64, "--from: must be sqlite:///FILE or postgresql://", "--from", "mysql://root@localhost/memoir")]
    [InlineData(64, "--to: must be sqlite:///FILE or postgresql://", "--from", "FROM", "--to", "memoir.db")]
    [InlineData(64, "--to: must be postgresql://USER", "--from", "FROM", "--to", "postgresql://127.0.0.1/")]
    [InlineData(64, "--from and --to are the same database", "--from", "FROM", "--to", "FROM")]
    [InlineData(64, "--from and --to are the same database", "--from", "FROM")]
    [InlineData(64, "unexpected: x", "--from", "FROM", "x")]
    [InlineData(66, "--from: there is no file", "--from", "sqlite:///none.db", "--to", "sqlite:///x.db")]
    [InlineData(69, "--to: ", "--from", "FROM", "--to", "postgresql://a:b@127.0.0.1:1/none")]
    public async Task What_cannot_be_copied_is_one_line(int code, string says, params string[] arguments)
    {
        await _copy.MakeSourceAsync();

        var ending = await ServerProcess.RunAsync(_copy.Folder, ["copy", .. arguments.Select(argument => argument == "FROM" ? _copy.From : argument)]);

        Assert.StartsWith($"memoir: copy: {says}", Assert.Single(Complaints(ending)), StringComparison.Ordinal);
        Assert.Equal((code, ""), (ending.Code, ending.Output));
        Assert.Equal(["memoir.db", "memoir.db.lock"], Directory.GetFiles(_copy.Folder)
            .Select(file => Path.GetFileName(file)).Where(name => !name.Contains('-', StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    private static void AssertCopied(ServerProcess.Ending ending)
    {
        Assert.Empty(Complaints(ending));
        Assert.Equal(0, ending.Code);
    }

    /// <summary>What is said besides the progress, of which a slow machine sees more.</summary>
    private static string[] Complaints(ServerProcess.Ending ending) => [.. ending.ErrorLines.Where(line =>
        !line.StartsWith("memoir: copying ", StringComparison.Ordinal) && !line.StartsWith("memoir: verifying ", StringComparison.Ordinal))];

    private static async Task<string[]> AnswersAsync(HttpClient client, string id) =>
    [
        (await client.ReadAsync("/v1/conversations/c1/messages?tenant_id=acme&limit=200")).GetRawText(),
        (await client.ReadAsync("/v1/conversations?tenant_id=acme")).GetRawText(),
        (await client.ReadAsync("/v1/conversations?tenant_id=umbrella")).GetRawText(),
        (await client.ReadAsync($"/v1/messages/{id}/history?tenant_id=acme")).GetRawText(),
        .. (await client.SearchAsync("lighthouse", ("tenant_id", "acme"))).Items().Select(item => item.Text("message_id")!),
        .. (await client.SearchAsync("lighthouse turn 77", ("tenant_id", "acme"))).Items().Select(item => item.Text("message_id")!),
    ];
}
