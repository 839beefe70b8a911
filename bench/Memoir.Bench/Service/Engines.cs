using System.Globalization;

namespace Memoir.Bench.Service;

/// <summary>What the server under test keeps its data in.</summary>
internal enum Engine
{
    Sqlite,
    Postgres,
}

/// <summary>The same measurements on both engines, beside each other.</summary>
internal static class Engines
{
    public const string Header =
        """
        | operation | memories | tenants | clients | SQLite p50 ms | p95 ms | per second | PostgreSQL p50 ms | p95 ms | per second |
        |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
        """;

    public static string NameOf(Engine engine) => engine is Engine.Postgres ? "PostgreSQL" : "SQLite";

    public static IEnumerable<string> Rows(IReadOnlyList<Measurement> all) =>
        from sqlite in all
        where sqlite.Engine is Engine.Sqlite
        let postgres = all.FirstOrDefault(row => row.Engine is Engine.Postgres && row.Title == sqlite.Title
            && row.Clients == sqlite.Clients && row.Memories == sqlite.Memories && row.Tenants == sqlite.Tenants)
        where postgres is not null
        select string.Create(
            CultureInfo.InvariantCulture,
            $"| {sqlite.Title} | {sqlite.Memories:N0} | {sqlite.Tenants} | {sqlite.Clients} | {Figures(sqlite)} | {Figures(postgres)} |");

    private static string Figures(Measurement row) =>
        string.Create(CultureInfo.InvariantCulture, $"{row.P50:N3} | {row.P95:N3} | {row.Rate()}");
}
