using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using static Memoir.Server.Backups.Rows.CopiedRows;

namespace Memoir.Server.Backups.Rows;

/// <summary>Stored vectors: the one table of which the engines keep a column in forms of their own. It is summed up in the form of SQLite.</summary>
internal sealed class CopiedVectors() : CopiedTable<EmbeddingRow>("embeddings", nameof(EmbeddingRow.Sequence), nameof(EmbeddingRow.Generation))
{
    protected override string Select(Session session, string column) => column == "vector" ? $"{VectorColumn.Read(session)} AS vector" : column;

    protected override EmbeddingRow Settle(Session session, EmbeddingRow row) =>
        row with { Vector = VectorColumn.Encoded(session, row.Vector).ToArray() };

    protected override Task InsertAsync(Session session, RowShape<EmbeddingRow> shape, IReadOnlyList<EmbeddingRow> rows)
    {
        // An array of arrays would be taken for one long list, so each vector goes as text.
        var values = shape.Properties.Select(property => property == nameof(EmbeddingRow.Vector) ? "CAST(@Vector AS vector)" : $"@{property}");
        var sql = $"INSERT INTO {Name} (tenant_id, {string.Join(", ", shape.Columns)}) VALUES (@Tenant, {string.Join(", ", values)})";
        return session.Dialect != Dialect.Postgres
            ? base.InsertAsync(session, shape, rows)
            : session.SendManyAsync(sql, rows.Select(row => new { row.Generation, row.Sequence, Vector = Text(session, row), row.Change }).ToList());
    }

    private static string Text(Session session, EmbeddingRow row) => VectorCodec.IsIntact(row.Vector, row.Vector.Length - VectorCodec.LengthOf(0))
        ? $"[{string.Join(',', VectorColumn.ToFloats(row.Vector).Select(value => value.ToString("R", CultureInfo.InvariantCulture)))}]"
        : throw new InvalidDataException(FormattableString.Invariant($"the vector of memory number {row.Sequence} of {session.Tenant.Id} is damaged"));
}
