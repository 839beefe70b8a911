using System.Diagnostics;
using System.Globalization;
using Memoir.Bench.Corpus;
using Memoir.Bench.Hosts;
using Npgsql;
using NpgsqlTypes;

namespace Memoir.Bench.Limits;

/// <summary>
/// What PostgreSQL's own full text search gives for the corpus and the questions of the service benchmark: the best ten of
/// all memories that have any of the words, and, for comparison, of those that have all of them.
/// </summary>
internal static class FullTextSearch
{
    private const int Questions = 100;
    private const int Hits = 10;

    public static int Run(string url, IReadOnlyList<int> sizes)
    {
        Console.WriteLine(
            """
            | memories | question | found at the median | p50 ms | p95 ms |
            |---:|---|---:|---:|---:|
            """);
        foreach (var size in sizes)
        {
            using var database = PostgresDatabase.Create(url, url);
            using var connection = database.Connect();
            Fill(connection, size);
            Measure(connection, size, "any word, ranked", " | ", "ORDER BY ts_rank_cd(words, query) DESC");
            Measure(connection, size, "any word, as they come", " | ", "");
            Measure(connection, size, "all words, ranked", " & ", "ORDER BY ts_rank_cd(words, query) DESC");
        }

        return 0;
    }

    private static void Fill(NpgsqlConnection connection, int size)
    {
        Execute(connection, "CREATE TABLE texts (tenant text NOT NULL, content text NOT NULL, words tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED)");
        var (vocabulary, random) = (new Vocabulary(), new Random(1));
        using (var rows = connection.BeginBinaryImport("COPY texts (tenant, content) FROM STDIN (FORMAT BINARY)"))
        {
            rows.Timeout = TimeSpan.FromMinutes(10);
            for (var i = 0; i < size; i++)
            {
                rows.StartRow();
                rows.Write("bench-0");
                rows.Write(vocabulary.Text(random, 8, 40));
            }

            rows.Complete();
        }

        Execute(connection, "CREATE INDEX ON texts USING gin (words)");
        Execute(connection, "VACUUM ANALYZE texts");
    }

    private static void Measure(NpgsqlConnection connection, int size, string title, string between, string order)
    {
        var (vocabulary, random) = (new Vocabulary(), new Random(2));
        using var search = new NpgsqlCommand(
            $"SELECT content FROM texts, to_tsquery('simple', $1) query WHERE tenant = 'bench-0' AND words @@ query {order} LIMIT {Hits}", connection);
        using var count = new NpgsqlCommand("SELECT COUNT(*) FROM texts, to_tsquery('simple', $1) query WHERE words @@ query", connection);
        var (times, found) = (new List<double>(), new List<long>());
        foreach (var command in (NpgsqlCommand[])[search, count])
        {
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = "" });
            command.CommandTimeout = 600;
            command.Prepare();
        }

        for (var i = 0; i < Questions; i++)
        {
            var question = string.Join(between, vocabulary.Text(random, 3, 6).Split([' ', '.', ',', '?', '!'], StringSplitOptions.RemoveEmptyEntries));
            search.Parameters[0].Value = question;
            var start = Stopwatch.GetTimestamp();
            using (var rows = search.ExecuteReader())
            {
                while (rows.Read())
                {
                    rows.GetString(0);
                }
            }

            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            count.Parameters[0].Value = question;
            found.Add((long)count.ExecuteScalar()!);
        }

        times.Sort();
        found.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {size:N0} | {title} | {found[Questions / 2]:N0} | {times[Questions / 2]:N1} | {times[Questions * 95 / 100]:N1} |"));
    }

    private static void Execute(NpgsqlConnection connection, string sql)
    {
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 600 };
        command.ExecuteNonQuery();
    }
}
