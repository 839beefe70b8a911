using System.Globalization;

namespace Memoir.Bench.Service;

/// <summary>What one memory costs at a size: bytes and processor time. Unlike the times, these hardly depend on the neighbours.</summary>
/// <param name="Memories">How many memories are stored.</param>
/// <param name="Tenants">Over how many tenants.</param>
/// <param name="DiskBytes">On the disk for each memory, the write-ahead log included.</param>
/// <param name="WrittenBytes">Written to the disk for each memory while the store was filled.</param>
/// <param name="ResidentBytes">In the server's memory for each memory, beyond what it holds when empty.</param>
/// <param name="StoreMicroseconds">Processor time for each memory stored by a batch, indexing in the background included.</param>
/// <param name="SearchMicroseconds">Processor time of one search.</param>
internal sealed record Cost(
    int Memories, int Tenants, double DiskBytes, double WrittenBytes, double ResidentBytes, double StoreMicroseconds, double SearchMicroseconds)
{
    public const string Header =
        """
        | memories | tenants | disk bytes each | written bytes each | resident bytes each | processor µs to store one | processor µs to search |
        |---:|---:|---:|---:|---:|---:|---:|
        """;

    public static Cost Of(int memories, int tenants, IReadOnlyList<Measurement> all, long residentBytes, long diskBytes)
    {
        var here = all.Where(row => row.Memories == memories && row.Tenants == tenants).ToList();
        var batches = here.Where(row => row.Operation == Operation.Batch).ToList();
        var stored = batches.Sum(row => (double)row.Result.Latency.Count * row.Units);
        var searches = here.Where(row => row is { Operation: Operation.Search, Clients: 1 }).Select(row => row.Result).ToList();
        return new Cost(
            memories,
            tenants,
            (double)diskBytes / memories,
            batches.Sum(row => row.Result.WrittenBytes ?? 0) / stored,
            (double)residentBytes / memories,
            batches.Sum(row => row.Result.CpuSeconds ?? 0) * 1e6 / stored,
            searches.Sum(result => result.CpuSeconds ?? 0) * 1e6 / searches.Sum(result => result.Sent));
    }

    public string Row() => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Memories:N0} | {Tenants} | {DiskBytes:N0} | {WrittenBytes:N0} | {ResidentBytes:N0} | {StoreMicroseconds:N1} | {SearchMicroseconds:N0} |");
}
