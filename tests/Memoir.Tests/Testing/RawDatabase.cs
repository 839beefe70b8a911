using System.Data.Common;
using System.Globalization;
using System.Text;
using Memoir.Kit.Data;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Tests.Testing;

/// <summary>The database of a test past the program: what is really stored, and damage to it.</summary>
internal static class RawDatabase
{
    private static bool IsPostgres => TestEngines.Current == TestEngine.Postgres;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A connection to the database of a folder. PostgreSQL binds its owner to a tenant as well; SQLite's file is open to all.</summary>
    public static async Task<DbConnection> OpenAsync(string folder, string tenant)
    {
        if (!IsPostgres)
        {
            var file = new SqliteConnection($"Data Source={Path.Combine(folder, "memoir.db")};Pooling=False");
            await file.OpenAsync(Ct);
            return file;
        }

        var connection = await PostgresServer.ConnectAsync(PostgresServer.OwnerUrlOf(PostgresServer.DatabaseIn(folder)));
        await ScalarAsync(connection, "SELECT set_config('app.tenant', @tenant, false)", ("tenant", tenant));
        return connection;
    }

    public static async Task<object?> ScalarAsync(DbConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return await command.ExecuteScalarAsync(Ct);
    }

    /// <summary>Runs one statement as one tenant, past all that the program would do beside it.</summary>
    public static async Task<object?> RunAsync(string folder, string tenant, string sql)
    {
        await using var connection = await OpenAsync(folder, tenant);
        return await ScalarAsync(connection, sql);
    }

    public static async Task<long> CountAsync(TestApp server, string tenant, string sql) =>
        Convert.ToInt64(await RunAsync(server.Folder, tenant, sql), CultureInfo.InvariantCulture);

    /// <summary>Every table with rows of tenants, as the database itself lists them.</summary>
    public static async Task<IReadOnlyList<string>> TenantTablesAsync(Database database)
    {
        var sql = IsPostgres
            ? "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public' ORDER BY 1"
            : "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%tenant_id%' ORDER BY name";
        var tables = await database.SystemReadAsync(session => session.QueryAsync<string>(sql, new { }), Ct);
        Assert.True(tables.Count >= 10, $"only {string.Join(", ", tables)}");
        return tables;
    }

    /// <summary>Everything the database holds of a tenant but when its keys were last used, as text.</summary>
    public static async Task<string> StateAsync(TestApp server, string tenant)
    {
        var database = server.Services.GetRequiredService<Database>();
        var state = new List<string>();
        foreach (var table in await TenantTablesAsync(database))
        {
            var row = IsPostgres ? $"(to_jsonb({table}) - 'last_used_at')::text" : await QuotedAsync(database, table);
            var rows = await database.ReadAsync(
                new Tenant(tenant), s => s.QueryAsync<string>($"SELECT {row} AS row FROM {table} WHERE tenant_id = @Tenant ORDER BY 1", new { }), Ct);
            state.AddRange(rows.Select(text => $"{table}: {text}"));
        }

        return string.Join('\n', state);
    }

    /// <summary>All that is stored: SQLite's files, byte by byte, or every row of every tenant in PostgreSQL.</summary>
    /// <param name="server">Whose database.</param>
    /// <param name="isSettled">SQLite: the log is written back and emptied first.</param>
    public static async Task<Stored> StoredAsync(TestApp server, bool isSettled = false)
    {
        if (IsPostgres)
        {
            return new Stored([Encoding.UTF8.GetBytes(await RowsAsync(server))]);
        }

        if (isSettled)
        {
            await using var connection = await OpenAsync(server.Folder, "");
            Assert.Equal(0L, await ScalarAsync(connection, "PRAGMA wal_checkpoint(TRUNCATE)"));
        }

        List<byte[]> files = [];
        foreach (var path in Directory.GetFiles(server.Folder, "*", SearchOption.AllDirectories))
        {
            if (!path.EndsWith(".lock", StringComparison.Ordinal) && !path.EndsWith("-shm", StringComparison.Ordinal))
            {
                await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var copy = new MemoryStream();
                await file.CopyToAsync(copy, Ct);
                files.Add(copy.ToArray());
            }
        }

        return new Stored(files);
    }

    private static async Task<string> QuotedAsync(Database database, string table)
    {
        var columns = await database.SystemReadAsync(
            s => s.QueryAsync<string>("SELECT name FROM pragma_table_info(@table) WHERE name <> 'last_used_at' ORDER BY cid", new { table }), Ct);
        return string.Join(" || '|' || ", columns.Select(column => $"quote({column})"));
    }

    /// <summary>The owner lifts the guard from the tables for a transaction that is then undone.</summary>
    private static async Task<string> RowsAsync(TestApp server)
    {
        await using var connection = await OpenAsync(server.Folder, "");
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        await ScalarAsync(connection, "SET LOCAL bytea_output = 'escape'"); // Words in bytes are words.
        var tables = (string)(await ScalarAsync(connection, "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"))!;
        var text = new StringBuilder();
        foreach (var table in tables.Split(' '))
        {
            await ScalarAsync(connection, $"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY");
            text.Append(await ScalarAsync(connection, $"SELECT string_agg(t::text, E'\\n') FROM {table} t")).Append('\n');
        }

        await transaction.RollbackAsync(Ct);
        return text.ToString();
    }

    /// <summary>Bytes that can be searched.</summary>
    internal sealed class Stored(List<byte[]> parts)
    {
        public bool Holds(string text) => parts.Exists(part => part.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0);
    }
}
