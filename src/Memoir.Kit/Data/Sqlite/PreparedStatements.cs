using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>
/// The statements of one SQLite connection, compiled once and kept. Binding an object's properties straight to the
/// statement costs a fifth of a new command with new parameters, and the writer's time is what limits throughput.
/// Not thread-safe, as a connection is not.
/// </summary>
internal sealed class PreparedStatements(SqliteConnection connection) : IDisposable
{
    private readonly Dictionary<string, Statement> _bySql = new(ReferenceOrValueComparer.Instance);

    public int Execute(string sql, object args, Tenant? tenant)
    {
        var statement = Get(sql);
        try
        {
            Bind(statement, args, tenant);
            while (Step(statement) == raw.SQLITE_ROW)
            {
            }

            return raw.sqlite3_changes(connection.Handle);
        }
        finally
        {
            Reset(statement);
        }
    }

    public long? Scalar(string sql, object args, Tenant? tenant)
    {
        var statement = Get(sql);
        try
        {
            Bind(statement, args, tenant);
            long? value = null;
            if (Step(statement) == raw.SQLITE_ROW)
            {
                value = raw.sqlite3_column_type(statement.Handle, 0) == raw.SQLITE_NULL
                    ? null
                    : raw.sqlite3_column_int64(statement.Handle, 0);

                // A RETURNING statement has done its work only when it has run to its end.
                while (Step(statement) == raw.SQLITE_ROW)
                {
                }
            }

            return value;
        }
        finally
        {
            Reset(statement);
        }
    }

    public void Scan(string sql, object args, Tenant? tenant, Action<SqlRow> read)
    {
        var statement = Get(sql);
        try
        {
            Bind(statement, args, tenant);
            while (Step(statement) == raw.SQLITE_ROW)
            {
                read(new SqlRow(statement.Handle));
            }
        }
        finally
        {
            Reset(statement);
        }
    }

    public void Dispose()
    {
        foreach (var statement in _bySql.Values)
        {
            statement.Handle.Dispose();
        }

        _bySql.Clear();
    }

    private Statement Get(string sql)
    {
        if (_bySql.TryGetValue(sql, out var known))
        {
            return known;
        }

        Check(raw.sqlite3_prepare_v2(connection.Handle, sql, out var handle, out var tail));
        if (!string.IsNullOrWhiteSpace(tail))
        {
            handle.Dispose();
            throw new InvalidOperationException("One SQL statement per command.");
        }

        var statement = new Statement(handle);
        _bySql[sql] = statement;
        return statement;
    }

    private static void Bind(Statement statement, object args, Tenant? tenant)
    {
        statement.BindingOf(args.GetType())(args, statement.Handle);
        if (statement.TenantIndex > 0)
        {
            var bound = tenant ?? throw new InvalidOperationException("A system session has no tenant to bind.");
            raw.sqlite3_bind_text(statement.Handle, statement.TenantIndex, bound.Id);
        }
    }

    private int Step(Statement statement)
    {
        var code = raw.sqlite3_step(statement.Handle);
        if (code is not (raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            Check(code);
        }

        return code;
    }

    private static void Reset(Statement statement)
    {
        raw.sqlite3_reset(statement.Handle);
        raw.sqlite3_clear_bindings(statement.Handle);
    }

    private void Check(int code)
    {
        if (code is not raw.SQLITE_OK)
        {
            throw new SqliteException(
                $"SQLite error {code}: {raw.sqlite3_errmsg(connection.Handle).utf8_to_string()}",
                code & 0xff,
                raw.sqlite3_extended_errcode(connection.Handle));
        }
    }

    private sealed class Statement(sqlite3_stmt handle)
    {
        private Type? _type;
        private Action<object, sqlite3_stmt>? _binding;

        public sqlite3_stmt Handle { get; } = handle;

        public int TenantIndex { get; } = raw.sqlite3_bind_parameter_index(handle, "@Tenant");

        public Action<object, sqlite3_stmt> BindingOf(Type type)
        {
            if (_type != type)
            {
                _binding = ParameterBinding.Compile(type, Handle);
                _type = type;
            }

            return _binding!;
        }
    }

    /// <summary>SQL comes from constants, so the same text is nearly always the same object: no hashing of long strings.</summary>
    private sealed class ReferenceOrValueComparer : IEqualityComparer<string>
    {
        public static readonly ReferenceOrValueComparer Instance = new();

        public bool Equals(string? x, string? y) => ReferenceEquals(x, y) || string.Equals(x, y, StringComparison.Ordinal);

        public int GetHashCode(string text) =>
            HashCode.Combine(text.Length, text[text.Length / 2], text[^1], text[text.Length / 3]);
    }
}
