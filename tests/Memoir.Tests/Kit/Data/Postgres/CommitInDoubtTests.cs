using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Tenants;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>
/// Writes that go on before they know, and commits that nobody heard of: each is kept once or not at all, and its caller
/// is told which, wherever that can be known.
/// </summary>
public sealed class CommitInDoubtTests
{
    private const string Counted = "SELECT CASE WHEN COUNT(*) = @before THEN 1 ELSE 0 END FROM notes WHERE tenant_id = @Tenant";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_write_that_asks_nothing_is_one_trip()
    {
        using var notes = await SharedNotes.OpenAsync();
        using var line = LineTo(notes);
        var database = Through(line, notes);
        await database.WriteAsync(Acme, session => InsertAsync(session, "connects"), Ct);
        var before = line.Trips;

        await database.WriteAsync(Acme, session => SendAsync(session, "a", before: 1), Ct);

        Assert.Equal(1, line.Trips - before);
        Assert.Equal(["a", "connects"], await notes.NotesAsync());
    }

    [Fact]
    public async Task The_second_reservation_of_a_process_asks_nothing_and_another_process_is_noticed()
    {
        using var notes = await SharedNotes.OpenAsync();
        await CreateTenantsAsync(notes);
        using var line = LineTo(notes);
        var (here, there) = (Through(line, notes), notes.Another());
        var (mine, theirs) = (new CounterReservations(here, TimeProvider.System), new CounterReservations(there, TimeProvider.System));

        var first = await here.WriteAsync(Acme, session => mine.ReserveAsync(session, 2), Ct);
        var before = line.Trips;
        var second = await here.WriteAsync(Acme, session => mine.ReserveAsync(session, 3), Ct);
        var trips = line.Trips - before;
        var third = await there.WriteAsync(Acme, session => theirs.ReserveAsync(session, 1), Ct);
        var fourth = await here.WriteAsync(Acme, session => mine.ReserveAsync(session, 1), Ct);

        Assert.Equal([2, 5, 6, 7], new[] { first, second, third, fourth }.Select(c => c.LastSequence));
        Assert.Equal([1, 2, 3, 4], new[] { first, second, third, fourth }.Select(c => c.LastChange));
        Assert.Equal(1, trips);
    }

