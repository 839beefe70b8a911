using System.Globalization;
using Memoir.Server.Backups.Rows;
using Memoir.Server.Embeddings.Vectors;
using Microsoft.Data.Sqlite;

namespace Memoir.Tests.Server.Commands.Copy;

/// <summary>Fills every column of every table with something of its own, as the schema says what fits.</summary>
internal static class Canaries
{
    private const int RowsOfEach = 1_203; // More than one portion.

    /// <returns>The tables that are copied.</returns>
    public static IReadOnlyList<string> Fill(string file, params string[] tenants)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        var columns = Columns(connection);
        using var transaction = connection.BeginTransaction();
        foreach (var table in columns.Select(column => column.Table).Distinct())
        {
            foreach (var (tenant, number) in tenants.Select((tenant, number) => (tenant, number)))
            {
                var isSingle = table is "tenants" or "index_states" or "retention_policies" or "quality_policies";
                for (var row = 0; row < (isSingle ? 1 : RowsOfEach); row++)
                {
                    Insert(connection, [.. columns.Where(column => column.Table == table)], tenant, row + (number * 10_000));
                }
            }
        }

        transaction.Commit();
        return [.. columns.Select(column => column.Table).Distinct()];
    }

    public static IReadOnlyList<(string Table, string Name, string Type, bool IsNullable)> Columns(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT m.name, c.name, c.type, c."notnull" FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' ORDER BY m.name, c.cid
            """;
        using var reader = command.ExecuteReader();
        var found = new List<(string, string, string, bool)>();
        while (reader.Read())
        {
            if (!CopiedTables.NotCopied.Contains(reader.GetString(0)))
            {
                found.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3) == 0));
            }
        }

        return found;
    }

    private static void Insert(
        SqliteConnection connection, IReadOnlyList<(string Table, string Name, string Type, bool IsNullable)> columns, string tenant, int row)
    {
        using var command = connection.CreateCommand();
        var names = columns.Select(column => column.Name).ToList();
        command.CommandText = $"INSERT INTO {columns[0].Table} ({string.Join(", ", names)}) VALUES ({string.Join(", ", names.Select(name => $"@{name}"))})";
        foreach (var column in columns)
        {
            command.Parameters.AddWithValue($"@{column.Name}", Value(column.Table, column.Name, column.Type, column.IsNullable, tenant, row) ?? DBNull.Value);
        }

        command.ExecuteNonQuery();
    }

    private static object? Value(string table, string column, string type, bool isNullable, string tenant, int row) => (table, column, type) switch
    {
        (_, "tenant_id", _) => tenant,
        ("jobs", "status", _) => "dead",
        ("embedding_generations", "role", _) => "retired",
        ("embedding_generations", "is_chosen", _) => row % 2,
        ("erasures", "is_whole_tenant", _) => row % 2,
        ("document_versions", "checksum", _) => row.ToString("x64", CultureInfo.InvariantCulture),
        _ when isNullable && row % 3 == 1 => null,
        ("memories", "content", _) when row % 10_000 == 7 => Long(row),
        (_, _, "TEXT") => $"{table}.{column} {tenant} {row} “é\u0301” \U0001F98A \u202e\u0001\t\r\n{{}}",
        (_, _, "REAL") => 1 / (3.0 + row) * (column.Length % 2 == 0 ? -1 : 1e300),
        (_, _, "INTEGER") => (row * 1_000_003L) + column.Length,
        (_, "vector", _) => VectorCodec.Encode([.. Enumerable.Range(0, 96).Select(i => MathF.Sin(i + row))]),
        _ when column is "data" or "body" or "hash" => Enumerable.Range(0, 300).Select(i => (byte)(i + row)).ToArray(),
        _ => Id(row, column),
    };

    private static byte[] Id(int row, string column)
    {
        var id = new byte[16];
        BitConverter.TryWriteBytes(id, row * 7919);
        id[15] = (byte)column.Length;
        id[0] ^= 0xf0; // Above and below 0x80, so that a signed order would show.
        return id;
    }

    private static string Long(int row) => string.Concat(Enumerable.Repeat($"{row} \U0001F409ß", 20_000))[..99_999] + "!";
}
