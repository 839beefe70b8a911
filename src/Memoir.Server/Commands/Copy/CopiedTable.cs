using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;

namespace Memoir.Server.Commands.Copy;

/// <summary>A table whose rows are copied, one tenant's at a time, in the order of their key.</summary>
internal abstract class CopiedTable(string name, IReadOnlyList<string> columns)
{
    public string Name => name;

    /// <summary>All of its columns but <c>tenant_id</c>.</summary>
    public IReadOnlyList<string> Columns => columns;

    /// <summary>Sums a tenant's rows up, and writes them to another database on the way where one is given.</summary>
    /// <param name="from">Where they are read.</param>
    /// <param name="to">Where they are written; null only sums up.</param>
    /// <param name="tenant">Whose they are.</param>
    /// <param name="done">Told of every portion.</param>
    /// <param name="ct">Ends it between two portions.</param>
    /// <exception cref="CommandException">The rows that were read are not all that there are.</exception>
    public abstract Task<TableSum> RunAsync(CopyEnd from, CopyEnd? to, Tenant tenant, Action<int> done, CancellationToken ct);

    /// <summary>Whether anybody has rows in it. PostgreSQL shows a system session only its own list of tables, so there the file is looked at.</summary>
    public async Task<bool> IsEmptyAsync(Session system) => system.Dialect == Dialect.Postgres
        ? await system.ScalarAsync("SELECT pg_relation_size(to_regclass(@Name))", new { Name }) == 0
        : await system.ScalarAsync($"SELECT 1 FROM {name} LIMIT 1", new { }) is null;

    /// <summary>Whose rows it has: all of them on SQLite; on PostgreSQL none where row level security hides them from a system session.</summary>
    public Task<IReadOnlyList<string>> ListTenantsAsync(Session system) => system.QueryAsync<string>($"SELECT DISTINCT tenant_id FROM {name}", new { });
}

/// <inheritdoc/>
/// <param name="name">The table.</param>
/// <param name="key">The properties that order a tenant's rows and are different in each; none where a tenant has one row.</param>
internal class CopiedTable<T>(string name, params string[] key) : CopiedTable(name, Shape.Columns)
    where T : class
{
    private const int MostRows = 1000;
    private const long MostWeight = 4_000_000;

    private static readonly RowShape<T> Shape = new();

    private readonly string _order = string.Join(", ", key.Select(RowShape<T>.ColumnOf));

    public override async Task<TableSum> RunAsync(CopyEnd from, CopyEnd? to, Tenant tenant, Action<int> done, CancellationToken ct)
    {
        using var digest = new TableDigest();
        T? last = null;
        while (last is null || key.Length > 0)
        {
            var portion = await from.ReachAsync(() => from.Database.ReadAsync(tenant, session => ReadAsync(session, last), ct));
            if (portion.Count == 0)
            {
                break;
            }

            foreach (var row in portion)
            {
                Shape.Add(row, digest);
            }

            if (to is not null)
            {
                await to.ReachAsync(() => to.Database.WriteAsync(tenant, session => WriteAsync(session, portion), ct));
            }

            last = portion[^1];
            done(portion.Count);
        }

        // A key that does not order the rows would leave some out on both sides alike.
        var count = await from.ReachAsync(() => from.Database.ReadAsync(tenant, CountAsync, ct));
        return digest.Finish() is var sum && sum.Rows == count
            ? sum
            : throw new CommandException(ExitCode.Data, FormattableString.Invariant($"{Name} of {tenant.Id} in {from.Database.Location} has {count} rows, of which {digest.Rows} were read: it was changed meanwhile"));
    }

    /// <summary>The columns as a statement reads them, in the order of the row's properties.</summary>
    protected virtual string Select(Session session) => string.Join(", ", Columns);

    /// <summary>A row that was read, as both engines would have it.</summary>
    protected virtual T Settle(Session session, T row) => row;

    protected virtual Task InsertAsync(Session session, IReadOnlyList<T> rows) => session.SendManyAsync(
        $"INSERT INTO {Name} (tenant_id, {string.Join(", ", Columns)}) VALUES (@Tenant, {string.Join(", ", Shape.Properties.Select(property => $"@{property}"))})",
        rows);

    private Task<long?> CountAsync(Session session) => session.ScalarAsync($"SELECT COUNT(*) FROM {Name} WHERE tenant_id = @Tenant", new { });

    private async Task<int> WriteAsync(Session session, IReadOnlyList<T> rows)
    {
        await InsertAsync(session, rows);
        return rows.Count;
    }

    private async Task<IReadOnlyList<T>> ReadAsync(Session session, T? last)
    {
        var after = last is null ? "" : $" AND ({_order}) > ({string.Join(", ", key.Select(property => $"@{property}"))})";
        var ordered = key.Length == 0 ? "" : $" ORDER BY {_order} LIMIT {MostRows}";
        var sql = $"SELECT {Select(session)} FROM {Name} WHERE tenant_id = @Tenant{after}{ordered}";
        var portion = await session.QueryPortionAsync<T>(sql, (object?)last ?? new object(), Shape.WeightOf, MostWeight);
        return [.. portion.Items.Select(row => Settle(session, row))];
    }
}