    [Fact]
    public async Task What_several_closures_of_a_transaction_reserve_follows_each_other()
    {
        using var notes = await SharedNotes.OpenAsync();
        await CreateTenantsAsync(notes);
        var reservations = new CounterReservations(notes.Database, TimeProvider.System);
        var gate = new WriterGate();
        gate.Hold(notes.Database);
        await gate.Entered;
        var all = Enumerable.Range(1, 20).Select(i => notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                var taken = await reservations.ReserveAsync(session, i);
                if (i % 7 == 0)
                {
                    await TenantCounters.RaiseEpochAsync(session); // What was noted of the counters is then old.
                }

                return taken;
            },
            Ct)).ToList();
        await gate.OpenAsync();
        gate.Dispose();

        var taken = await Task.WhenAll(all);

        Assert.Equal(Enumerable.Range(1, 20).Select(i => i * (i + 1L) / 2), taken.Select(c => c.LastSequence));
        Assert.Equal(Enumerable.Range(1, 20).Select(i => (long)i), taken.Select(c => c.LastChange));
        Assert.Equal(Enumerable.Range(1, 20).Select(i => (i - 1L) / 7), taken.Select(c => c.Epoch));
    }

    [Fact]
    public async Task Who_assumed_wrongly_runs_again_and_asks()
    {
        using var notes = await SharedNotes.OpenAsync();
        var allowed = new List<bool>();

        await notes.Database.WriteAsync(
            Acme,
            session =>
            {
                allowed.Add(session.MayAssume);
                return session.MayAssume ? SendAsync(session, "wrong", before: 7) : InsertAsync(session, "asked");
            },
            Ct);

        Assert.Equal([true, false], allowed);
        Assert.Equal(["asked"], await notes.NotesAsync());
    }

    [Fact]
    public async Task A_read_behind_an_assumption_gets_its_own_rows()
    {
        using var notes = await SharedNotes.OpenAsync();

        var found = await notes.Database.WriteAsync(
            Acme,
            async session =>
            {
                await SendAsync(session, "written before", before: 0);
                return await session.QueryAsync<string>("SELECT text FROM notes WHERE tenant_id = @Tenant", new { });
            },
            Ct);

        Assert.Equal(["written before"], found);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_that_never_arrived_is_sent_again(bool assumes)
    {
        using var notes = await SharedNotes.OpenAsync();
        using var line = LineTo(notes);
        var runs = 0;

        await Through(line, notes).WriteAsync(
            Acme,
            async session =>
            {
                await NoteOrAssumeAsync(session, "once", assumes);
                if (++runs == 1)
                {
                    line.LoseNextRequest();
                }
            },
            Ct);

        Assert.Equal(2, runs);
        Assert.Equal(["once"], await notes.NotesAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_whose_answer_was_lost_is_not_done_twice(bool assumes)
    {
        using var notes = await SharedNotes.OpenAsync();
        using var line = LineTo(notes);
        var runs = 0;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => Through(line, notes).WriteAsync(
            Acme,
            async session =>
            {
                await NoteOrAssumeAsync(session, $"run {++runs}", assumes);
                if (runs == 1)
                {
                    line.LoseNextAnswer();
                }
            },
            Ct));

        Assert.Contains("may or may not be stored", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2, runs);
        Assert.Equal(["run 1"], await notes.NotesAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_group_whose_commit_was_lost_is_stored_once(bool arrived)
    {
        using var notes = await SharedNotes.OpenAsync();
        using var line = LineTo(notes);
        var database = Through(line, notes);
        var gate = new WriterGate();
        gate.Hold(database);
        await gate.Entered;
        var runs = 0;
        var writes = Enumerable.Range(0, 3).Select(i => database.WriteAsync(
            Acme,
            async session =>
            {
                if (session.Notes.Find<string>() is null)
                {
                    session.NoteBefore(Counted, new { before = (int)(await CountAsync(session))! });
                    session.Notes.Keep("counted");
                }

                await session.SendAsync("INSERT INTO notes (tenant_id, text) VALUES (@Tenant, @text)", new { text = $"{i} in run {runs}" });
                if (++runs == 3 && arrived)
                {
                    line.LoseNextAnswer();
                }
                else if (runs == 3)
                {
                    line.LoseNextRequest();
                }
            },
            Ct)).ToList();
        await gate.OpenAsync();
        gate.Dispose();

        var answers = await Task.WhenAll(writes.Select(write => write.ContinueWith(done => done.Exception is null, TaskScheduler.Default)));

        Assert.Equal(["0", "1", "2"], (await notes.NotesAsync()).Select(text => text[..1]));
        Assert.All(answers, answer => Assert.Equal(!arrived, answer)); // Those that were kept are answered that nobody knows.
    }

    [Fact]
    public async Task Whatever_befalls_the_second_attempt_nobody_is_told_that_nothing_was_stored()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("CREATE FUNCTION raise(state text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''raised'' USING ERRCODE = state; END'");
        using var line = LineTo(notes);
        var runs = 0;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => Through(line, notes).WriteAsync(
            Acme,
            async session =>
            {
                if (++runs == 1)
                {
                    await NoteOrAssumeAsync(session, "once", assumes: true);
                    line.LoseNextRequest();
                    return;
                }

                await session.ScalarAsync("SELECT raise('55P03')", new { }); // As if another held the turn for very long.
            },
            Ct));

        Assert.Contains("may or may not be stored", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2, runs);
    }

    [Fact]
    public async Task A_commit_that_the_server_warned_of_is_not_acknowledged()
    {
        using var notes = await SharedNotes.OpenAsync();
        await notes.OwnerAsync("""
            CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''not at the replica''; RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.text = 'warned of') EXECUTE FUNCTION warn()
            """);
        var hasHeard = false;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => notes.Database.WriteAsync(
            Acme,
            session =>
            {
                session.AfterCommit(() => hasHeard = true);
                return InsertAsync(session, "warned of");
            },
            Ct));

        Assert.Contains("may or may not be stored", refusal.Message, StringComparison.Ordinal);
        Assert.True(hasHeard, "What is kept in memory has to follow: it is in the database.");
        Assert.Equal(["warned of"], await notes.NotesAsync());
    }

    private static async Task NoteOrAssumeAsync(Session session, string text, bool assumes)
    {
        if (assumes && session.MayAssume)
        {
            await SendAsync(session, text, before: 0);
            return;
        }

        session.NoteBefore(Counted, new { before = 0 });
        await InsertAsync(session, text);
    }

    private static async Task SendAsync(Session session, string text, int before)
    {
        await session.AssumeAsync(Counted, new { before });
        await session.SendAsync("INSERT INTO notes (tenant_id, text) VALUES (@Tenant, @text)", new { text });
    }

    private static Task CreateTenantsAsync(SharedNotes notes) => notes.OwnerAsync("""
        CREATE TABLE tenants (tenant_id TEXT PRIMARY KEY, last_sequence BIGINT NOT NULL, created_at BIGINT NOT NULL,
            last_change BIGINT NOT NULL DEFAULT 0, index_epoch BIGINT NOT NULL DEFAULT 0, generation_change BIGINT NOT NULL DEFAULT 0);
        GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO PUBLIC
        """);

    private static CutLine LineTo(SharedNotes notes)
    {
        var server = new Uri(PostgresServer.ApplicationUrlOf(notes.Name));
        return new CutLine(new IPEndPoint(IPAddress.Parse(server.Host), server.Port));
    }

    private static Database Through(CutLine line, SharedNotes notes) => notes.Another(options =>
        options.DatabaseUrl = new UriBuilder(PostgresServer.ApplicationUrlOf(notes.Name)) { Port = line.Port }.Uri.AbsoluteUri);
}
