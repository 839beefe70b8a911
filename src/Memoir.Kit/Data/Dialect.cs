namespace Memoir.Kit.Data;

/// <summary>The few words of SQL that the engines do not share.</summary>
/// <param name="Name">The folder of the engine's migrations, and its name in messages.</param>
/// <param name="SkipLocked">Ends a query that claims rows: takes them, and passes over those that another process holds.</param>
/// <param name="TableExists">A query with a row where there is a table <c>@table</c>.</param>
/// <param name="Clock">The time in microseconds since 1970 by the clock that all processes share; where there is but one, its own, as <c>@now</c>.</param>
/// <param name="TakesWrites">A query with 1 where the server takes writes, and 0 where it only follows another one.</param>
/// <param name="Notify">The statement that tells other processes of a channel with the commit; null where there are none.</param>
public sealed record Dialect(string Name, string SkipLocked, string TableExists, string Clock, string TakesWrites, string? Notify)
{
    public static Dialect Sqlite { get; } = new(
        "sqlite", "", "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = @table", "@now", "SELECT 1", Notify: null);

    public static Dialect Postgres { get; } = new(
        "postgresql", "FOR UPDATE SKIP LOCKED", "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass(@table)",
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint", "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END", "NOTIFY");
}
