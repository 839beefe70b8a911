using Memoir.Bench.Corpus;
using Memoir.Bench.Hosts;
using Memoir.Bench.Limits;

namespace Memoir.Bench.Service;

/// <summary>Measures what this machine allows at best, with the same client and in the same run.</summary>
internal static class BaselineRun
{
    public static async Task RunAsync(
        ServiceOptions options, Conversations conversations, string folder, List<Measurement> rows, CancellationToken ct)
    {
        await using (var host = await Target.StartBaselineAsync(ct))
        {
            ReadOnlyMemory<byte>[] empty = [host.Requests.Get("/")];
            ReadOnlyMemory<byte>[] echo = [host.Requests.Post("/echo", conversations.Message())];
            foreach (var clients in (int[])[1, 64])
            {
                rows.Add(new Measurement(
                    Operation.EmptyEndpoint, "machine: empty endpoint", clients, await host.RunAsync(clients, empty, options, ct)));
                rows.Add(new Measurement(
                    Operation.JsonEcho, "machine: JSON echo", clients, await host.RunAsync(clients, echo, options, ct)));
            }
        }

        AddCommits(options, folder, 1, rows);
        AddCommits(options, folder, 100, rows);
        rows.Add(new Measurement(Operation.MemoryRead, "machine: reading memory, a MB each", 1, MemoryRead.Measure(options.Duration)));
    }

    /// <summary>What PostgreSQL itself allows, on a database that is dropped again.</summary>
    public static void AddPostgres(ServiceOptions options, List<Measurement> rows)
    {
        using var database = PostgresDatabase.Create(options.DatabaseUrl!, options.AdminUrl ?? options.DatabaseUrl!);
        rows.Add(new Measurement(
            Operation.PostgresInsert, "machine: PostgreSQL, durable INSERT of a row", 1, PostgresLimits.Insert(database, options.Duration)));
        rows.Add(new Measurement(
            Operation.PostgresCopy, $"machine: PostgreSQL, durable COPY of {PostgresLimits.RowsPerCopy} rows", 1, PostgresLimits.Copy(database, options.Duration))
        {
            Units = PostgresLimits.RowsPerCopy,
        });
    }

    /// <summary>The two limits that a bound is made of, once more: the aims take the best figure, so that a busy moment flatters nobody.</summary>
    public static async Task RepeatAsync(
        ServiceOptions options, Conversations conversations, string folder, List<Measurement> rows, CancellationToken ct)
    {
        await using (var host = await Target.StartBaselineAsync(ct))
        {
            ReadOnlyMemory<byte>[] echo = [host.Requests.Post("/echo", conversations.Message())];
            rows.Add(new Measurement(Operation.JsonEcho, "machine: JSON echo, again", 1, await host.RunAsync(1, echo, options, ct)));
        }

        AddCommits(options, folder, 1, rows);
    }

    private static void AddCommits(ServiceOptions options, string folder, int group, List<Measurement> rows)
    {
        var title = group == 1 ? "machine: bare durable commit" : $"machine: bare durable commits of {group} rows";
        rows.Add(new Measurement(Operation.BareCommit, title, 1, DurableCommit.Measure(folder, group, options.Duration))
        {
            Units = group,
        });
    }
}
