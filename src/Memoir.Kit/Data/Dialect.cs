namespace Memoir.Kit.Data;

/// <summary>The few words of SQL that the engines do not share.</summary>
/// <param name="Name">The folder of the engine's migrations, and its name in messages.</param>
/// <param name="SkipLocked">Ends a query that claims rows: takes them, and passes over those that another process holds.</param>
public sealed record Dialect(string Name, string SkipLocked)
{
    public static Dialect Sqlite { get; } = new("sqlite", "");

    public static Dialect Postgres { get; } = new("postgresql", "FOR UPDATE SKIP LOCKED");
}
