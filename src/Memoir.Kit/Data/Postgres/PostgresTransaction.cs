using System.Security.Cryptography;
using System.Text;
using System.Buffers.Binary;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// A transaction, and how it begins: whose it is, said for this transaction alone, so that no pooled connection can carry
/// it on to another tenant; and, where it writes, the tenant's turn. Several closures may share one, each with its session.
/// </summary>
internal sealed class PostgresTransaction
{
    private const string Read = "SELECT set_config('app.tenant', $1, true), set_config('app.system', $2, true)";

    // A process that stops in the middle of a write must not hold its tenant's turn for ever.
    // And whatever the server's own settings are, a commit is answered after it is on disk, and not cut off while it waits for a replica.
    private const string Unlimited = "set_config('statement_timeout', '0', true)";
    private const string Write = $"""
        {Read}, {Unlimited}, set_config('idle_in_transaction_session_timeout', '10s', true), set_config('lock_timeout', '20s', true),
            set_config('synchronous_commit', COALESCE(NULLIF(current_setting('synchronous_commit'), 'off'), 'on'), true)
        """;
    private const string Turn = ", pg_advisory_xact_lock($3)";

    private readonly string _begin;
    private readonly string _settings;
    private string _tenant;
    private string _system;
    private readonly long? _turn;

    /// <summary>How many of those held answer with rows all the same, which whoever reads next has to pass over.</summary>
    private int _heldResults;

    private PostgresTransaction(string begin, string settings, Tenant? tenant, long? turn, CancellationToken ct)
    {
        _begin = begin;
        _settings = settings;
        _tenant = tenant?.Id ?? "";
        _system = tenant is null ? "on" : "";
        _turn = turn;
        Canceled = ct;
    }

    /// <summary>The server has it open.</summary>
    public bool IsSent { get; private set; }

    /// <summary>Statements whose outcome nobody has asked for: they travel with the next that somebody does, or with the commit.</summary>
    public List<NpgsqlBatchCommand> Held { get; } = [];

    public TransactionNotes Notes { get; } = new();

    /// <summary>What was so before it and is not so after it: who finds it true knows that nothing of it was kept.</summary>
    public List<Func<NpgsqlBatchCommand>> Assumptions { get; } = [];

    /// <summary>Whether the commit is on its way.</summary>
    public bool IsCommitting { get; set; }

    /// <summary>The server warned of something at the commit: it did it, but perhaps not as durably as it was told to.</summary>
    public bool WasWarned { get; private set; }

    /// <summary>A statement failed: the server keeps nothing of the transaction any more.</summary>
    public bool HasFailed { get; set; }

    public CancellationToken Canceled { get; }

    public static PostgresTransaction OfRead(Tenant? tenant, CancellationToken ct) =>
        new("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Read, tenant, turn: null, ct);

    /// <summary>The writes of one tenant run one after another over all processes; each statement sees what was committed before its turn.</summary>
    public static PostgresTransaction OfWrite(Tenant? tenant) =>
        new("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", WriteSettings, tenant, tenant is { } one ? TurnOf(one.Id) : null, CancellationToken.None);

    /// <summary>One process at a time changes the schema.</summary>
    public static PostgresTransaction OfMigration(CancellationToken ct) =>
        new("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", $"{Read}, {Unlimited}", tenant: null, TurnOf("schema migrations of memoir"), ct);

    public void Hear(object sender, NpgsqlNoticeEventArgs said) => WasWarned |= IsCommitting && said.Notice.InvariantSeverity == "WARNING";

    /// <summary>Whose rows are read from the next statement on: of all tenants one after another, at one instant.</summary>
    public void TurnTo(Tenant? tenant)
    {
        (_tenant, _system) = (tenant?.Id ?? "", tenant is null ? "on" : "");
        if (IsSent)
        {
            Held.Add(Whose(_settings));
            _heldResults++;
        }
    }

    /// <summary>Fails on the server where it is not so.</summary>
    public void Assume(Func<NpgsqlBatchCommand> assumption)
    {
        Assumptions.Add(assumption);
        Held.Add(assumption());
        _heldResults++;
    }

    /// <summary>Adds what goes before a statement: the beginning, if it was not sent yet, and what is held back.</summary>
    /// <returns>How many results come before the statement's own.</returns>
    public int AddTo(NpgsqlBatch batch)
    {
        var results = _heldResults + (IsSent ? 0 : 1);
        if (!IsSent)
        {
            AddBeginning(batch);
        }

        foreach (var command in Held)
        {
            batch.BatchCommands.Add(command);
        }

        Held.Clear();
        _heldResults = 0;
        return results;
    }

    public void Ended() => IsSent = false;

    /// <summary>Ends it without keeping anything, where it is open.</summary>
    public async Task RollBackAsync(NpgsqlConnection connection)
    {
        if (!IsSent || connection.FullState.HasFlag(System.Data.ConnectionState.Broken))
        {
            return;
        }

        try
        {
            await using var rollback = new NpgsqlCommand("ROLLBACK", connection);
            await rollback.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException or IOException)
        {
            // A connection that cannot even be rolled back is broken, and the pool drops it.
        }
    }

    private void AddBeginning(NpgsqlBatch batch)
    {
        IsSent = true;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_begin));
        var settings = Whose(_turn is null ? _settings : _settings + Turn);
        if (_turn is { } turn)
        {
            settings.Parameters.Add(new NpgsqlParameter<long> { TypedValue = turn });
        }

        batch.BatchCommands.Add(settings);
    }

    private NpgsqlBatchCommand Whose(string settings) => new(settings)
    {
        Parameters = { new NpgsqlParameter<string> { TypedValue = _tenant }, new NpgsqlParameter<string> { TypedValue = _system } },
    };

#if FAULT_STORAGE
    /// <summary>Negative control: a commit is answered before it is on disk.</summary>
    private static string WriteSettings => !Sqlite.SeededFault.Is("AsyncCommit")
        ? Write
        : $"{Read}, set_config('idle_in_transaction_session_timeout', '10s', true), set_config('synchronous_commit', 'off', true)";
#else
    private static string WriteSettings => Write;
#endif

    private static long TurnOf(string name) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
}
