using System.Globalization;
using System.Text.Json.Serialization;
using Memoir.Kit.CommandLine;

namespace Memoir.Server.Commands.Loadtest;

/// <summary>What <c>memoir loadtest --json</c> prints.</summary>
internal sealed record LoadReport
{
    public required string Url { get; init; }

    /// <summary>The server was inside the command's own process, on a database that is gone.</summary>
    public required bool OwnServer { get; init; }

    public required string Tenant { get; init; }

    public required int Concurrency { get; init; }

    public required double Seconds { get; init; }

    /// <summary>All requests together.</summary>
    public required LoadRow All { get; init; }

    public required IReadOnlyList<LoadRow> Operations { get; init; }

    public void Print(Terminal terminal)
    {
        string[] heads = ["requests", "success", "p50 ms", "p95 ms", "p99 ms", "max ms", "per second", "429", "503"];
        terminal.Line(terminal.Bold($"{"",-8}{string.Concat(heads.Select(head => $"{head,11}"))}"));
        foreach (var row in Operations.Where(row => row.Requests > 0).Append(All))
        {
            string[] cells =
            [
                row.Requests.ToString(CultureInfo.InvariantCulture), row.SuccessRate is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.##} %") : "-",
                Number(row.P50Ms), Number(row.P95Ms), Number(row.P99Ms), Number(row.MaxMs), string.Create(CultureInfo.InvariantCulture, $"{row.PerSecond:0.0}"),
                row.RateLimited.ToString(CultureInfo.InvariantCulture), row.Overloaded.ToString(CultureInfo.InvariantCulture),
            ];
            terminal.Line($"{row.Operation,-8}{string.Concat(cells.Select(cell => $"{cell,11}"))}");
        }

        if (All.Errors.Count > 0)
        {
            terminal.Line();
            terminal.Line($"errors: {string.Join(", ", All.Errors.Select(error => string.Create(CultureInfo.InvariantCulture, $"{error.Key} ({error.Value})")))}");
        }
    }

    private static string Number(double? milliseconds) => milliseconds?.ToString("0.00", CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>The requests of one kind. Times are of those that succeeded, as the client saw them.</summary>
internal sealed record LoadRow
{
    public required string Operation { get; init; }

    public required long Requests { get; init; }

    public required long Succeeded { get; init; }

    /// <summary>Percent of the requests that were neither 429 nor 503; null when there were none.</summary>
    public required double? SuccessRate { get; init; }

    [JsonPropertyName("p50_ms")]
    public required double? P50Ms { get; init; }

    [JsonPropertyName("p95_ms")]
    public required double? P95Ms { get; init; }

    [JsonPropertyName("p99_ms")]
    public required double? P99Ms { get; init; }

    public required double? MaxMs { get; init; }

    /// <summary>Successes.</summary>
    public required double PerSecond { get; init; }

    /// <summary>Answers 429: a limit was met.</summary>
    public required long RateLimited { get; init; }

    /// <summary>Answers 503: more was offered than the server takes.</summary>
    public required long Overloaded { get; init; }

    /// <summary>All other failures by status.</summary>
    public required IReadOnlyDictionary<string, long> Errors { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(LoadReport))]
internal sealed partial class LoadJson : JsonSerializerContext;
