namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// Looks whether the database would let tenants see each other in spite of everything else: a role that row level
/// security does not bind, a table whose rows it does not guard, a copy of rows that it cannot guard.
/// </summary>
internal static class IsolationCheck
{
    /// <summary>The closed list: tables with work across tenants, whose policies also admit the system session.</summary>
    private static readonly string[] CrossTenant = ["tenants", "jobs", "idempotency_keys", "api_keys", "embedding_generations", "audit_records", "retention_policies"];

    /// <summary>The part of it that can be asked before there are tables.</summary>
    /// <exception cref="StartupException">The session's role passes by every policy.</exception>
    public static async Task<bool> RequireRoleAsync(Session system)
    {
        const string role = """
            SELECT CASE WHEN rolsuper THEN 'is a superuser' WHEN rolbypassrls THEN 'has BYPASSRLS' END AS value
            FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)
            """;

        if (await system.QueryAsync<string>(role, new { }) is [var power, ..])
        {
            throw Refused($"the role of MEMORY_DATABASE_URL {power}, so row level security does not bind it. Use a role that is neither superuser nor BYPASSRLS; memoir migrate grants it what it needs.");
        }

        return true;
    }

    /// <exception cref="StartupException">It would; the text names the role or the object.</exception>
    public static async Task RequireAsync(Session system)
    {
        const string unguarded = """
            SELECT c.oid::regclass::text || CASE
                WHEN NOT c.relrowsecurity THEN ': row level security is not enabled'
                WHEN NOT c.relforcerowsecurity THEN ': row level security is not forced, so it does not bind the owner'
                ELSE ': no policy' END AS value
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
                AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
                    OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive))
            ORDER BY 1
            """;
        const string policies = """
            SELECT c.relname AS relation, c.relname || ', policy ' || p.polname AS place, p.polcmd = '*' AS is_for_all,
                pg_get_expr(p.polqual, p.polrelid) AS reading, pg_get_expr(p.polwithcheck, p.polrelid) AS writing
            FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
            WHERE p.polpermissive AND EXISTS (
                SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
            ORDER BY 2
            """;
        const string copies = """
            WITH RECURSIVE dependents (oid) AS (
                SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                    AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
                UNION
                SELECT r.ev_class FROM dependents t
                JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_rewrite'::regclass
                JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid)
            SELECT v.oid::regclass::text || CASE v.relkind
                WHEN 'm' THEN ': a materialised view of tenants'' rows, which no policy guards'
                ELSE ': a view of tenants'' rows with the rights of its owner, whom no policy binds' END AS value
            FROM dependents d JOIN pg_catalog.pg_class v ON v.oid = d.oid JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
            WHERE v.relkind = 'm' OR (v.relkind = 'v' AND (o.rolsuper OR o.rolbypassrls) AND has_table_privilege(v.oid, 'SELECT')
                AND NOT EXISTS (SELECT 1 FROM unnest(v.reloptions) AS set (option) WHERE set.option IN ('security_invoker=true', 'security_invoker=on', 'security_invoker=1')))
            ORDER BY 1
            """;

        await RequireRoleAsync(system);
        if (await system.QueryAsync<string>(unguarded, new { }) is [var table, ..])
        {
            throw Refused($"{table}.");
        }

        foreach (var policy in await system.QueryAsync<Policy>(policies, new { }))
        {
            if (policy.Complaint(CrossTenant) is { } complaint)
            {
                throw Refused($"{policy.Place}: {complaint}.");
            }
        }

        if (await system.QueryAsync<string>(copies, new { }) is [var copy, ..])
        {
            throw Refused($"{copy}.");
        }
    }

    private static StartupException Refused(string what) => new($"MEMORY_DATABASE_URL: the database would not keep tenants apart: {what}");

    private sealed record Policy
    {
        public required string Relation { get; init; }

        public required string Place { get; init; }

        public required bool IsForAll { get; init; }

        public string? Reading { get; init; }

        public string? Writing { get; init; }

        public string? Complaint(string[] crossTenant) =>
            Reading is null ? "it has no USING"
            : Writing is null ? "it has no WITH CHECK"
            : !IsForAll ? "it is not for all commands"
            : Wrong(Reading, crossTenant) ?? Wrong(Writing, crossTenant);

        /// <summary>The forms in which PostgreSQL gives the two conditions of our policies back.</summary>
        private string? Wrong(string condition, string[] crossTenant)
        {
            const string own = "(tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))";
            const string system = "(NULLIF(current_setting('app.system'::text, true), ''::text) = 'on'::text)";

            var plain = condition.Replace(" COLLATE \"C\"", "", StringComparison.Ordinal);
            if (!plain.Contains("NULLIF(", StringComparison.Ordinal))
            {
                return "it reads the tenant without NULLIF, so an unset one is an error or a tenant";
            }

            return plain == own || (plain == $"({own} OR {system})" && crossTenant.Contains(Relation))
                ? null
                : "it admits other rows than those of the transaction's tenant";
        }
    }
}
