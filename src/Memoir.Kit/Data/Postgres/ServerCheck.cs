using System.Globalization;
using Npgsql;

namespace Memoir.Kit.Data.Postgres;

/// <summary>Looks whether the server is one that Memoir's promises hold on.</summary>
internal static class ServerCheck
{
    private const int OldestServer = 15;

    /// <summary>Up to 0.8.1 a parallel build of an HNSW index can write past its memory.</summary>
    private static readonly Version SafeVector = new(0, 8, 2);

    /// <exception cref="StartupException">It is too old.</exception>
    public static async Task<EngineReport> ReportAsync(Session system)
    {
        const string sql = """
            SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
                current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages, current_setting('server_encoding') AS encoding,
                (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector') AS vector
            """;

        var server = (await system.FindAsync<Settings>(sql, new { }))!;
        if (int.Parse(server.Number, CultureInfo.InvariantCulture) / 10_000 < OldestServer)
        {
            throw new StartupException($"MEMORY_DATABASE_URL: PostgreSQL {server.Version} is too old; Memoir needs {OldestServer} or later.");
        }

        if (server.Encoding != "UTF8")
        {
            throw new StartupException($"MEMORY_DATABASE_URL: the database's encoding is {server.Encoding}; Memoir needs UTF8, see CREATE DATABASE … ENCODING 'UTF8'.");
        }

        var warnings = new List<string>();
        if (server.Fsync == "off" || server.Pages == "off")
        {
            warnings.Add("The server runs with fsync or full_page_writes off: a crash can destroy the database. Set both to on.");
        }

        if (Version.TryParse(server.Vector, out var vector) && vector < SafeVector)
        {
            warnings.Add($"pgvector {server.Vector} has CVE-2026-3172; update it to {SafeVector} or later, or set max_parallel_maintenance_workers to 0.");
        }

        var extension = server.Vector is null ? "" : $", pgvector {server.Vector}";
        return new EngineReport($"PostgreSQL {server.Version}{extension}", warnings);
    }

    /// <summary>
    /// Whether a fault at the start may pass by itself. A refused password, a database or table that is not there, a right
    /// that is missing and a certificate that is not trusted do not.
    /// </summary>
    public static bool MayPass(Exception fault) => fault is PostgresException answer
        ? answer.IsTransient || answer.SqlState is ['5', '7', ..] or ['0', '8', ..] || PostgresErrors.IsFollower(fault)
        : PostgresErrors.IsBroken(fault) || fault is TimeoutException;

    private sealed record Settings
    {
        public required string Version { get; init; }

        public required string Number { get; init; }

        public required string Fsync { get; init; }

        public required string Pages { get; init; }

        public required string Encoding { get; init; }

        public string? Vector { get; init; }
    }
}
