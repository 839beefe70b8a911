using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite.Recovery;

/// <summary>
/// Reads what a damaged database file still gives, and changes nothing of it: neither the file nor its log. For telling
/// what is lost, never for serving.
/// </summary>
public sealed class SqliteSalvage : IDisposable
{
    private static readonly object None = new();

    private readonly SqliteConnection _connection;
    private readonly PreparedStatements _statements;

    private SqliteSalvage(SqliteConnection connection)
    {
        _connection = connection;
        _statements = new PreparedStatements(connection);
    }

    /// <returns>Null when nothing of it can be read at all.</returns>
    public static SqliteSalvage? TryOpen(string path)
    {
        SqliteLibrary.Load();
        if (!File.Exists(path))
        {
            return null;
        }

        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, Mode = SqliteOpenMode.ReadWrite }.ToString());
        try
        {
            connection.Open();
            raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
            var salvage = new SqliteSalvage(connection);
            salvage._statements.Execute("PRAGMA query_only = ON", None, tenant: null);
            salvage._statements.Scalar("SELECT COUNT(*) FROM sqlite_master", None, tenant: null);
            return salvage;
        }
        catch (SqliteException)
        {
            connection.Dispose();
            return null;
        }
    }

    /// <summary>
    /// Reads a table in the order of its rows' numbers and steps over those that cannot be read.
    /// </summary>
    /// <param name="columns">What to read; the first is <c>rowid</c>.</param>
    /// <param name="table">A table with row numbers.</param>
    /// <param name="read">Given each row that can be read.</param>
    /// <returns>False when something could not be read.</returns>
    public bool Scan(string columns, string table, Action<SqlRow> read)
    {
        var isWhole = true;
        var after = long.MinValue;
        var step = 1L;
        while (true)
        {
            try
            {
                var sql = $"SELECT {columns} FROM {table} NOT INDEXED WHERE rowid > @after ORDER BY rowid";
                _statements.Scan(sql, new { after }, tenant: null, row =>
                {
                    after = row.Number(0);
                    step = 1;
                    read(row);
                });
                return isWhole;
            }
            catch (SqliteException)
            {
                isWhole = false;
                if (step > long.MaxValue / 4 || after > long.MaxValue - step)
                {
                    return false;
                }

                // How far the damage goes is not known: each step over it is twice the one before.
                after = Math.Max(after, 0) + step;
                step *= 2;
            }
        }
    }

    public void Dispose()
    {
        _statements.Dispose();
        _connection.Dispose();
    }
}
