using Npgsql;
using SQLitePCL;

namespace Memoir.Kit.Data;

/// <summary>The current row of a scan; valid only inside the callback it was handed to. A NULL reads as 0 or as empty.</summary>
public readonly ref struct SqlRow
{
    private readonly sqlite3_stmt? _statement;
    private readonly NpgsqlDataReader? _reader;

    internal SqlRow(sqlite3_stmt statement) => _statement = statement;

    internal SqlRow(NpgsqlDataReader reader) => _reader = reader;

    public long Number(int column) =>
        _reader is null ? raw.sqlite3_column_int64(_statement, column)
        : _reader.IsDBNull(column) ? 0
        : _reader.GetInt64(column);

    public double Real(int column) =>
        _reader is null ? raw.sqlite3_column_double(_statement, column)
        : _reader.IsDBNull(column) ? 0
        : _reader.GetDouble(column);

    public string Text(int column) =>
        _reader is null ? raw.sqlite3_column_text(_statement, column).utf8_to_string() ?? ""
        : _reader.IsDBNull(column) ? ""
        : _reader.GetString(column);

    public ReadOnlySpan<byte> Bytes(int column) =>
        _reader is null ? raw.sqlite3_column_blob(_statement, column)
        : _reader.IsDBNull(column) ? []
        : _reader.GetFieldValue<byte[]>(column);

    public Guid Id(int column) => _reader is null ? new Guid(raw.sqlite3_column_blob(_statement, column), bigEndian: true) : _reader.GetGuid(column);
}
