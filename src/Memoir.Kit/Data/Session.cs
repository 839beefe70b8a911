using Dapper;
using Microsoft.Data.Sqlite;
using Memoir.Kit.Data.Sqlite;

namespace Memoir.Kit.Data;

/// <summary>
/// The only way to a table: one transaction, bound to one tenant (or to none, for the closed list of cross-tenant work).
/// The tenant parameter <c>@Tenant</c> is added here, never by the caller. One SQL statement per command.
/// </summary>
public sealed class Session
{
    private readonly SqliteConnection _connection;
    private readonly PreparedStatements _statements;
    private readonly Tenant? _tenant;
    private readonly bool _mayWrite;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private bool _ended;
    private List<Action>? _afterCommit;

    internal Session(SqliteConnection connection, PreparedStatements statements, Tenant? tenant, bool mayWrite)
    {
        _connection = connection;
        _statements = statements;
        _tenant = tenant;
        _mayWrite = mayWrite;
    }

    /// <exception cref="InvalidOperationException">This is a system session; it has no tenant.</exception>
    public Tenant Tenant => _tenant ?? throw new InvalidOperationException("This is a system session; it has no tenant.");

    /// <summary>The traced write that this session belongs to, as a <c>traceparent</c>; null when nobody traces it.</summary>
    internal string? TraceParent { get; init; }

    internal IReadOnlyList<Action> Commits => _afterCommit ?? [];

    /// <summary>Runs one INSERT, UPDATE or DELETE and tells how many rows it changed.</summary>
    public Task<int> ExecuteAsync(string sql, object args)
    {
        RequireOpen();
        RequireWrite();
        return Task.FromResult(_statements.Execute(sql, args, _tenant));
    }

    /// <summary>The first column of the first row as a number, or null. Also serves <c>… RETURNING</c>.</summary>
    public Task<long?> ScalarAsync(string sql, object args)
    {
        RequireOpen();
        return Task.FromResult(_statements.Scalar(sql, args, _tenant));
    }

    /// <summary>The only row, or null.</summary>
    public Task<T?> FindAsync<T>(string sql, object args)
        where T : class =>
        Task.FromResult(_connection.QuerySingleOrDefault<T>(sql, Parameters(args)));

    public Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object args) =>
        Task.FromResult<IReadOnlyList<T>>(_connection.Query<T>(sql, Parameters(args)).AsList());

    /// <summary>Reads rows until they weigh enough; one row comes whatever it weighs.</summary>
    public Task<Portion<T>> QueryPortionAsync<T>(string sql, object args, Func<T, long> weightOf, long most)
    {
        var items = new List<T>();
        var weight = 0L;
        foreach (var row in _connection.Query<T>(sql, Parameters(args), buffered: false))
        {
            items.Add(row);
            weight += weightOf(row);
            if (weight >= most)
            {
                return Task.FromResult(new Portion<T>(items, IsCut: true));
            }
        }

        return Task.FromResult(new Portion<T>(items, IsCut: false));
    }

    /// <summary>Reads row by row without holding them all; <paramref name="read"/> must not keep the row.</summary>
    public Task ScanAsync(string sql, object args, Action<SqlRow> read)
    {
        RequireOpen();
        _statements.Scan(sql, args, _tenant, read);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Runs in commit order, after the commit and before the answer: for caches and signals that must never be ahead of
    /// the data. It must not throw and must not wait.
    /// </summary>
    public void AfterCommit(Action action)
    {
        RequireWrite();
        (_afterCommit ??= []).Add(action);
    }

    /// <summary>The closure is over; whoever kept the session can do nothing more with it.</summary>
    internal void End() => _ended = true;

    private DynamicParameters Parameters(object args)
    {
        RequireOpen();
        var parameters = new DynamicParameters(args);
        if (_tenant is { } tenant)
        {
            parameters.Add("Tenant", tenant.Id);
        }

        return parameters;
    }

    private void RequireOpen()
    {
        if (_ended || (_mayWrite && Environment.CurrentManagedThreadId != _thread))
        {
            throw new InvalidOperationException("A session lives as long as its closure, which awaits nothing else when it writes.");
        }
    }

    private void RequireWrite()
    {
        if (!_mayWrite)
        {
            throw new InvalidOperationException("A reading session cannot write.");
        }
    }
}
