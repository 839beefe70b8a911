using System.Globalization;
using Memoir.Bench.Load;

namespace Memoir.Bench.Service;

/// <summary>What is measured; the aims refer to it.</summary>
internal enum Operation
{
    EmptyEndpoint,
    JsonEcho,
    BareCommit,
    PostgresInsert,
    PostgresCopy,
    MemoryRead,
    StartToReady,
    StartToAnswer,
    FirstSearch,
    Batch,
    BatchWhileSearching,
    Search,
    SearchWhileStoring,
    Store,
    Mix,
}

/// <summary>One row of the table.</summary>
internal sealed record Measurement(Operation Operation, string Title, int Clients, LoadResult Result)
{
    /// <summary>Null for the limits of the machine.</summary>
    public Engine? Engine { get; init; }

    public int? Memories { get; init; }

    public int? Tenants { get; init; }

    /// <summary>How many messages or rows one request carries.</summary>
    public int Units { get; init; } = 1;

    public long? ResidentBytes { get; init; }

    public long? DiskBytes { get; init; }

    public double UnitsPerSecond => Result.PerSecond * Units;

    public double P50 => Result.Latency.Milliseconds(0.50);

    public double P95 => Result.Latency.Milliseconds(0.95);

    public string Row()
    {
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {Title} | {Number(Memories)} | {Number(Tenants)} | {Clients} | {Result.Latency.Count:N0} | {P50:N3} | {P95:N3} "
            + $"| {Result.Latency.Milliseconds(0.99):N3} | {Rate()} "
            + $"| {Result.Errors} | {Result.Others:P0} | {Megabytes(ResidentBytes)} | {Megabytes(DiskBytes)} |");
    }

    /// <summary>Units per second; empty for starts, which come one by one.</summary>
    public string Rate() => Operation is Operation.StartToReady or Operation.StartToAnswer or Operation.FirstSearch
        ? ""
        : UnitsPerSecond.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>The same in a few words, for the one who waits.</summary>
    public string Progress() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Title}{(Memories is null ? "" : $", {Number(Memories)} memories, {Number(Tenants)} tenants")}, {Clients} clients: p50 {P50:N3} ms, {UnitsPerSecond:N0}/s, {Result.Errors} errors");

    public const string Header =
        """
        | operation | memories | tenants | clients | requests | p50 ms | p95 ms | p99 ms | per second | errors | others | resident MB | disk MB |
        |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
        """;

    private static string Number(int? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "";

    private static string Megabytes(long? bytes) => bytes is { } b ? (b / 1e6).ToString("N0", CultureInfo.InvariantCulture) : "";
}
