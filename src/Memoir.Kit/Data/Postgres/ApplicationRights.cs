namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// What the role of the application may do with the tables of the owner: read and write their rows, and only read which
/// migrations were applied. A restore or another role may lack it though no migration is due.
/// </summary>
internal static class ApplicationRights
{
    /// <param name="session">The owner's.</param>
    /// <param name="role">Who is given them, quoted as an identifier.</param>
    /// <param name="always">There are new tables. Otherwise only what is found to be lacking is granted.</param>
    public static async Task GrantAsync(Session session, string role, bool always)
    {
        // Tables of others, such as the views of an extension, are none of ours and could not be granted.
        const string lacking = """
            SELECT quote_ident(n.nspname) AS schema, quote_ident(c.relname) AS name
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE')
                AND (@always <> 0 OR NOT has_schema_privilege(to_regrole(@role), n.oid, 'USAGE')
                    OR NOT has_table_privilege(to_regrole(@role), c.oid, 'SELECT')
                    OR (c.relname <> 'schema_migrations' AND NOT (has_table_privilege(to_regrole(@role), c.oid, 'INSERT')
                        AND has_table_privilege(to_regrole(@role), c.oid, 'UPDATE') AND has_table_privilege(to_regrole(@role), c.oid, 'DELETE'))))
            ORDER BY c.relname
            """;

        var tables = await session.QueryAsync<Table>(lacking, new { role, always });
        if (tables is [var first, ..])
        {
            await session.ExecuteAsync($"GRANT USAGE ON SCHEMA {first.Schema} TO {role}", new { });
        }

        foreach (var table in tables)
        {
            var rights = table.Name == "schema_migrations" ? "SELECT" : "SELECT, INSERT, UPDATE, DELETE";
            await session.ExecuteAsync($"GRANT {rights} ON {table.Schema}.{table.Name} TO {role}", new { });
        }
    }

    private sealed record Table
    {
        public required string Schema { get; init; }

        public required string Name { get; init; }
    }
}
