using Memoir.Kit.Data.Sqlite;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using SQLitePCL;
using static Memoir.Tests.Testing.TestDatabase;

namespace Memoir.Tests.Kit.Data;

/// <summary>A storage that refuses costs the write it refused and no acknowledged one.</summary>
public sealed class SqliteStorageFaultTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-fault-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task When_the_disk_is_full_only_what_does_not_fit_is_refused_and_room_heals_it()
    {
        using var store = await OpenAsync();
        var pages = await PragmaAsync(store, "PRAGMA page_count");
        await PragmaAsync(store, $"PRAGMA max_page_count = {pages + 8}");
        using var gate = await store.HoldWriterAsync();
        var before = store.AddAsync("small before");
        var large = store.AddAsync(new string('x', 1_000_000));
        var after = store.AddAsync("small past");

        await gate.OpenAsync();
        await Task.WhenAll(before, after);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => large);
        await PragmaAsync(store, $"PRAGMA max_page_count = {pages + 10_000}");
        await store.AddAsync(new string('x', 1_000_000));

        Assert.Equal(Problem.InsufficientStorage, refusal.Problem);
        Assert.True(store.Database.IsWritable);
        Assert.Equal(3, await store.CountAsync());
    }

    [Fact]
    public async Task A_closure_run_again_after_a_full_disk_has_its_callback_once()
    {
        using var store = await OpenAsync();
        var pages = await PragmaAsync(store, "PRAGMA page_count");
        await PragmaAsync(store, $"PRAGMA max_page_count = {pages + 8}");
        using var gate = await store.HoldWriterAsync();
        var calls = 0;
        var small = store.Database.WriteAsync(
            Acme,
            session =>
            {
                session.AfterCommit(() => calls++);
                return InsertAsync(session, "small");
            },
            Ct);
        var large = store.AddAsync(new string('x', 1_000_000));

        await gate.OpenAsync();
        await small;
        await Assert.ThrowsAsync<ProblemException>(() => large);

        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task A_closure_refused_while_its_group_is_rolled_back_keeps_its_own_refusal()
    {
        using var store = await OpenAsync();
        var pages = await PragmaAsync(store, "PRAGMA page_count");
        await PragmaAsync(store, $"PRAGMA max_page_count = {pages + 8}");
        using var gate = await store.HoldWriterAsync();
        var refused = store.Database.WriteAsync<int>(Acme, _ => throw new ProblemException(Problem.Conflict, "No."), Ct);
        var large = store.AddAsync(new string('x', 1_000_000));

        await gate.OpenAsync();
        var own = await Assert.ThrowsAsync<ProblemException>(() => refused);
        var full = await Assert.ThrowsAsync<ProblemException>(() => large);

        Assert.Equal((Problem.Conflict, Problem.InsufficientStorage), (own.Problem, full.Problem));
    }

    [Fact]
    public async Task A_commit_that_fails_acknowledges_nothing()
    {
        using var writer = new BareWriter(_folder);
        raw.sqlite3_commit_hook(writer.Connection.Handle, _ => 1, null);

        var refusals = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            Assert.ThrowsAsync<ProblemException>(() => writer.AddAsync($"{i}"))));
        raw.sqlite3_commit_hook(writer.Connection.Handle, null, null);
        await writer.AddAsync("after");

        Assert.All(refusals, refusal => Assert.Equal(Problem.StorageUnavailable, refusal.Problem));
        Assert.Equal(["after"], writer.Notes());
    }

    [Fact]
    public async Task No_write_is_answered_before_its_commit()
    {
        using var writer = new BareWriter(_folder);
        List<bool> answered = [];
        Task<int>? answer = null;
        using var assigned = new ManualResetEventSlim();
        raw.sqlite3_commit_hook(
            writer.Connection.Handle,
            _ =>
            {
                assigned.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                answered.Add(answer!.IsCompleted);
                return 0;
            },
            null);

        answer = writer.AddAsync("x");
        assigned.Set();
        await answer;

        Assert.Equal([false], answered);
    }

    [Fact]
    public async Task What_fails_only_at_the_commit_costs_the_others_of_its_group_nothing()
    {
        using var writer = new BareWriter(_folder);
        using var gate = new ManualResetEventSlim();
        var held = writer.Writer.RunAsync(
            Acme,
            _ =>
            {
                gate.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                return Task.FromResult(0);
            },
            Ct);
        var good = writer.AddAsync("good");
        var orphan = writer.Writer.RunAsync(
            Acme, session => session.ExecuteAsync("INSERT INTO children (parent) VALUES ('nobody')", new { }), Ct);
        var better = writer.AddAsync("better");

        gate.Set();
        await Task.WhenAll(held, good, better);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => orphan);

        Assert.Equal(Problem.StorageUnavailable, refusal.Problem);
        Assert.Equal(["better", "good"], writer.Notes());
    }

    [Fact]
    public async Task A_write_that_finds_the_database_locked_is_refused_and_not_forgotten()
    {
        using var writer = new BareWriter(_folder);
        using var other = writer.Another();
        Run(other, "BEGIN IMMEDIATE");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => writer.AddAsync("x")).WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Run(other, "ROLLBACK");
        await writer.AddAsync("after");

        Assert.Equal(Problem.StorageUnavailable, refusal.Problem);
        Assert.Equal(["after"], writer.Notes());
    }

    [Fact]
    public async Task A_read_that_the_storage_cannot_answer_is_no_bug_of_ours()
    {
        using var store = await OpenAsync();
        await store.AddAsync("note");
        await PragmaAsync(store, "PRAGMA user_version"); // After this one the writer is idle: nothing writes what is damaged now.
        await using (var file = new FileStream(Path.Combine(store.Folder, "memoir.db-wal"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var rubbish = new byte[file.Length];
            Array.Fill(rubbish, (byte)0xff);
            await file.WriteAsync(rubbish, Ct);
        }

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => store.CountAsync());

        Assert.Equal(Problem.StorageUnavailable, refusal.Problem);
    }

    private static async Task<long> PragmaAsync(TestDatabase store, string sql) =>
        await store.Database.SystemWriteAsync(session => session.ScalarAsync(sql, new { }), Ct) ?? 0;

    private static void Run(SqliteConnection connection, string sql)
    {
        raw.sqlite3_exec(connection.Handle, sql, out var error);
        Assert.Null(error);
    }

    /// <summary>The writer on a connection that the test can break.</summary>
    private sealed class BareWriter : IDisposable
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<Meters>().BuildServiceProvider();
        private readonly string _path;

        public BareWriter(string folder)
        {
            SqliteLibrary.Load();
            _path = Path.Combine(folder, "bare.db");
            Connection = Another();
            Run(Connection, "PRAGMA journal_mode = WAL");
            Run(Connection, "PRAGMA foreign_keys = ON");
            Run(Connection, "CREATE TABLE notes (tenant_id TEXT NOT NULL, text TEXT NOT NULL PRIMARY KEY)");
            Run(Connection, "CREATE TABLE children (parent TEXT REFERENCES notes (text) DEFERRABLE INITIALLY DEFERRED)");
            Writer = new SqliteWriter(Connection, 1000, _services.GetRequiredService<Meters>());
        }

        public SqliteConnection Connection { get; }

        public SqliteWriter Writer { get; }

        public Task<int> AddAsync(string text) => Writer.RunAsync(Acme, session => InsertAsync(session, text), Ct);

        public SqliteConnection Another()
        {
            var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _path, Pooling = false }.ToString());
            connection.Open();
            return connection;
        }

        public List<string> Notes()
        {
            using var connection = Another();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT text FROM notes ORDER BY text";
            using var rows = command.ExecuteReader();
            List<string> notes = [];
            while (rows.Read())
            {
                notes.Add(rows.GetString(0));
            }

            return notes;
        }

        public void Dispose()
        {
            Writer.Dispose();
            Connection.Dispose();
            _services.Dispose();
        }
    }
}
