using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Npgsql;
using NpgsqlTypes;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// An INSERT of one row turned into one of many: every parameter becomes an array of a column, and <c>unnest</c> makes
/// rows of them again. One statement, prepared once whatever the number of rows; see decision 0019 for what it saves.
/// </summary>
internal sealed partial class PostgresRows<T>
    where T : class
{
    private static readonly ConcurrentDictionary<string, PostgresRows<T>> Known = new(StringComparer.Ordinal);

    private readonly string _sql;
    private readonly List<Func<IReadOnlyList<T>, NpgsqlParameter>> _columns = [];

    private PostgresRows(string sql)
    {
        var (before, row, after) = Cut(sql);
        var names = new List<string>();
        row = Name().Replace(row, match =>
        {
            var name = match.Groups["name"].Value;
            if (name == "Tenant")
            {
                return "$1";
            }

            var at = names.IndexOf(name);
            if (at < 0)
            {
                at = names.Count;
                names.Add(name);
                _columns.Add(ColumnOf(name));
            }

            return string.Create(CultureInfo.InvariantCulture, $"given.c{at}");
        });
        var numbers = Enumerable.Range(0, names.Count).Select(i => i.ToString(CultureInfo.InvariantCulture)).ToList();
        var places = string.Join(", ", Enumerable.Range(2, names.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"${i}")));
        _sql = $"{before}SELECT {row} FROM unnest({places}) AS given (c{string.Join(", c", numbers)}){after}";
    }

    /// <param name="sql"><c>INSERT INTO … VALUES (@Tenant, @Name, …)</c>, one row.</param>
    public static PostgresRows<T> Of(string sql) => Known.GetOrAdd(sql, static text => new PostgresRows<T>(text));

    public NpgsqlBatchCommand Bind(IReadOnlyList<T> rows, Tenant? tenant)
    {
        var bound = tenant ?? throw new InvalidOperationException("A system session has no tenant to bind.");
        var command = new NpgsqlBatchCommand(_sql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = bound.Id, NpgsqlDbType = NpgsqlDbType.Text });
        foreach (var column in _columns)
        {
            command.Parameters.Add(column(rows));
        }

        return command;
    }

    private static (string Before, string Row, string After) Cut(string sql)
    {
        const string values = "VALUES (";
        var start = sql.IndexOf(values, StringComparison.Ordinal);
        var (depth, at, isQuoted) = (1, start + values.Length, false);
        while (start >= 0 && at < sql.Length && depth > 0)
        {
            var c = sql[at++];
            isQuoted ^= c == '\'';
            depth += isQuoted ? 0 : c == '(' ? 1 : c == ')' ? -1 : 0;
        }

        return start >= 0 && depth == 0 && !Name().IsMatch(sql[at..])
            ? (sql[..start], sql[(start + values.Length)..(at - 1)], sql[at..])
            : throw new InvalidOperationException("Many rows are inserted by INSERT INTO … VALUES (…) of one row, with parameters nowhere else.");
    }

    private static Func<IReadOnlyList<T>, NpgsqlParameter> ColumnOf(string name)
    {
        var property = typeof(T).GetProperty(name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)
            ?? throw new InvalidOperationException($"{typeof(T).Name} has no property for the parameter @{name}.");
        return property.PropertyType switch
        {
            var type when type == typeof(string) => Column<string?, string?>(property, NpgsqlDbType.Text, value => value),
            var type when type == typeof(Json) => Column<Json, string>(property, NpgsqlDbType.Text, value => value.Text),
            var type when type == typeof(Json?) => Column<Json?, string?>(property, NpgsqlDbType.Text, value => value?.Text),
            var type when type == typeof(long) => Column<long, long>(property, NpgsqlDbType.Bigint, value => value),
            var type when type == typeof(long?) => Column<long?, long?>(property, NpgsqlDbType.Bigint, value => value),
            var type when type == typeof(int) => Column<int, long>(property, NpgsqlDbType.Bigint, value => value),
            var type when type == typeof(bool) => Column<bool, long>(property, NpgsqlDbType.Bigint, value => value ? 1 : 0),
            var type when type == typeof(double) => Column<double, double>(property, NpgsqlDbType.Double, value => value),
            var type when type == typeof(double?) => Column<double?, double?>(property, NpgsqlDbType.Double, value => value),
            var type when type == typeof(Guid) => Column<Guid, Guid>(property, NpgsqlDbType.Uuid, value => value),
            var type when type == typeof(Guid?) => Column<Guid?, Guid?>(property, NpgsqlDbType.Uuid, value => value),
            var type when type == typeof(DateTimeOffset) => Column<DateTimeOffset, long>(property, NpgsqlDbType.Bigint, value => value.ToMicroseconds()),
            var type when type == typeof(DateTimeOffset?) => Column<DateTimeOffset?, long?>(property, NpgsqlDbType.Bigint, value => value?.ToMicroseconds()),
            var type when type == typeof(byte[]) => Column<byte[]?, byte[]?>(property, NpgsqlDbType.Bytea, value => value),
            var type => throw new InvalidOperationException($"@{name}: {type.Name} has no column type."),
        };
    }

    private static Func<IReadOnlyList<T>, NpgsqlParameter> Column<TValue, TStored>(
        PropertyInfo property, NpgsqlDbType type, Func<TValue, TStored> store)
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, TValue>>();
        return rows =>
        {
            var values = new TStored[rows.Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = store(get(rows[i]));
            }

            return new NpgsqlParameter<TStored[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type };
        };
    }

    [GeneratedRegex("@(?<name>[A-Za-z_][A-Za-z0-9_]*)")]
    private static partial Regex Name();
}
