using System.Linq.Expressions;
using System.Reflection;
using SQLitePCL;

namespace Memoir.Kit.Data.Sqlite;

/// <summary>Compiles, once per statement and argument type, the code that binds an object's properties to a statement's parameters.</summary>
internal static class ParameterBinding
{
    /// <exception cref="InvalidOperationException">A parameter has no property, or a property's type has no column type.</exception>
    public static Action<object, sqlite3_stmt> Compile(Type type, sqlite3_stmt statement)
    {
        var source = Expression.Parameter(typeof(object));
        var target = Expression.Parameter(typeof(sqlite3_stmt));
        var typed = Expression.Variable(type);
        var body = new List<Expression> { Expression.Assign(typed, Expression.Convert(source, type)) };

        for (var index = 1; index <= raw.sqlite3_bind_parameter_count(statement); index++)
        {
            var name = raw.sqlite3_bind_parameter_name(statement, index).utf8_to_string()[1..];
            if (name == "Tenant")
            {
                continue;
            }

            var property = type.GetProperty(name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)
                ?? throw new InvalidOperationException($"{type.Name} has no property for the parameter @{name}.");
            var binder = typeof(ParameterBinding).GetMethod(
                    nameof(Bind), BindingFlags.NonPublic | BindingFlags.Static, [typeof(sqlite3_stmt), typeof(int), property.PropertyType])
                ?? throw new InvalidOperationException($"@{name}: {property.PropertyType.Name} has no column type.");
            body.Add(Expression.Call(binder, target, Expression.Constant(index), Expression.Property(typed, property)));
        }

        return Expression.Lambda<Action<object, sqlite3_stmt>>(Expression.Block([typed], body), source, target).Compile();
    }

    private static void Bind(sqlite3_stmt statement, int index, string? value)
    {
        if (value is null)
        {
            raw.sqlite3_bind_null(statement, index);
        }
        else
        {
            raw.sqlite3_bind_text(statement, index, value);
        }
    }

    private static void Bind(sqlite3_stmt statement, int index, long value) => raw.sqlite3_bind_int64(statement, index, value);

    private static void Bind(sqlite3_stmt statement, int index, int value) => raw.sqlite3_bind_int64(statement, index, value);

    private static void Bind(sqlite3_stmt statement, int index, bool value) => raw.sqlite3_bind_int64(statement, index, value ? 1 : 0);

    private static void Bind(sqlite3_stmt statement, int index, double value) => raw.sqlite3_bind_double(statement, index, value);

    private static void Bind(sqlite3_stmt statement, int index, Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        raw.sqlite3_bind_blob(statement, index, bytes);
    }

    private static void Bind(sqlite3_stmt statement, int index, DateTimeOffset value) =>
        raw.sqlite3_bind_int64(statement, index, value.ToMicroseconds());

    private static void Bind(sqlite3_stmt statement, int index, Json value) => raw.sqlite3_bind_text(statement, index, value.Text);

    private static void Bind(sqlite3_stmt statement, int index, byte[]? value)
    {
        if (value is null)
        {
            raw.sqlite3_bind_null(statement, index);
        }
        else
        {
            raw.sqlite3_bind_blob(statement, index, value);
        }
    }

    private static void Bind(sqlite3_stmt statement, int index, long? value) =>
        _ = value is { } given ? raw.sqlite3_bind_int64(statement, index, given) : raw.sqlite3_bind_null(statement, index);

    private static void Bind(sqlite3_stmt statement, int index, double? value) =>
        _ = value is { } given ? raw.sqlite3_bind_double(statement, index, given) : raw.sqlite3_bind_null(statement, index);

    private static void Bind(sqlite3_stmt statement, int index, Guid? value)
    {
        if (value is { } given)
        {
            Bind(statement, index, given);
        }
        else
        {
            raw.sqlite3_bind_null(statement, index);
        }
    }

    private static void Bind(sqlite3_stmt statement, int index, DateTimeOffset? value) =>
        Bind(statement, index, value?.ToMicroseconds());

    private static void Bind(sqlite3_stmt statement, int index, Json? value) => Bind(statement, index, value?.Text);
}
