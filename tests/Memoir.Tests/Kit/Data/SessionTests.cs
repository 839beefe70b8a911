using System.Data.Common;
using Memoir.Kit.Data;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data;

/// <summary>What a session lets its closure do.</summary>
public sealed class SessionTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readers_do_not_wait_for_a_writer_inside_a_long_closure()
    {
        using var store = await OpenAsync();
        await store.AddAsync("before");
        using var gate = await store.HoldWriterAsync();

        var seen = await store.NotesAsync().WaitAsync(TimeSpan.FromSeconds(20), Ct);

        Assert.Equal(["before"], seen);
    }

    [Fact]
    public async Task Nobody_sees_a_write_before_its_commit()
    {
        using var store = await OpenAsync();
        using var opened = new ManualResetEventSlim();
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var write = store.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "not yet");
                written.SetResult();
                opened.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
            },
            Ct);
        await written.Task;

        var seen = await store.CountAsync();
        opened.Set();
        await write;

        Assert.Equal(0, seen);
        Assert.Equal(1, await store.CountAsync());
    }

    [Fact]
    public async Task All_that_one_read_sees_is_of_one_moment()
    {
        using var store = await OpenAsync();
        await store.AddAsync("one");

        var (first, second) = await store.Database.ReadAsync(
            Acme,
            async session =>
            {
                var before = await CountAsync(session);
                await store.AddAsync("two");
                return (before, await CountAsync(session));
            },
            Ct);

        Assert.Equal((1, 1), (first, second));
        Assert.Equal(2, await store.CountAsync());
    }

    [Fact]
    public async Task A_reading_session_cannot_execute()
    {
        using var store = await OpenAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.Database.ReadAsync(Acme, session => InsertAsync(session, "x"), Ct));

        Assert.Empty(await store.NotesAsync());
    }

    [Theory]
    [InlineData("INSERT INTO notes (tenant_id, text) VALUES (@Tenant, 'smuggled') RETURNING 1")]
    [InlineData("DELETE FROM notes WHERE tenant_id = @Tenant RETURNING 1")]
    public async Task A_reading_session_cannot_write_through_a_query_either(string sql)
    {
        using var store = await OpenAsync();
        await store.AddAsync("there");

        await Assert.ThrowsAnyAsync<DbException>(() => store.Database.ReadAsync(Acme, session => session.ScalarAsync(sql, new { }), Ct));
        await Assert.ThrowsAnyAsync<DbException>(() => store.Database.ReadAsync(Acme, session => session.QueryAsync<long>(sql, new { }), Ct));

        Assert.Equal(["there"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_command_is_one_statement()
    {
        using var store = await OpenAsync();
        const string two = "INSERT INTO notes (tenant_id, text) VALUES (@Tenant, 'a'); DELETE FROM notes WHERE tenant_id = @Tenant";

        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => store.Database.WriteAsync(Acme, session => session.ExecuteAsync(two, new { }), Ct));

        // The program refuses it for SQLite, which would run the first; PostgreSQL does so itself.
        Assert.True(refusal is InvalidOperationException or DbException { SqlState: "42601" }, refusal.ToString());

        Assert.Empty(await store.NotesAsync());
    }

    [Fact]
    public async Task The_tenant_is_bound_by_the_session_alone()
    {
        using var store = await OpenAsync();
        await store.AddAsync("of acme");

        var seen = await store.Database.ReadAsync(new Tenant("other"), session => CountAsync(session), Ct);

        Assert.Equal(0, seen);
    }

    [Fact]
    public async Task A_system_session_has_no_tenant_to_bind()
    {
        using var store = await OpenAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.Database.SystemReadAsync(session => CountAsync(session), Ct));

        Assert.Equal(0, await store.CountAsync());
    }

    [Fact]
    public async Task A_session_cannot_be_used_after_its_closure()
    {
        using var store = await OpenAsync();
        Session? kept = null;
        await store.Database.WriteAsync(
            Acme,
            session =>
            {
                kept = session;
                return InsertAsync(session, "in time");
            },
            Ct);

        await Assert.ThrowsAsync<InvalidOperationException>(() => InsertAsync(kept!, "too late"));

        Assert.Equal(["in time"], await store.NotesAsync());
    }

    [Fact]
    public async Task A_read_that_fails_leaves_the_next_one_a_working_connection()
    {
        using var store = await OpenAsync();
        await store.AddAsync("there");

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() =>
            store.Database.ReadAsync<int>(Acme, _ => throw new TimeZoneNotFoundException(), Ct));

        Assert.Equal(["there"], await store.NotesAsync());
    }
}
