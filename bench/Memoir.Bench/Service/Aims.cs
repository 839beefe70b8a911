using System.Globalization;

namespace Memoir.Bench.Service;

/// <summary>Holds the measurements against what the product promises, and says by how much a promise is missed.</summary>
internal static class Aims
{
    public const string Header =
        """
        | aim | memories | tenants | figure | bound | verdict |
        |---|---:|---:|---:|---:|---|
        """;

    public static IEnumerable<string> Rows(IReadOnlyList<Measurement> all)
    {
        var echo = all.Where(row => row is { Operation: Operation.JsonEcho, Clients: 1 }).Min(row => row.P50);
        var commit = all.Where(row => row is { Operation: Operation.BareCommit, Units: 1 }).Min(row => row.P50);
        foreach (var row in all)
        {
            var isMillion = row.Memories >= 1_000_000;
            var isLarge = row.Memories >= 100_000;
            var line = row.Engine is Engine.Postgres ? Postgres(row) : row switch
            {
                { Operation: Operation.Store, Clients: 1 } =>
                    AtMost(row, "store, 1 client, p50 ≤ 3 × (echo + bare commit), ms", row.P50, 3 * (echo + commit)),
                { Operation: Operation.Store, Clients: 64 } when !isMillion =>
                    AtLeast(row, "store, 64 clients, per second", row.UnitsPerSecond, 10_000),
                { Operation: Operation.Batch, Clients: 4 } =>
                    AtLeast(row, $"{row.Title}, messages per second", row.UnitsPerSecond, isMillion ? 30_000 : 40_000),
                { Operation: Operation.Search, Clients: 1 } when isLarge =>
                    AtMost(row, "search, 1 client, p95, ms", row.P95, isMillion ? 12 : 2),
                { Operation: Operation.Search, Clients: 8 } when isLarge =>
                    AtMost(row, "resident after filling and searching, MB", (row.ResidentBytes ?? 0) / 1e6, isMillion ? 1_500 : 300)
                    + (isMillion ? "" : Environment.NewLine + AtLeast(row, "search, 8 clients, per second", row.UnitsPerSecond, 2_000)),
                { Operation: Operation.SearchWhileStoring } when Idle(all, row) is { } idle =>
                    AtMost(row, "search while 4 clients store, p95 ≤ 3 × alone, ms", row.P95, 3 * idle.P95),
                { Operation: Operation.Mix } =>
                    AtMost(row, "mixed, 128 clients, errors", row.Result.Errors, 0),
                { Operation: Operation.StartToAnswer } =>
                    AtMost(row, "start → first answer of a search, slowest, ms", row.Result.Latency.Milliseconds(1), isMillion ? 5_000 : 600),
                _ => null,
            };
            if (line is not null)
            {
                yield return line;
            }
        }
    }

    private static string? Postgres(Measurement row)
    {
        var isMillion = row.Memories >= 1_000_000;
        return row switch
        {
            { Operation: Operation.Store, Clients: 1 } => AtMost(row, "PostgreSQL: store, 1 client, p50, ms", row.P50, 3),
            { Operation: Operation.Batch, Clients: 4 } =>
                AtLeast(row, $"PostgreSQL: {row.Title}, messages per second", row.UnitsPerSecond, 10_000),
            { Operation: Operation.Search, Clients: 1, Memories: >= 100_000, Tenants: 1 } =>
                AtMost(row, "PostgreSQL: search, 1 client, p95, ms", row.P95, isMillion ? 60 : 25),
            { Operation: Operation.Mix } => AtMost(row, "PostgreSQL: mixed, 128 clients, errors", row.Result.Errors, 0),
            _ => null,
        };
    }

    private static Measurement? Idle(IReadOnlyList<Measurement> all, Measurement row) => all.FirstOrDefault(
        other => other is { Operation: Operation.Search, Clients: 1 } && other.Engine == row.Engine && other.Memories == row.Memories && other.Tenants == row.Tenants);

    private static string AtMost(Measurement row, string aim, double figure, double bound) =>
        Line(row, aim, figure, bound, figure <= bound, bound == 0 ? figure : figure / bound);

    private static string AtLeast(Measurement row, string aim, double figure, double bound) =>
        Line(row, aim, figure, bound, figure >= bound, bound / figure);

    private static string Line(Measurement row, string aim, double figure, double bound, bool met, double factor) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"| {aim} | {row.Memories:N0} | {row.Tenants} | {Short(figure)} | {Short(bound)} "
            + $"| {(met ? $"met ({factor:N2} of the bound)" : $"**missed** by a factor of {factor:N2}")} |");

    private static string Short(double value) => value.ToString(value < 100 ? "N3" : "N0", CultureInfo.InvariantCulture);
}
