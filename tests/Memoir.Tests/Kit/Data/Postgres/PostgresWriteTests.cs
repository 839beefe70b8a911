using Memoir.Kit.Data;
using Memoir.Kit.Data.Postgres;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using Npgsql;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>Writes from several processes, and connections that die under them: nothing is lost, nothing is done twice, nobody is told a lie.</summary>
public sealed class PostgresWriteTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_update_of_a_tenant_is_lost_between_two_processes()
    {
        using var notes = await SharedNotes.OpenAsync();
        Database[] processes = [notes.Another(), notes.Another()];

        // Each reads how many there are and writes the next number: two at once would write the same one.
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => processes[i % 2].WriteAsync(
            Acme, async session => await InsertAsync(session, $"{await CountAsync(session):000}"), Ct)));

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i:000}"), await notes.NotesAsync());
    }

    [Fact]
    public async Task Another_tenant_does_not_wait_for_a_turn()
    {
        using var notes = await SharedNotes.OpenAsync();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var open = new ManualResetEventSlim();
        var holding = notes.Another().WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "holds its turn");
                entered.TrySetResult();
                open.Wait(TimeSpan.FromSeconds(8), CancellationToken.None);
            },
            Ct);
        await entered.Task;

        await notes.Another().WriteAsync(new Tenant("other"), session => InsertAsync(session, "beside"), Ct);

        Assert.False(holding.IsCompleted);
        open.Set();
        await holding;
    }

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    public async Task A_write_that_gave_in_to_another_runs_again(string state)
    {
        using var notes = await SharedNotes.OpenAsync();
        await RaiseAsync(notes);
        var runs = 0;

        await notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "once");
                if (++runs < 3)
                {
                    await session.ScalarAsync("SELECT raise(@state)", new { state });
                }
            },
            Ct);

        Assert.Equal(3, runs);
        Assert.Equal(["once"], await notes.NotesAsync());
    }

    [Theory]
    [InlineData("40001", "storage-unavailable")]
    [InlineData("57P01", "storage-unavailable")]
    [InlineData("53100", "insufficient-storage")]
    [InlineData("53300", "storage-unavailable")]
    [InlineData("55P03", "overloaded")]
    [InlineData("XX001", "storage-unavailable")]
    public async Task A_fault_of_the_storage_that_stays_is_told_as_one(string state, string slug)
    {
        using var notes = await SharedNotes.OpenAsync();
        await RaiseAsync(notes);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "never");
                await session.ScalarAsync("SELECT raise(@state)", new { state });
            },
            Ct));

        Assert.Equal(slug, refusal.Problem.Slug());
        Assert.Empty(await notes.NotesAsync());
    }

    [Fact]
    public async Task A_write_whose_connection_dies_before_the_commit_runs_again()
    {
        using var notes = await SharedNotes.OpenAsync();
        var runs = 0;

        await notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                await InsertAsync(session, "once");
                if (++runs == 1)
                {
                    await session.ScalarAsync("SELECT 1 FROM pg_terminate_backend(pg_backend_pid())", new { });
                }
            },
            Ct);

        Assert.Equal(2, runs);
        Assert.Equal(["once"], await notes.NotesAsync());
    }

    [Fact]
    public async Task A_write_whose_connection_dies_in_the_commit_is_answered_that_nobody_knows()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("""
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.text = 'dies') EXECUTE FUNCTION die()
            """);
        var runs = 0;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => notes.Database.WriteAsync(
            Acme,
            session =>
            {
                runs++;
                return InsertAsync(session, "dies");
            },
            Ct));
        await notes.Database.WriteAsync(Acme, session => InsertAsync(session, "after"), Ct);

        Assert.Equal(Problem.StorageUnavailable, refusal.Problem);
        Assert.Contains("may or may not be stored", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, runs);
        Assert.Equal(["after"], await notes.NotesAsync());
    }

    [Fact]
    public async Task After_all_connections_were_ended_reads_and_writes_go_on()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.Database.WriteAsync(Acme, session => InsertAsync(session, "before"), Ct);
        await notes.OwnerAsync("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");

        var read = await notes.NotesAsync();
        await notes.OwnerAsync("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        await notes.Database.WriteAsync(Acme, session => InsertAsync(session, "later"), Ct);

        Assert.Equal(["before"], read);
        Assert.Equal(["before", "later"], await notes.NotesAsync());
    }

    [Fact]
    public async Task What_fails_only_at_the_commit_costs_the_others_of_its_group_nothing()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("ALTER TABLE notes ADD COLUMN parent text, ADD FOREIGN KEY (tenant_id, parent) REFERENCES notes DEFERRABLE INITIALLY DEFERRED");
        var gate = new WriterGate();
        gate.Hold(notes.Database);
        await gate.Entered;
        var good = notes.Database.WriteAsync(Acme, session => InsertAsync(session, "good"), Ct);
        var orphan = notes.Database.WriteAsync(
            Acme, session => session.SendAsync("INSERT INTO notes (tenant_id, text, parent) VALUES (@Tenant, 'orphan', 'nobody')", new { }), Ct);
        var better = notes.Database.WriteAsync(Acme, session => InsertAsync(session, "past"), Ct);

        await gate.OpenAsync();
        gate.Dispose();
        await Task.WhenAll(good, better);
        var fault = await Assert.ThrowsAsync<PostgresException>(() => orphan);

        Assert.Equal("23503", fault.SqlState);
        Assert.Equal(["good", "past"], await notes.NotesAsync());
    }

    [Fact]
    public async Task A_pool_whose_connections_are_all_busy_says_overloaded_and_breaks_none()
    {
        using var notes = await SharedNotes.OpenAsync();
        using var database = new SmallPool(notes);
        var busy = database.Hold();

        var write = await Assert.ThrowsAsync<ProblemException>(() => database.Database.WriteAsync(new Tenant("other"), session => InsertAsync(session, "no place"), Ct));
        var read = await Assert.ThrowsAsync<ProblemException>(() => database.Database.ReadAsync(Acme, session => CountAsync(session), Ct));
        database.Release();
        var backend = await busy;
        await database.Database.WriteAsync(Acme, session => InsertAsync(session, "place"), Ct);

        Assert.Equal((Problem.Overloaded, Problem.Overloaded), (write.Problem, read.Problem));
        Assert.Equal(backend, await database.Database.WriteAsync(Acme, session => session.ScalarAsync("SELECT pg_backend_pid()", new { }), Ct));
        Assert.Equal(["place"], await notes.NotesAsync());
    }

    [Fact]
    public async Task One_tenant_cannot_fill_the_queue_of_all()
    {
        using var notes = await SharedNotes.OpenAsync();
        var database = notes.Another(options => options.WriteQueueLimit = 800);
        var gate = new WriterGate();
        gate.Hold(database);
        await gate.Entered;
        var writes = Enumerable.Range(0, 300).Select(async i => await database.WriteAsync(Acme, session => InsertAsync(session, $"{i:000}"), Ct)).ToList();

        await database.WriteAsync(new Tenant("other"), session => InsertAsync(session, "beside"), Ct);
        await gate.OpenAsync();
        gate.Dispose();
        var answers = await Task.WhenAll(writes.Select(write => write.ContinueWith(done => (done.Exception?.InnerException as ProblemException)?.Problem, TaskScheduler.Default)));

        Assert.Equal(100, answers.Count(problem => problem is null)); // An eighth of the queue.
        Assert.Equal(200, answers.Count(problem => problem == Problem.Overloaded));
        Assert.Equal(100, (await notes.NotesAsync()).Count);
    }

    [Fact]
    public async Task A_server_that_takes_no_writes_any_more_is_left_for_another()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("CREATE SEQUENCE attempts; GRANT USAGE ON SEQUENCE attempts TO PUBLIC");
        await notes.OwnerAsync("""
            CREATE FUNCTION follow() RETURNS bigint LANGUAGE plpgsql AS
                'BEGIN IF nextval(''attempts'') = 1 THEN RAISE EXCEPTION ''cannot execute INSERT in a read-only transaction'' USING ERRCODE = ''25006''; END IF; RETURN 1; END'
            """);
        var backends = new List<long?>();

        await notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                backends.Add(await session.ScalarAsync("SELECT pg_backend_pid()", new { }));
                await session.ScalarAsync("SELECT follow()", new { });
                await InsertAsync(session, "at the new one");
            },
            Ct);

        Assert.Equal(2, backends.Distinct().Count());
        Assert.Equal(["at the new one"], await notes.NotesAsync());
    }

    [Theory]
    [InlineData("FATAL", "28P01", false)]
    [InlineData("FATAL", "53300", false)]
    [InlineData("FATAL", "58030", true)]
    [InlineData("PANIC", "53100", true)]
    public void A_server_that_breaks_down_leaves_a_commit_in_doubt(string severity, string state, bool isBroken) =>
        Assert.Equal(isBroken, PostgresErrors.IsBroken(new PostgresException("down", severity, severity, state)));

    private static Task RaiseAsync(SharedNotes notes) => notes.OwnerAsync(
        "CREATE FUNCTION raise(state text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''raised'' USING ERRCODE = state; END'");

    /// <summary>A pool of one connection, for which nobody waits longer than a second.</summary>
    private sealed class SmallPool : IDisposable
    {
        private readonly ManualResetEventSlim _open = new();

        public SmallPool(SharedNotes notes) => Database = notes.Another(options =>
        {
            options.DatabaseUrl = $"{PostgresServer.ApplicationUrlOf(notes.Name)}?connect_timeout=1";
            options.DatabasePoolSize = 1;
        });

        public Database Database { get; }

        /// <returns>The process that serves the one connection, when it is given back.</returns>
        public Task<long?> Hold() => Database.WriteAsync(
            Acme,
            async session =>
            {
                var backend = await session.ScalarAsync("SELECT pg_backend_pid()", new { });
                _open.Wait(TimeSpan.FromSeconds(20), CancellationToken.None);
                return backend;
            },
            Ct);

        public void Release() => _open.Set();

        public void Dispose() => _open.Dispose();
    }
}
