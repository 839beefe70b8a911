using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using System.Text.RegularExpressions;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace Memoir.Kit.Data.Postgres;

/// <summary>A statement with <c>@names</c> as PostgreSQL takes it, with numbered places, and the code that fills them from an object.</summary>
internal sealed partial class PostgresStatement
{
    private static readonly ConcurrentDictionary<(string Sql, Type Arguments), PostgresStatement> Known = new();

    private readonly ConcurrentDictionary<Type, Delegate> _parsers = new();
    private readonly string _sql;
    private readonly Action<object, NpgsqlParameterCollection, string> _bind;
    private readonly bool _namesTenant;

    private PostgresStatement(string sql, Type arguments)
    {
        var names = new List<string>();
        _sql = Name().Replace(sql, match =>
        {
            var name = match.Groups["name"].Value;
            var at = names.IndexOf(name);
            if (at < 0)
            {
                at = names.Count;
                names.Add(name);
            }

            var place = string.Create(CultureInfo.InvariantCulture, $"${at + 1}");
            return match.Groups["in"].Success ? $"= ANY({place})" : place;
        });
        _namesTenant = names.Contains("Tenant");
        _bind = Compile(arguments, names);
    }

    public static PostgresStatement Of(string sql, object args) =>
        Known.GetOrAdd((sql, args.GetType()), static key => new PostgresStatement(key.Sql, key.Arguments));

    public NpgsqlBatchCommand Bind(object args, Tenant? tenant)
    {
        if (_namesTenant && tenant is null)
        {
            throw new InvalidOperationException("A system session has no tenant to bind.");
        }

        var command = new NpgsqlBatchCommand(_sql);
        _bind(args, command.Parameters, tenant?.Id ?? "");
        return command;
    }

    /// <summary>The code that makes an object of a row, written once per statement and type.</summary>
    public Func<DbDataReader, T> ParserOf<T>(DbDataReader reader) =>
        (Func<DbDataReader, T>)_parsers.GetOrAdd(typeof(T), static (type, row) => IsValue(type) ? Value<T> : row.GetRowParser<T>(), reader);

    private static bool IsValue(Type type) => type.IsPrimitive || type == typeof(string) || type == typeof(Guid);

    private static T Value<T>(DbDataReader row) => row.GetFieldValue<T>(0);

    private static Action<object, NpgsqlParameterCollection, string> Compile(Type type, List<string> names)
    {
        var source = Expression.Parameter(typeof(object));
        var target = Expression.Parameter(typeof(NpgsqlParameterCollection));
        var tenant = Expression.Parameter(typeof(string));
        var typed = Expression.Variable(type);
        var body = new List<Expression> { Expression.Assign(typed, Expression.Convert(source, type)) };
        foreach (var name in names)
        {
            Expression value = tenant;
            if (name != "Tenant")
            {
                var property = type.GetProperty(name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)
                    ?? throw new InvalidOperationException($"{type.Name} has no property for the parameter @{name}.");
                value = Expression.Property(typed, property);
            }

            var add = typeof(PostgresStatement).GetMethod(
                    nameof(Add), BindingFlags.NonPublic | BindingFlags.Static, [typeof(NpgsqlParameterCollection), value.Type])
                ?? throw new InvalidOperationException($"@{name}: {value.Type.Name} has no column type.");
            body.Add(Expression.Call(add, target, value));
        }

        return Expression.Lambda<Action<object, NpgsqlParameterCollection, string>>(Expression.Block([typed], body), source, target, tenant).Compile();
    }

    private static void Add<T>(NpgsqlParameterCollection to, NpgsqlDbType type, T value) =>
        to.Add(new NpgsqlParameter<T> { TypedValue = value, NpgsqlDbType = type });

    private static void AddNullable<T>(NpgsqlParameterCollection to, NpgsqlDbType type, T? value)
        where T : struct
    {
        if (value is { } given)
        {
            Add(to, type, given);
        }
        else
        {
            to.Add(new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = type });
        }
    }

    private static void AddObject(NpgsqlParameterCollection to, NpgsqlDbType type, object? value) =>
        to.Add(new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = type });

    private static void Add(NpgsqlParameterCollection to, string? value) => AddObject(to, NpgsqlDbType.Text, value);

    private static void Add(NpgsqlParameterCollection to, long value) => Add(to, NpgsqlDbType.Bigint, value);

    private static void Add(NpgsqlParameterCollection to, int value) => Add(to, NpgsqlDbType.Bigint, (long)value);

    private static void Add(NpgsqlParameterCollection to, bool value) => Add(to, NpgsqlDbType.Bigint, value ? 1L : 0L);

    private static void Add(NpgsqlParameterCollection to, double value) => Add(to, NpgsqlDbType.Double, value);

    private static void Add(NpgsqlParameterCollection to, Guid value) => Add(to, NpgsqlDbType.Uuid, value);

    private static void Add(NpgsqlParameterCollection to, DateTimeOffset value) => Add(to, NpgsqlDbType.Bigint, value.ToMicroseconds());

    private static void Add(NpgsqlParameterCollection to, Json value) => AddObject(to, NpgsqlDbType.Text, value.Text);

    private static void Add(NpgsqlParameterCollection to, byte[]? value) => AddObject(to, NpgsqlDbType.Bytea, value);

    private static void Add(NpgsqlParameterCollection to, long? value) => AddNullable(to, NpgsqlDbType.Bigint, value);

    private static void Add(NpgsqlParameterCollection to, double? value) => AddNullable(to, NpgsqlDbType.Double, value);

    private static void Add(NpgsqlParameterCollection to, Guid? value) => AddNullable(to, NpgsqlDbType.Uuid, value);

    private static void Add(NpgsqlParameterCollection to, DateTimeOffset? value) => AddNullable(to, NpgsqlDbType.Bigint, value?.ToMicroseconds());

    private static void Add(NpgsqlParameterCollection to, Json? value) => AddObject(to, NpgsqlDbType.Text, value?.Text);

    private static void Add(NpgsqlParameterCollection to, IReadOnlyList<long> value) => AddObject(to, NpgsqlDbType.Array | NpgsqlDbType.Bigint, value.ToArray());

    private static void Add(NpgsqlParameterCollection to, IReadOnlyList<Guid> value) => AddObject(to, NpgsqlDbType.Array | NpgsqlDbType.Uuid, value.ToArray());

    private static void Add(NpgsqlParameterCollection to, IReadOnlyList<string> value) => AddObject(to, NpgsqlDbType.Array | NpgsqlDbType.Text, value.ToArray());

    private static void Add(NpgsqlParameterCollection to, long[] value) => AddObject(to, NpgsqlDbType.Array | NpgsqlDbType.Bigint, value);

    private static void Add(NpgsqlParameterCollection to, float[] value) => AddObject(to, NpgsqlDbType.Array | NpgsqlDbType.Real, value);

    [GeneratedRegex(@"(?<in>\bIN )?@(?<name>[A-Za-z_][A-Za-z0-9_]*)")]
    private static partial Regex Name();
}
