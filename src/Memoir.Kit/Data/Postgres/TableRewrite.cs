using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// Writes tables anew. A plain VACUUM frees the place of deleted rows and leaves their bytes in it; the statistics keep
/// samples of values besides. What the server has in its own log, PostgreSQL overwrites in its own time.
/// </summary>
internal static partial class TableRewrite
{
    private const int Unlimited = 0;
    private const string Patience = "SET lock_timeout = '5s'"; // Whoever waits for the table waits behind this.
    private const string OwnsDatabase = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()";

    /// <summary>
    /// Of an empty table nothing is sampled anew, and the old samples stay. A column that is given the type that it has
    /// loses them; an empty table has nothing else to lose.
    /// </summary>
    private const string ForgetSamples = """
        SELECT format('ALTER TABLE %s ', c.oid::regclass) || string_agg(
            format('ALTER COLUMN %I TYPE text%s', a.attname, CASE a.attcollation WHEN '"C"'::regcollation THEN ' COLLATE "C"' ELSE '' END), ', ')
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        WHERE c.oid = to_regclass($1) AND pg_relation_size(c.oid) = 0 AND a.attnum > 0 AND NOT a.attisdropped
            AND a.atttypid = 'text'::regtype AND a.attname <> 'tenant_id'
        GROUP BY c.oid
        """;

    /// <inheritdoc cref="Engines.IDatabaseEngine.RewriteAsync"/>
    public static async Task<string?> RunAsync(NpgsqlDataSource owner, IReadOnlyList<string> tables, CancellationToken ct)
    {
        await using var connection = await owner.OpenConnectionAsync(ct);
        var kept = 0L;
        void Hear(object sender, NpgsqlNoticeEventArgs said) => kept += KeptAlive(said.Notice.Detail);
        connection.Notice += Hear;
        try
        {
            await RunAsync(connection, Patience, ct);
            foreach (var table in tables)
            {
                await RunAsync(connection, $"VACUUM (FULL, ANALYZE, VERBOSE) {table}", ct);
                await using var samples = new NpgsqlCommand(ForgetSamples, connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = table } } };
                if (await samples.ExecuteScalarAsync(ct) is string forget)
                {
                    await RunAsync(connection, forget, ct);
                }
            }

            await using var asked = new NpgsqlCommand(OwnsDatabase, connection);
            if (await asked.ExecuteScalarAsync(ct) is not true)
            {
                return "the statistics can be written anew only by the owner of the database (MEMORY_DATABASE_ADMIN_URL)";
            }

            await RunAsync(connection, "VACUUM (FULL, VERBOSE) pg_catalog.pg_statistic", ct);
            return kept == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"a transaction that is open since before keeps {kept} deleted rows alive");
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.DiskFull)
        {
            return exception.MessageText;
        }
        finally
        {
            connection.Notice -= Hear;
            await RunAsync(connection, "RESET lock_timeout", CancellationToken.None);
        }
    }

    /// <summary>The detail of what VACUUM says begins with the number of rows that are deleted and had to be copied, in whatever language.</summary>
    private static long KeptAlive(string? detail) =>
        detail is not null && Number().Match(detail) is { Success: true } match ? long.Parse(match.ValueSpan, CultureInfo.InvariantCulture) : 0;

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = Unlimited };
        await command.ExecuteNonQueryAsync(ct);
    }

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
