using Memoir.Kit.Data.Postgres.Writes;
using Memoir.Kit.Data.Engines;
using Memoir.Kit.Limits;
using Memoir.Kit.Telemetry;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>A PostgreSQL server and a pool of connections to it, shared with other processes.</summary>
internal sealed class PostgresEngine : IDatabaseEngine
{
    private const int LongestStatement = 60; // Seconds, as those below.
    private const int LongestPing = 10;
    private const int Unlimited = 0;

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlDataSource _admin;
    private readonly string _owner;
    private readonly PostgresWriter _writer;
    private readonly TenantTurns _turns;

    /// <summary>Who is given the tables that a migration makes; null when one role does all.</summary>
    private readonly string? _applicationRole;

    public PostgresEngine(DatabaseOptions options, Meters meters)
    {
        var address = PostgresAddress.Parse(options.DatabaseUrl, "MEMORY_DATABASE_URL");
        var admin = options.DatabaseAdminUrl.Length > 0 ? PostgresAddress.Parse(options.DatabaseAdminUrl, "MEMORY_DATABASE_ADMIN_URL") : PostgresAddress.Parse(options.DatabaseUrl, "MEMORY_DATABASE_URL");
        _applicationRole = admin.Username == address.Username ? null : $"\"{address.Username!.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        Location = $"postgresql://{address.Host}:{address.Port}/{address.Database}";
        _source = Open(address, options.DatabasePoolSize, options.DatabasePrepare, LongestStatement);
        _admin = Open(admin, 3, prepare: false, Unlimited); // A migration takes as long as there are rows.
        _owner = admin.ConnectionString;

        // The other connections are for writes and for the limits of requests, which must not wait behind reads.
        _turns = new TenantTurns(Math.Max(1, options.DatabasePoolSize * 3 / 4), options.LongestWait);
        _writer = new PostgresWriter(_source, options.WriteQueueLimit, meters);
    }

    public Dialect Dialect => Dialect.Postgres;

    public string Location { get; }

    public bool IsWritable => true;

    public async Task<T> ReadAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        await _turns.EnterAsync(tenant, ct);
        try
        {
            return await ReadInTurnAsync(tenant, work, ct);
        }
        finally
        {
            _turns.Leave();
        }
    }

    public async Task<T> SnapshotAsync<T>(Func<Snapshot, Task<T>> work, CancellationToken ct)
    {
        _source.Clear(); // A connection that a restart of the server broke is found out before long work, not in it.
        await using var connection = await PoolExhaustedException.OpenAsync(_source, ct);
        var transaction = PostgresTransaction.OfRead(tenant: null, ct);
        try
        {
            return await work(new Snapshot(tenant =>
            {
                transaction.TurnTo(tenant);
                return new PostgresSession(connection, transaction, tenant, mayWrite: false);
            }));
        }
        finally
        {
            await transaction.RollBackAsync(connection);
        }
    }

    public Task<T> WriteAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct) => _writer.RunAsync(tenant, work, ct);

    public Task<EngineReport> InspectAsync(CancellationToken ct) => ReadAsync(
        null,
        async system =>
        {
            await IsolationCheck.RequireAsync(system);
            return await ServerCheck.ReportAsync(system);
        },
        ct);

    public async Task ListenAsync(string channel, Action heard, CancellationToken ct)
    {
        // Directly: a pooler that hands out connections by the transaction would lose what is said between two.
        await using var connection = await _admin.OpenConnectionAsync(ct);
        connection.Notification += (_, _) => heard();
        await using (var listen = new NpgsqlCommand($"LISTEN {channel}", connection) { CommandTimeout = LongestPing })
        {
            await listen.ExecuteNonQueryAsync(ct);
        }

        heard(); // Something may have come before.
        while (true)
        {
            // A connection that went silent is found out by asking it now and then.
            if (!await connection.WaitAsync(TimeSpan.FromSeconds(30), ct))
            {
                await using var ping = new NpgsqlCommand("SELECT 1", connection) { CommandTimeout = LongestPing };
                await ping.ExecuteScalarAsync(ct);
            }
        }
    }

    public async Task<int> MigrateAsync(Func<Session, Task<int>> work, CancellationToken ct)
    {
        await TryReadAsync(null, IsolationCheck.RequireRoleAsync, ct); // Before anything is made that would then be refused.
        await using var connection = await _admin.OpenConnectionAsync(ct);
        var transaction = PostgresTransaction.OfMigration(ct);
        var session = new PostgresSession(connection, transaction, tenant: null, mayWrite: true);
        try
        {
            var applied = await work(session);
            if (_applicationRole is { } role)
            {
                await ApplicationRights.GrantAsync(session, role, always: applied > 0);
            }

            await session.CommitAsync();
            return applied;
        }
        finally
        {
            session.End();
            await transaction.RollBackAsync(connection);
        }
    }

    public async Task<string?> RewriteAsync(IReadOnlyList<string> tables, CancellationToken ct)
    {
        // What the server says of each table is in details, which other connections hide: there they can hold values of rows.
        await using var owner = Open(new NpgsqlConnectionStringBuilder(_owner) { IncludeErrorDetail = true }, 1, prepare: false, Unlimited);
        return await TableRewrite.RunAsync(owner, tables, ct);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _source.Dispose();
        _admin.Dispose();
    }

    private async Task<T> ReadInTurnAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryReadAsync(tenant, work, ct);
            }
            catch (Exception exception) when (attempt == 1 && PostgresErrors.IsStale(exception) && !ct.IsCancellationRequested)
            {
                // The server was restarted since this connection was last used, and the idle ones are as old: a new one, then.
                _source.Clear();
            }
            catch (Exception exception) when (!ct.IsCancellationRequested && PostgresErrors.OfRead(exception) is { } problem)
            {
                throw problem;
            }
        }
    }

    private async Task<T> TryReadAsync<T>(Tenant? tenant, Func<Session, Task<T>> work, CancellationToken ct)
    {
        var connection = await PoolExhaustedException.OpenAsync(_source, ct);
        var transaction = PostgresTransaction.OfRead(tenant, ct);
        var session = new PostgresSession(connection, transaction, tenant, mayWrite: false);
        try
        {
            return await work(session);
        }
        finally
        {
            session.End();
            _ = EndAsync(connection, transaction); // What was read is read: nobody has to wait for the trip that ends it.
        }
    }

    /// <summary>Throws nothing: a connection on which a transaction cannot be ended is broken, and the pool drops it.</summary>
    private static async Task EndAsync(NpgsqlConnection connection, PostgresTransaction transaction)
    {
        try
        {
            await transaction.RollBackAsync(connection);
        }
        finally
        {
            await connection.DisposeAsync();
        }
    }

    private static NpgsqlDataSource Open(NpgsqlConnectionStringBuilder address, int size, bool prepare, int seconds)
    {
        address.MaxPoolSize = size;
        address.ApplicationName = "memoir";
        address.NoResetOnClose = true; // Nothing of ours outlives its transaction, and a pooler would reset another's connection.
        address.Enlist = false;
        address.CommandTimeout = seconds;
        address.KeepAlive = 0;
        address.MaxAutoPrepare = prepare ? 200 : 0;
        address.AutoPrepareMinUsages = 2;
        return new NpgsqlDataSourceBuilder(address.ConnectionString).Build();
    }
}
