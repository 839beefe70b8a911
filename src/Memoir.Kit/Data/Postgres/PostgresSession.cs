using System.Data.Common;
using System.Globalization;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// A transaction on one connection. It opens with the first statement, in the same trip, and with the tenant that row
/// level security asks for; statements whose outcome nobody asks for travel with the next one that somebody does.
/// </summary>
internal sealed class PostgresSession(NpgsqlConnection connection, PostgresTransaction transaction, Tenant? tenant, bool mayWrite)
    : Session(tenant, mayWrite, transaction.Notes)
{
    private int _asked;
    private int _answered;

    /// <summary>How often the server was asked something.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>Is it to answer now?</summary>
    public bool IsAsking => Asked != Volatile.Read(ref _answered);

    public override Dialect Dialect => Dialect.Postgres;

    public override async Task<int> ExecuteAsync(string sql, object args)
    {
        RequireOpen();
        RequireWrite();
        var command = PostgresStatement.Of(sql, args).Bind(args, BoundTenant);
        await using var batch = Batch(command, out _);
        await SendAsync(batch);
        return (int)command.RecordsAffected;
    }

    public override Task SendAsync(string sql, object args)
    {
        RequireOpen();
        RequireWrite();
        transaction.Held.Add(PostgresStatement.Of(sql, args).Bind(args, BoundTenant));
        return Task.CompletedTask;
    }

    public override Task SendManyAsync<T>(string sql, IReadOnlyList<T> rows)
    {
        RequireOpen();
        RequireWrite();
        if (rows is [var only])
        {
            return SendAsync(sql, only);
        }

        if (rows.Count > 0)
        {
            transaction.Held.Add(PostgresRows<T>.Of(sql).Bind(rows, BoundTenant));
        }

        return Task.CompletedTask;
    }

    public override Task AssumeAsync(string sql, object args)
    {
        RequireOpen();
        RequireWrite();
        transaction.Assume(Assumption(sql, args));
        return Task.CompletedTask;
    }

    public override void NoteBefore(string sql, object args) => transaction.Assumptions.Add(Assumption(sql, args));

    public override Task<long?> ScalarAsync(string sql, object args) =>
        ReadAsync<long?>(sql, args, async (_, reader) =>
            await reader.ReadAsync(transaction.Canceled) && !await reader.IsDBNullAsync(0, transaction.Canceled)
                ? Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture)
                : null);

    public override Task<T?> FindAsync<T>(string sql, object args)
        where T : class =>
        ReadAsync(sql, args, async (statement, reader) =>
        {
            if (!await reader.ReadAsync(transaction.Canceled))
            {
                return null;
            }

            var found = statement.ParserOf<T>(reader)(reader);
            return await reader.ReadAsync(transaction.Canceled)
                ? throw new InvalidOperationException("One row was asked for, and there are more.")
                : found;
        });

    public override Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object args) =>
        ReadAsync<IReadOnlyList<T>>(sql, args, async (statement, reader) =>
        {
            var rows = new List<T>();
            while (await reader.ReadAsync(transaction.Canceled))
            {
                rows.Add(statement.ParserOf<T>(reader)(reader));
            }

            return rows;
        });

    public override Task<Portion<T>> QueryPortionAsync<T>(string sql, object args, Func<T, long> weightOf, long most) =>
        ReadAsync(sql, args, async (statement, reader) =>
        {
            var items = new List<T>();
            var weight = 0L;
            while (await reader.ReadAsync(transaction.Canceled))
            {
                if (IsFull(items, statement.ParserOf<T>(reader)(reader), weightOf, most, ref weight))
                {
                    return new Portion<T>(items, IsCut: true);
                }
            }

            return new Portion<T>(items, IsCut: false);
        });

    public override Task ScanAsync(string sql, object args, Action<SqlRow> read) =>
        ReadAsync(sql, args, async (_, reader) =>
        {
            while (await reader.ReadAsync(transaction.Canceled))
            {
                read(new SqlRow(reader));
            }

            return true;
        });

    /// <summary>Sends what is held back, and the commit behind it.</summary>
    public async Task CommitAsync()
    {
        if (transaction.HasFailed)
        {
            // The server would answer this COMMIT with a rollback, and call it done.
            throw new InvalidOperationException("A statement of this transaction failed, and its closure went on as if it had not.");
        }

        if (transaction.IsSent || transaction.Held.Count > 0)
        {
            await using var batch = Batch(new NpgsqlBatchCommand("COMMIT"), out _);
            await batch.ExecuteNonQueryAsync(transaction.Canceled);
            transaction.Ended();
        }
    }

    private async Task<TResult> ReadAsync<TResult>(string sql, object args, Func<PostgresStatement, NpgsqlDataReader, Task<TResult>> read)
    {
        RequireOpen();
        var statement = PostgresStatement.Of(sql, args);
        await using var batch = Batch(statement.Bind(args, BoundTenant), out var before);
        Interlocked.Increment(ref _asked);
        try
        {
            await using var reader = await batch.ExecuteReaderAsync(transaction.Canceled);
            for (var i = 0; i < before; i++)
            {
                await reader.NextResultAsync(transaction.Canceled);
            }

            return await read(statement, reader);
        }
        catch (DbException)
        {
            transaction.HasFailed = true;
            throw;
        }
        finally
        {
            Interlocked.Increment(ref _answered);
        }
    }

    private async Task SendAsync(NpgsqlBatch batch)
    {
        Interlocked.Increment(ref _asked);
        try
        {
            await batch.ExecuteNonQueryAsync(transaction.Canceled);
        }
        catch (DbException)
        {
            transaction.HasFailed = true;
            throw;
        }
        finally
        {
            Interlocked.Increment(ref _answered);
        }
    }

    private Func<NpgsqlBatchCommand> Assumption(string sql, object args)
    {
        var statement = PostgresStatement.Of($"SELECT 1 / ({sql})", args); // By zero: the server stops there.
        return () => statement.Bind(args, BoundTenant);
    }

    private NpgsqlBatch Batch(NpgsqlBatchCommand last, out int before)
    {
        var batch = new NpgsqlBatch(connection);
        before = transaction.AddTo(batch);
        batch.BatchCommands.Add(last);
        return batch;
    }
}
