using System.Data;
using Dapper;

namespace Memoir.Kit.Data;

/// <summary>JSON text as it is stored: <c>TEXT</c> in SQLite, <c>jsonb</c> in PostgreSQL.</summary>
public readonly record struct Json(string Text)
{
    public static Json EmptyObject => new("{}");
}

/// <summary>Teaches Dapper the types the engines disagree about: ids, instants and JSON.</summary>
internal static class SqlTypes
{
    private static readonly Lock Gate = new();
    private static bool _registered;

    public static void Register()
    {
        lock (Gate)
        {
            if (_registered)
            {
                return;
            }

            DefaultTypeMap.MatchNamesWithUnderscores = true;
            SqlMapper.RemoveTypeMap(typeof(Guid));
            SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
            SqlMapper.AddTypeHandler(new GuidHandler());
            SqlMapper.AddTypeHandler(new InstantHandler());
            SqlMapper.AddTypeHandler(new JsonHandler());
            _registered = true;
        }
    }

    private sealed class GuidHandler : SqlMapper.TypeHandler<Guid>
    {
        public override void SetValue(IDbDataParameter parameter, Guid value)
        {
            parameter.DbType = DbType.Binary;
            parameter.Value = value.ToByteArray(bigEndian: true);
        }

        public override Guid Parse(object value) => value as Guid? ?? new Guid((byte[])value, bigEndian: true);
    }

    private sealed class InstantHandler : SqlMapper.TypeHandler<DateTimeOffset>
    {
        // SQLite keeps microseconds since the epoch as an INTEGER.
        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
        {
            parameter.DbType = DbType.Int64;
            parameter.Value = value.ToMicroseconds();
        }

        public override DateTimeOffset Parse(object value) => value switch
        {
            long microseconds => Instants.FromMicroseconds(microseconds),
            DateTime utc => new DateTimeOffset(utc, TimeSpan.Zero),
            _ => throw new DataException($"Cannot read {value.GetType().Name} as an instant."),
        };
    }

    private sealed class JsonHandler : SqlMapper.TypeHandler<Json>
    {
        public override void SetValue(IDbDataParameter parameter, Json value)
        {
            parameter.DbType = DbType.String;
            parameter.Value = value.Text;
        }

        public override Json Parse(object value) => new((string)value);
    }
}
