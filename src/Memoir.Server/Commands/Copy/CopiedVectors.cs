using System.Globalization;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using static Memoir.Server.Commands.Copy.CopiedRows;

namespace Memoir.Server.Commands.Copy;

/// <summary>Stored vectors: the one table of which the engines keep a column in forms of their own. It is summed up in the form of SQLite.</summary>
internal sealed class CopiedVectors() : CopiedTable<EmbeddingRow>("embeddings", nameof(EmbeddingRow.Sequence), nameof(EmbeddingRow.Generation))
{
    protected override string Select(Session session) =>
        string.Join(", ", Columns.Select(column => column == "vector" ? $"{VectorColumn.Read(session)} AS vector" : column));

    protected override EmbeddingRow Settle(Session session, EmbeddingRow row) =>
        row with { Vector = VectorColumn.Encoded(session, row.Vector).ToArray() };

    protected override Task InsertAsync(Session session, IReadOnlyList<EmbeddingRow> rows)
    {
        // An array of arrays would be taken for one long list, so each vector goes as text.
        const string sql = """
            INSERT INTO embeddings (tenant_id, generation, sequence, vector, change)
            VALUES (@Tenant, @Generation, @Sequence, CAST(@Vector AS vector), @Change)
            """;

        return session.Dialect != Dialect.Postgres
            ? base.InsertAsync(session, rows)
            : session.SendManyAsync(sql, rows.Select(row => new { row.Generation, row.Sequence, Vector = Text(session, row), row.Change }).ToList());
    }

    private static string Text(Session session, EmbeddingRow row) => VectorCodec.IsIntact(row.Vector, row.Vector.Length - VectorCodec.LengthOf(0))
        ? $"[{string.Join(',', VectorColumn.ToFloats(row.Vector).Select(value => value.ToString("R", CultureInfo.InvariantCulture)))}]"
        : throw new CommandException(ExitCode.Data, FormattableString.Invariant($"--from: the vector of memory number {row.Sequence} of {session.Tenant.Id} is damaged"));
}
