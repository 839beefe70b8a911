using System.Diagnostics;
using Memoir.Bench.Hosts;
using Memoir.Bench.Load;
using Npgsql;
using NpgsqlTypes;
using LatencyHistogram = Memoir.Server.Commands.Loadtest.LatencyHistogram;

namespace Memoir.Bench.Limits;

/// <summary>What the disk and PostgreSQL allow at best: rows of about 300 bytes into a table with a key, one connection, no server of ours.</summary>
internal static class PostgresLimits
{
    public const int RowsPerCopy = 1_000;

    private static readonly string Content = new('x', 200);

    /// <summary>Single rows, prepared, each durable when its statement ends.</summary>
    public static LoadResult Insert(PostgresDatabase database, TimeSpan duration)
    {
        using var connection = Open(database);
        using var insert = new NpgsqlCommand("INSERT INTO bare VALUES ('bench-0', $1, 'c1-0', 'user', $2, 0.5, 1, 2)", connection);
        var id = new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Uuid };
        insert.Parameters.Add(id);
        insert.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = Content });
        return Repeat(database, duration, () =>
        {
            id.Value = NextId();
            insert.ExecuteNonQuery();
        }, prepare: () =>
        {
            id.Value = NextId();
            insert.Prepare();
        });
    }

    /// <summary>A thousand rows by COPY, durable when it ends.</summary>
    public static LoadResult Copy(PostgresDatabase database, TimeSpan duration)
    {
        using var connection = Open(database);
        return Repeat(database, duration, () =>
        {
            using var rows = connection.BeginBinaryImport("COPY bare FROM STDIN (FORMAT BINARY)");
            for (var i = 0; i < RowsPerCopy; i++)
            {
                rows.StartRow();
                rows.Write("bench-0");
                rows.Write(NextId(), NpgsqlDbType.Uuid);
                rows.Write("c1-0");
                rows.Write("user");
                rows.Write(Content);
                rows.Write(0.5);
                rows.Write(1L);
                rows.Write(2L);
            }

            rows.Complete();
        }, prepare: () => { });
    }

    private static Guid NextId() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    private static NpgsqlConnection Open(PostgresDatabase database)
    {
        var connection = database.Connect();
        using var create = new NpgsqlCommand(
            """
            CREATE TABLE IF NOT EXISTS bare (
                tenant text NOT NULL, id uuid NOT NULL, conversation text NOT NULL, role text NOT NULL,
                content text NOT NULL, importance double precision NOT NULL, occurred_at bigint NOT NULL, stored_at bigint NOT NULL,
                PRIMARY KEY (tenant, id))
            """,
            connection);
        create.ExecuteNonQuery();
        return connection;
    }

    private static LoadResult Repeat(PostgresDatabase database, TimeSpan duration, Action work, Action prepare)
    {
        prepare();
        work();
        var latency = new LatencyHistogram();
        var neighbours = new Neighbours(child: null, () => database.Processes.Ticks);
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            var before = Stopwatch.GetTimestamp();
            work();
            latency.Record((long)Stopwatch.GetElapsedTime(before).TotalNanoseconds);
        }

        return new LoadResult(latency, Stopwatch.GetElapsedTime(start).TotalSeconds, 0, null) { Others = neighbours.Share() };
    }
}
