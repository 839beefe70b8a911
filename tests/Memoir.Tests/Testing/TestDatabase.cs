using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Memoir.Tests.Testing;

/// <summary>The database without a server around it, with a table of notes, for tests of the plumbing.</summary>
internal sealed class TestDatabase : IDisposable
{
    public static readonly Tenant Acme = new("acme");

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<Meters>().BuildServiceProvider();
    private readonly bool _keepFolder;

    private TestDatabase(string folder, string? postgres, int queueLimit, bool keepFolder)
    {
        Folder = folder;
        Postgres = postgres;
        _keepFolder = keepFolder;
        Meters = _services.GetRequiredService<Meters>();
        var options = new DatabaseOptions { DataDirectory = folder, WriteQueueLimit = queueLimit };
        if (postgres is not null)
        {
            options.DatabaseUrl = PostgresServer.ApplicationUrlOf(postgres);
            options.DatabaseAdminUrl = PostgresServer.OwnerUrlOf(postgres);
        }

        Database = new Database(Options.Create(options), Meters);
    }

    /// <summary>The database on the server of the tests; null on SQLite.</summary>
    public string? Postgres { get; }

    /// <summary>As the migrations protect every table of tenants.</summary>
    private static IEnumerable<string> ProtectNotes =>
    [
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
        """
        CREATE POLICY notes_of_tenant ON notes
            USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
            WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
        """,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO PUBLIC",
    ];

    public string Folder { get; }

    public Meters Meters { get; }

    public Database Database { get; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A database in a folder of its own, or in the given one, which then stays: for reopening.</summary>
    public static async Task<TestDatabase> OpenAsync(int queueLimit = 4096, string? folder = null)
    {
        const string createNotes = """
            CREATE TABLE IF NOT EXISTS notes (
                tenant_id TEXT NOT NULL,
                text      TEXT NOT NULL,
                PRIMARY KEY (tenant_id, text))
            """;

        var place = folder ?? Directory.CreateTempSubdirectory("memoir-kit-").FullName;
        var isNew = !Directory.EnumerateFileSystemEntries(place).Any();
        var postgres = TestEngines.Current == TestEngine.Postgres
            ? await PostgresServer.FindOrCreateAsync(place, () => PostgresServer.CreateAsync(""))
            : null;
        var opened = new TestDatabase(place, postgres, queueLimit, folder is not null);
        await opened.Database.MigrateAsync(session => session.ExecuteAsync(createNotes, new { }), Ct);
        if (postgres is not null && isNew)
        {
            foreach (var sql in ProtectNotes)
            {
                await PostgresServer.AsOwnerAsync(postgres, sql);
            }
        }

        return opened;
    }

    public static Task<int> InsertAsync(Session session, string text) =>
        session.ExecuteAsync("INSERT INTO notes (tenant_id, text) VALUES (@Tenant, @text)", new { text });

    public static Task<long?> CountAsync(Session session) =>
        session.ScalarAsync("SELECT COUNT(*) FROM notes WHERE tenant_id = @Tenant", new { });

    public Task<int> AddAsync(string text) => Database.WriteAsync(Acme, session => InsertAsync(session, text), Ct);

    public async Task<long> CountAsync() => await Database.ReadAsync(Acme, session => CountAsync(session), Ct) ?? 0;

    public Task<IReadOnlyList<string>> NotesAsync() => Database.ReadAsync(
        Acme,
        session => session.QueryAsync<string>("SELECT text FROM notes WHERE tenant_id = @Tenant ORDER BY text", new { }),
        Ct);

    /// <summary>Occupies the writer until the gate is opened; returns when it is inside.</summary>
    public async Task<WriterGate> HoldWriterAsync()
    {
        var gate = new WriterGate();
        gate.Hold(Database);
        await gate.Entered;
        return gate;
    }

    public void Dispose()
    {
        Database.Dispose();
        _services.Dispose();
        if (!_keepFolder)
        {
            if (Postgres is not null)
            {
                PostgresServer.DropAsync(Postgres).GetAwaiter().GetResult();
            }

            Directory.Delete(Folder, recursive: true);
        }
    }

    /// <summary>A closure that stands still on the writer's thread.</summary>
    internal sealed class WriterGate : IDisposable
    {
        private readonly ManualResetEventSlim _open = new();
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Task _held = Task.CompletedTask;

        public Task Entered => _entered.Task;

        public void Hold(Database database) => _held = database.WriteAsync(
            Acme,
            session =>
            {
                _entered.TrySetResult(); // The closure may be run again.
                Assert.True(_open.Wait(TimeSpan.FromSeconds(30), CancellationToken.None), "Nobody opened the gate.");
                return Task.CompletedTask;
            },
            CancellationToken.None);

        /// <summary>Lets the writer go on and waits until it has.</summary>
        public Task OpenAsync()
        {
            _open.Set();
            return _held;
        }

        public void Dispose()
        {
            _open.Set();
            _held.GetAwaiter().GetResult();
            _open.Dispose();
        }
    }
}
