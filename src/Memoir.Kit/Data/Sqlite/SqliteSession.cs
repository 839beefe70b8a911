using Dapper;
using Microsoft.Data.Sqlite;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>A session on one SQLite connection: every statement runs at once, in the thread of its closure.</summary>
internal sealed class SqliteSession(SqliteConnection connection, PreparedStatements statements, Tenant? tenant, bool mayWrite)
    : Session(tenant, mayWrite, new TransactionNotes()) // A closure of a group that fails takes what it noted with it.
{
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public override Dialect Dialect => Dialect.Sqlite;

    public override Task<int> ExecuteAsync(string sql, object args)
    {
        RequireOpen();
        RequireWrite();
        return Task.FromResult(statements.Execute(sql, args, BoundTenant));
    }

    public override Task SendAsync(string sql, object args) => ExecuteAsync(sql, args);

    public override Task SendManyAsync<T>(string sql, IReadOnlyList<T> rows)
    {
        RequireOpen();
        RequireWrite();
        foreach (var row in rows)
        {
            statements.Execute(sql, row, BoundTenant);
        }

        return Task.CompletedTask;
    }

    public override Task<long?> ScalarAsync(string sql, object args)
    {
        RequireOpen();
        return Task.FromResult(statements.Scalar(sql, args, BoundTenant));
    }

    public override Task<T?> FindAsync<T>(string sql, object args)
        where T : class =>
        Task.FromResult(connection.QuerySingleOrDefault<T>(sql, Parameters(args)));

    public override Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object args) =>
        Task.FromResult<IReadOnlyList<T>>(connection.Query<T>(sql, Parameters(args)).AsList());

    public override Task<Portion<T>> QueryPortionAsync<T>(string sql, object args, Func<T, long> weightOf, long most)
    {
        var items = new List<T>();
        var weight = 0L;
        foreach (var row in connection.Query<T>(sql, Parameters(args), buffered: false))
        {
            if (IsFull(items, row, weightOf, most, ref weight))
            {
                return Task.FromResult(new Portion<T>(items, IsCut: true));
            }
        }

        return Task.FromResult(new Portion<T>(items, IsCut: false));
    }

    public override Task ScanAsync(string sql, object args, Action<SqlRow> read)
    {
        RequireOpen();
        statements.Scan(sql, args, BoundTenant, read);
        return Task.CompletedTask;
    }

    private protected override void RequireOpen()
    {
        base.RequireOpen();
        if (MayWrite && Environment.CurrentManagedThreadId != _thread)
        {
            throw new InvalidOperationException("A session lives as long as its closure, which awaits nothing else when it writes.");
        }
    }

    private DynamicParameters Parameters(object args)
    {
        RequireOpen();
        var parameters = new DynamicParameters(args);
        if (BoundTenant is { } tenant)
        {
            parameters.Add("Tenant", tenant.Id);
        }

        return parameters;
    }
}
