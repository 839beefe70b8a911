using System.Security.Cryptography;
using System.Text;
using System.Buffers.Binary;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// How a transaction begins: whose it is, said for this transaction alone, so that no pooled connection can carry it on
/// to another tenant; and, where it writes, the tenant's turn.
/// </summary>
internal sealed class Prologue
{
    private const string Read = "SELECT set_config('app.tenant', $1, true), set_config('app.system', $2, true)";

    // A process that stops in the middle of a write must not hold its tenant's turn for ever.
    // And whatever the server's own setting is, a commit is answered after it is on disk.
    private const string Write = $"""
        {Read}, set_config('idle_in_transaction_session_timeout', '10s', true), set_config('lock_timeout', '20s', true),
            set_config('synchronous_commit', COALESCE(NULLIF(current_setting('synchronous_commit'), 'off'), 'on'), true)
        """;
    private const string Turn = ", pg_advisory_xact_lock($3)";

    private readonly string _begin;
    private readonly string _settings;
    private readonly string _tenant;
    private readonly string _system;
    private readonly long? _turn;

    private Prologue(string begin, string settings, Tenant? tenant, long? turn, CancellationToken ct)
    {
        _begin = begin;
        _settings = settings;
        _tenant = tenant?.Id ?? "";
        _system = tenant is null ? "on" : "";
        _turn = turn;
        Canceled = ct;
    }

    /// <summary>The server has a transaction of ours open.</summary>
    public bool IsSent { get; private set; }

    /// <summary>A statement failed: the server keeps nothing of the transaction any more.</summary>
    public bool HasFailed { get; set; }

    public CancellationToken Canceled { get; }

    public static Prologue OfRead(Tenant? tenant, CancellationToken ct) =>
        new("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Read, tenant, turn: null, ct);

    /// <summary>The writes of one tenant run one after another over all processes; each statement sees what was committed before its turn.</summary>
    public static Prologue OfWrite(Tenant? tenant) =>
        new("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", WriteSettings, tenant, tenant is { } one ? TurnOf(one.Id) : null, CancellationToken.None);

    /// <summary>One process at a time changes the schema.</summary>
    public static Prologue OfMigration(CancellationToken ct) =>
        new("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", Read, tenant: null, TurnOf("schema migrations of memoir"), ct);

    /// <returns>True when the transaction begins with this batch: its first result is not the caller's.</returns>
    public bool AddTo(NpgsqlBatch batch)
    {
        if (IsSent)
        {
            return false;
        }

        IsSent = true;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_begin));
        var settings = new NpgsqlBatchCommand(_turn is null ? _settings : _settings + Turn)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = _tenant }, new NpgsqlParameter<string> { TypedValue = _system } },
        };
        if (_turn is { } turn)
        {
            settings.Parameters.Add(new NpgsqlParameter<long> { TypedValue = turn });
        }

        batch.BatchCommands.Add(settings);
        return true;
    }

    public void Ended() => IsSent = false;

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
