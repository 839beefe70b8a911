using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>
/// Writes tables anew. A plain VACUUM frees the place of deleted rows and leaves their bytes in it; the statistics keep
/// samples of values besides. What the server has in its own log, PostgreSQL overwrites in its own time.
/// </summary>
internal static class TableRewrite
{
    private const int Unlimited = 0;
    private const string Patience = "SET lock_timeout = '5s'"; // Whoever waits for the table waits behind this.
    private const string OwnsDatabase = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()";

    /// <inheritdoc cref="Engines.IDatabaseEngine.RewriteAsync"/>
    public static async Task<string?> RunAsync(NpgsqlDataSource owner, IReadOnlyList<string> tables, CancellationToken ct)
    {
        await using var connection = await owner.OpenConnectionAsync(ct);
        try
        {
            await RunAsync(connection, Patience, ct);
            foreach (var table in tables)
            {
                await RunAsync(connection, $"VACUUM (FULL, ANALYZE) {table}", ct);
            }

            await using var asked = new NpgsqlCommand(OwnsDatabase, connection);
            if (await asked.ExecuteScalarAsync(ct) is not true)
            {
                return "the statistics can be written anew only by the owner of the database (MEMORY_DATABASE_ADMIN_URL)";
            }

            await RunAsync(connection, "VACUUM (FULL) pg_catalog.pg_statistic", ct);
            return null;
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.DiskFull)
        {
            return exception.MessageText;
        }
        finally
        {
            await RunAsync(connection, "RESET lock_timeout", CancellationToken.None);
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = Unlimited };
        await command.ExecuteNonQueryAsync(ct);
    }
}
