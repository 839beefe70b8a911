using System.Diagnostics;
using Memoir.Bench.Load;
using Memoir.Kit.Data.Sqlite;
using Microsoft.Data.Sqlite;
using LatencyHistogram = Memoir.Server.Commands.Loadtest.LatencyHistogram;

namespace Memoir.Bench.Limits;

/// <summary>What the disk and SQLite allow at best: rows of about 300 bytes, WAL with synchronous=FULL, one thread, no server.</summary>
internal static class DurableCommit
{
    public static LoadResult Measure(string folder, int rowsPerCommit, TimeSpan duration)
    {
        SqliteLibrary.Load();
        var file = Path.Combine(folder, $"bare-{Guid.CreateVersion7(TimeProvider.System.GetUtcNow())}.db");
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        Execute(connection, "PRAGMA journal_mode=WAL");
        Execute(connection, "PRAGMA synchronous=FULL");
        Execute(
            connection,
            """
            CREATE TABLE bare (
                tenant TEXT NOT NULL, id BLOB NOT NULL, conversation TEXT NOT NULL, role TEXT NOT NULL,
                content TEXT NOT NULL, importance REAL NOT NULL, occurred_at INTEGER NOT NULL, stored_at INTEGER NOT NULL,
                PRIMARY KEY (tenant, id))
            """);
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO bare VALUES ('bench-0', $id, 'c1-0', 'user', $content, 0.5, 1, 2)";
        var id = insert.Parameters.Add("$id", SqliteType.Blob);
        var content = insert.Parameters.Add("$content", SqliteType.Text);
        content.Value = new string('x', 200);
        insert.Prepare();

        var latency = new LatencyHistogram();
        var neighbours = new Neighbours(child: null);
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            var before = Stopwatch.GetTimestamp();
            Execute(connection, "BEGIN IMMEDIATE");
            for (var i = 0; i < rowsPerCommit; i++)
            {
                id.Value = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToByteArray(bigEndian: true);
                insert.ExecuteNonQuery();
            }

            Execute(connection, "COMMIT");
            latency.Record((long)Stopwatch.GetElapsedTime(before).TotalNanoseconds);
        }

        return new LoadResult(latency, Stopwatch.GetElapsedTime(start).TotalSeconds, 0, null)
        {
            Others = neighbours.Share(),
        };
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
