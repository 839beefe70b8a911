using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Npgsql;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>A tenant is said for a transaction and ends with it, however it ends: nobody who has the connection next inherits it.</summary>
public sealed class TenantTransactionTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> Endings =>
        ["a commit", "a read", "a system session", "an abort in the middle", "a failed statement", "a failed commit", "a cancelled read", "a failed read"];

    [Theory, MemberData(nameof(Endings))]
    public async Task The_connection_knows_no_tenant_afterwards(string ending)
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''too late''; END';
            CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.text = 'refused at the commit') EXECUTE FUNCTION refuse()
            """);
        var database = notes.Pooled();
        await database.WriteAsync(Acme, session => InsertAsync(session, "there"), Ct);

        var fault = await Record.ExceptionAsync(() => EndAsync(database, ending));

        Assert.Equal(ending.Contains("abort", StringComparison.Ordinal) || ending.Contains("failed", StringComparison.Ordinal) || ending.Contains("cancelled", StringComparison.Ordinal), fault is not null);
        await using var stranger = await notes.StrangerAsync();
        Assert.Equal("", await AskAsync(stranger, "SELECT concat(current_setting('app.tenant', true), current_setting('app.system', true))"));
        Assert.Equal(0L, await AskAsync(stranger, "SELECT COUNT(*) FROM notes"));
        Assert.Equal("on", await AskAsync(stranger, "SELECT current_setting('synchronous_commit')"));
        Assert.Equal("0", await AskAsync(stranger, "SELECT current_setting('lock_timeout')"));
        Assert.Equal(["there"], (await notes.NotesAsync()).Where(text => text != "committed"));
    }

    [Fact]
    public async Task A_write_whose_closure_passes_over_a_failed_statement_is_not_acknowledged()
    {
        using var notes = await SharedNotes.OpenAsync();

        var write = notes.Database.WriteAsync(Acme, async session =>
        {
            await InsertAsync(session, "lost");
            await Assert.ThrowsAsync<PostgresException>(() => InsertAsync(session, "lost")); // The key is taken.
        }, Ct);

        await Assert.ThrowsAsync<InvalidOperationException>(() => write);
        Assert.Empty(await notes.NotesAsync());
    }

    [Fact]
    public async Task Without_a_tenant_there_are_no_rows_and_none_can_be_made()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.Database.WriteAsync(Acme, session => InsertAsync(session, "of acme"), Ct);
        await using var stranger = await PostgresServer.ConnectAsync(PostgresServer.ApplicationUrlOf(notes.Name));

        var seen = await AskAsync(stranger, "SELECT COUNT(*) FROM notes");
        var made = await Assert.ThrowsAsync<PostgresException>(() => AskAsync(stranger, "INSERT INTO notes VALUES ('acme', 'smuggled')"));
        var named = await Assert.ThrowsAsync<PostgresException>(() => AskAsync(stranger, "INSERT INTO notes VALUES ('', 'of nobody')"));
        var gone = await AskAsync(stranger, "WITH gone AS (DELETE FROM notes RETURNING 1) SELECT COUNT(*) FROM gone");

        Assert.Equal((0L, 0L), (seen, gone));
        Assert.Equal(("42501", "42501"), (made.SqlState, named.SqlState));
        Assert.Equal(["of acme"], await notes.NotesAsync());
    }

    [Fact]
    public async Task A_row_of_another_tenant_is_refused_by_the_database_itself()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.Database.WriteAsync(Acme, session => InsertAsync(session, "of acme"), Ct);
        var other = new Tenant("other");

        var made = await Assert.ThrowsAsync<PostgresException>(() => notes.Database.WriteAsync(
            other, session => session.ExecuteAsync("INSERT INTO notes (tenant_id, text) VALUES ('acme', 'smuggled')", new { }), Ct));
        var moved = await Assert.ThrowsAsync<PostgresException>(() => notes.Database.WriteAsync(
            Acme, session => session.ExecuteAsync("UPDATE notes SET tenant_id = 'other'", new { }), Ct));
        var changed = await notes.Database.WriteAsync(other, session => session.ExecuteAsync("UPDATE notes SET text = 'x' WHERE tenant_id = 'acme'", new { }), Ct);
        var seen = await notes.Database.ReadAsync(other, session => session.ScalarAsync("SELECT COUNT(*) FROM notes", new { }), Ct);
        var seenBySystem = await notes.Database.SystemReadAsync(session => session.ScalarAsync("SELECT COUNT(*) FROM notes", new { }), Ct);

        Assert.Equal(("42501", "42501"), (made.SqlState, moved.SqlState));
        Assert.Equal((0, 0L, 0L), (changed, seen, seenBySystem));
        Assert.Equal(["of acme"], await notes.NotesAsync());
    }

    [Fact]
    public async Task A_read_stays_a_read_whatever_its_statement_says()
    {
        using var notes = await SharedNotes.OpenAsync();

        var fault = await Assert.ThrowsAsync<PostgresException>(() => notes.Database.ReadAsync(
            Acme, session => session.ScalarAsync("INSERT INTO notes (tenant_id, text) VALUES (@Tenant, 'x') RETURNING 1", new { }), Ct));

        Assert.Equal("25006", fault.SqlState);
    }

    [Theory]
    [InlineData("'; DROP TABLE notes; --")]
    [InlineData("\\'; SELECT 1; --")]
    [InlineData("$1")]
    [InlineData("💾 é \u202e")]
    public async Task A_tenant_and_a_text_are_values_whatever_they_spell(string text)
    {
        using var notes = await SharedNotes.OpenAsync();
        var tenant = new Tenant(text);

        await notes.Database.WriteAsync(tenant, session => InsertAsync(session, text), Ct);

        var seen = await notes.Database.ReadAsync(tenant, session => session.QueryAsync<string>("SELECT text FROM notes WHERE tenant_id = @Tenant", new { }), Ct);
        Assert.Equal([text], seen);
        Assert.Empty(await notes.NotesAsync());
    }

    [Fact]
    public async Task What_is_committed_is_on_disk_even_where_the_server_would_not_wait()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync($"ALTER DATABASE {notes.Name} SET synchronous_commit = off");
        var database = notes.Another();
        const string ask = "SELECT CASE current_setting('synchronous_commit') WHEN 'on' THEN 1 ELSE 0 END";

        var writing = await database.WriteAsync(Acme, session => session.ScalarAsync(ask, new { }), Ct);
        var reading = await database.ReadAsync(Acme, session => session.ScalarAsync(ask, new { }), Ct);

        Assert.Equal((1L, 0L), (writing, reading));
    }

    [Fact]
    public async Task What_is_said_on_a_channel_is_heard_beside_the_pooler()
    {
        using var notes = await SharedNotes.OpenAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        using var heard = new SemaphoreSlim(0);
        var listening = notes.Pooled().ListenAsync("memoir_test", () => heard.Release(), stop.Token);
        Assert.True(await heard.WaitAsync(TimeSpan.FromSeconds(60), Ct), "It calls once when it begins.");

        await notes.Database.WriteAsync(Acme, session => session.ExecuteAsync("NOTIFY memoir_test", new { }), Ct);

        Assert.True(await heard.WaitAsync(TimeSpan.FromSeconds(60), Ct), "It was not heard.");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
    }

    private static async Task EndAsync(Database database, string ending)
    {
        switch (ending)
        {
            case "a commit":
                await database.WriteAsync(Acme, session => InsertAsync(session, "committed"), Ct);
                break;
            case "a read":
                await database.ReadAsync(Acme, CountAsync, Ct);
                break;
            case "a system session":
                await database.SystemReadAsync(session => session.ScalarAsync("SELECT COUNT(*) FROM notes", new { }), Ct);
                break;
            case "an abort in the middle":
                await database.WriteAsync<int>(
                    Acme,
                    async session =>
                    {
                        await InsertAsync(session, "half");
                        throw new TimeZoneNotFoundException();
                    },
                    Ct);
                break;
            case "a failed statement":
                await database.WriteAsync(Acme, session => InsertAsync(session, "there"), Ct);
                break;
            case "a failed commit":
                await database.WriteAsync(Acme, session => InsertAsync(session, "refused at the commit"), Ct);
                break;
            case "a cancelled read":
                using (var caller = new CancellationTokenSource())
                {
                    await database.ReadAsync(
                        Acme,
                        async session =>
                        {
                            await CountAsync(session);
                            var asleep = session.ScalarAsync("SELECT 1 FROM pg_sleep(60)", new { });
                            await caller.CancelAsync();
                            return await asleep;
                        },
                        caller.Token);
                }

                break;
            case "a failed read":
                await database.ReadAsync(Acme, session => session.ScalarAsync("SELECT 1 / (SELECT COUNT(*) - 1 FROM notes)", new { }), Ct);
                break;
            default:
                throw new InvalidOperationException(ending);
        }
    }

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Ct);
    }
}
