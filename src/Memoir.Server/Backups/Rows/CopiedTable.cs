using System.Buffers;
using Memoir.Kit.Data;

namespace Memoir.Server.Backups.Rows;

/// <summary>A table whose rows are copied and backed up, one tenant's at a time, in the order of their key.</summary>
internal abstract class CopiedTable(string name, IReadOnlyList<string> columns)
{
    protected const int MostRows = 1000;
    protected const long MostWeight = 4_000_000;

    public string Name => name;

    /// <summary>All of its columns but <c>tenant_id</c>.</summary>
    public IReadOnlyList<string> Columns => columns;

    /// <summary>Sums a tenant's rows up.</summary>
    /// <param name="from">Where they are read.</param>
    /// <param name="tenant">Whose they are.</param>
    /// <param name="only">The columns that count; null for all.</param>
    /// <param name="done">Told of every portion.</param>
    /// <param name="ct">Ends it between two portions.</param>
    /// <exception cref="InvalidDataException">The rows that were read are not all that there are.</exception>
    public abstract Task<TableSum> SumAsync(IRowSource from, Tenant tenant, IReadOnlyList<string>? only, Action<int> done, CancellationToken ct);

    /// <summary>Sums a tenant's rows up, and writes them to another database on the way.</summary>
    /// <inheritdoc cref="SumAsync"/>
    public abstract Task<TableSum> CopyAsync(IRowSource from, WriteRows to, Tenant tenant, Action<int> done, CancellationToken ct);

    /// <summary>Sums a tenant's rows up, and hands them on as bytes, some at a time: a length before each row, then the bytes that are summed up.</summary>
    /// <inheritdoc cref="SumAsync"/>
    public abstract Task<TableSum> SaveAsync(
        IRowSource from, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> to, Tenant tenant, Action<int> done, CancellationToken ct);

    /// <summary>Writes to a database what was saved of a tenant.</summary>
    /// <param name="rows">The bytes of each row.</param>
    /// <param name="saved">The columns that were saved: an older program knew fewer.</param>
    /// <param name="to">Where they are written.</param>
    /// <param name="tenant">Whose they are.</param>
    /// <exception cref="InvalidDataException">They are no rows of this table.</exception>
    public abstract Task LoadAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> rows, IReadOnlyList<string> saved, WriteRows to, Tenant tenant);

    /// <summary>Whether anybody has rows in it. PostgreSQL shows a system session only its own list of tables, so there the file is looked at.</summary>
    public async Task<bool> IsEmptyAsync(Session system) => system.Dialect == Dialect.Postgres
        ? await system.ScalarAsync("SELECT COALESCE(pg_relation_size(to_regclass(@Name)), 0)", new { Name }) == 0
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
    private static readonly RowShape<T> Shape = new();

    private readonly string _order = string.Join(", ", key.Select(RowShape<T>.ColumnOf));

    public override async Task<TableSum> SumAsync(
        IRowSource from, Tenant tenant, IReadOnlyList<string>? only, Action<int> done, CancellationToken ct)
    {
        using var digest = new TableDigest(copy: null);
        return await EachPortionAsync(from, tenant, only is null ? Shape : Shape.Of(only), digest, _ => Task.CompletedTask, done, ct);
    }

    public override async Task<TableSum> CopyAsync(IRowSource from, WriteRows to, Tenant tenant, Action<int> done, CancellationToken ct)
    {
        using var digest = new TableDigest(copy: null);
        return await EachPortionAsync(from, tenant, Shape, digest, portion => to(tenant, session => WriteAsync(session, Shape, portion)), done, ct);
    }

    public override async Task<TableSum> SaveAsync(
        IRowSource from, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> to, Tenant tenant, Action<int> done, CancellationToken ct)
    {
        var bytes = new ArrayBufferWriter<byte>(64 * 1024);
        using var digest = new TableDigest(bytes);
        return await EachPortionAsync(from, tenant, Shape, digest, async _ =>
        {
            await to(bytes.WrittenMemory, ct);
            bytes.ResetWrittenCount();
        }, done, ct);
    }

    public override async Task LoadAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> rows, IReadOnlyList<string> saved, WriteRows to, Tenant tenant)
    {
        var shape = Shape.Of(saved);
        var portion = new List<T>();
        var weight = 0L;
        await foreach (var row in rows)
        {
            portion.Add(shape.Read(row.Span));
            weight += row.Length + 100;
            if (portion.Count >= MostRows || weight >= MostWeight)
            {
                await SendAsync();
            }
        }

        if (portion.Count > 0)
        {
            await SendAsync();
        }

        async Task SendAsync()
        {
            IReadOnlyList<T> sent = [.. portion]; // The closure may run again.
            portion.Clear();
            weight = 0;
            await to(tenant, session => WriteAsync(session, shape, sent));
        }
    }

    /// <summary>A column as a statement reads it.</summary>
    protected virtual string Select(Session session, string column) => column;

    /// <summary>A row that was read, as both engines would have it.</summary>
    protected virtual T Settle(Session session, T row) => row;

    protected virtual Task InsertAsync(Session session, RowShape<T> shape, IReadOnlyList<T> rows) => session.SendManyAsync(
        $"INSERT INTO {Name} (tenant_id, {string.Join(", ", shape.Columns)}) VALUES (@Tenant, {string.Join(", ", shape.Properties.Select(property => $"@{property}"))})",
        rows);

    private async Task<TableSum> EachPortionAsync(
        IRowSource from, Tenant tenant, RowShape<T> shape, TableDigest digest, Func<IReadOnlyList<T>, Task> use, Action<int> done, CancellationToken ct)
    {
        T? last = null;
        while (last is null || key.Length > 0)
        {
            var portion = await from.ReadAsync(tenant, session => ReadAsync(session, shape, last), ct);
            if (portion.Count == 0)
            {
                break;
            }

            foreach (var row in portion)
            {
                shape.Add(row, digest);
            }

            await use(portion);
            last = portion[^1];
            done(portion.Count);
        }

        // A key that does not order the rows would leave some out on both sides alike.
        var count = await from.ReadAsync(tenant, CountAsync, ct);
        return digest.Finish() is var sum && sum.Rows == count
            ? sum
            : throw new InvalidDataException(FormattableString.Invariant($"{Name} of {tenant.Id} in {from.Location} has {count} rows, of which {digest.Rows} were read: it was changed meanwhile, or is damaged"));
    }

    private Task<long?> CountAsync(Session session) => session.ScalarAsync($"SELECT COUNT(*) FROM {Name} WHERE tenant_id = @Tenant", new { });

    private async Task<int> WriteAsync(Session session, RowShape<T> shape, IReadOnlyList<T> rows)
    {
        await InsertAsync(session, shape, rows);
        return rows.Count;
    }

    private async Task<IReadOnlyList<T>> ReadAsync(Session session, RowShape<T> shape, T? last)
    {
        var after = last is null ? "" : $" AND ({_order}) > ({string.Join(", ", key.Select(property => $"@{property}"))})";
        var ordered = key.Length == 0 ? "" : $" ORDER BY {_order} LIMIT {MostRows}";
        var sql = $"SELECT {string.Join(", ", shape.Columns.Select(column => Select(session, column)))} FROM {Name} WHERE tenant_id = @Tenant{after}{ordered}";
        var portion = await session.QueryPortionAsync<T>(sql, (object?)last ?? new object(), shape.WeightOf, MostWeight);
        return [.. portion.Items.Select(row => Settle(session, row))];
    }
}
