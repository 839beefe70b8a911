using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Memoir.Bench.Corpus;
using Memoir.Bench.Hosts;
using Memoir.Bench.Limits;
using Npgsql;

namespace Memoir.Bench.Service;

/// <summary>Measures a running server at several sizes and prints the table of docs/benchmarks.md.</summary>
internal static class ServiceCommand
{
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        ServiceOptions options;
        try
        {
            options = ServiceOptions.Parse(args);
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            Console.Error.WriteLine(error.Message);
            return 64;
        }

        var started = Stopwatch.GetTimestamp();
        var neighbours = new Neighbours(child: null);
        var scratch = Directory.CreateTempSubdirectory("memoir-bench-");
        var rows = new List<Measurement>();
        var costs = new List<Cost>();
        try
        {
            var vocabulary = new Vocabulary();
            var conversations = new Conversations(vocabulary, seed: 1);
            await BaselineRun.RunAsync(options, conversations, scratch.FullName, rows, ct);
            if (options.DatabaseUrl is not null)
            {
                BaselineRun.AddPostgres(options, rows);
            }

            rows.ForEach(row => Console.Error.WriteLine(row.Progress()));
            foreach (var tenants in options.Tenants)
            {
                foreach (var size in options.Sizes)
                {
                    foreach (var engine in options.MeasuredEngines)
                    {
                        var folder = scratch.CreateSubdirectory($"{size}-{tenants}").FullName;
                        using var database = engine is Engine.Postgres
                            ? PostgresDatabase.Create(options.DatabaseUrl!, options.AdminUrl ?? options.DatabaseUrl!)
                            : null;
                        await new SizeRun(options, vocabulary, size, tenants, new Place(folder, database), rows, costs).RunAsync(ct);
                        Directory.Delete(folder, recursive: true);
                    }
                }

                if (!options.Quick)
                {
                    await BaselineRun.RepeatAsync(options, conversations, scratch.FullName, rows, ct);
                }
            }
        }
        catch (Exception error) when (error is InvalidOperationException or SocketException or FileNotFoundException or NpgsqlException)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }

        var report = Report(options, rows, costs, Stopwatch.GetElapsedTime(started), neighbours.Share());
        Console.WriteLine(report);
        if (options.OutputFile is { } file)
        {
            await WriteAsync(file, options.Table, report, ct);
        }

        return rows.Sum(row => row.Result.Errors) == 0 ? 0 : 1;
    }

    /// <summary>A page that marks a place for the table gets it there; any other file becomes the table.</summary>
    private static async Task WriteAsync(string file, string table, string report, CancellationToken ct)
    {
        var begin = $"<!-- table: {table} -->";
        const string end = "<!-- end -->";
        var page = File.Exists(file) ? await File.ReadAllTextAsync(file, ct) : "";
        var from = page.IndexOf(begin, StringComparison.Ordinal);
        var to = from < 0 ? -1 : page.IndexOf(end, from, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, to < 0 ? report : $"{page[..(from + begin.Length)]}\n\n{report}\n{page[to..]}", ct);
    }

    private static string Report(ServiceOptions options, List<Measurement> rows, List<Cost> costs, TimeSpan took, double? neighbours)
    {
        var lines = new List<string>
        {
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}; "
                + $"{(options.Quick ? "quick run, not for comparison" : "full run")}, {took.TotalSeconds:N0} s; "
                + $"other processes used {neighbours:P0} of the machine meanwhile."),
            "",
        };
        if (options.Both)
        {
            lines.AddRange([Engines.Header, .. Engines.Rows(rows), ""]);
        }

        lines.AddRange([Measurement.Header, .. rows.Where(row => !options.Both || row.Engine is null).Select(row => row.Row())]);
        if (!options.Quick)
        {
            lines.AddRange(["", Aims.Header, .. Aims.Rows(rows)]);
            lines.AddRange(["", Cost.Header, .. costs.Select(cost => cost.Row())]);
        }

        lines.AddRange(rows
            .Where(row => row.Result.FirstError is not null)
            .Select(row => $"\nFirst error of {row.Title}, {row.Clients} clients: `{row.Result.FirstError}`"));
        return string.Join(Environment.NewLine, lines) + Environment.NewLine;
    }
}
