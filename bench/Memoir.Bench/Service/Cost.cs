using System.Globalization;

namespace Memoir.Bench.Service;

/// <summary>What one memory costs at a size: bytes and processor time. Unlike the times, these hardly depend on the neighbours.</summary>
/// <param name="Engine">What the data is in.</param>
/// <param name="Memories">How many memories are stored.</param>
/// <param name="Tenants">Over how many tenants.</param>
/// <param name="DiskBytes">On the disk for each memory; on SQLite the write-ahead log included.</param>
/// <param name="WrittenBytes">Written for each memory while the store was filled: to the disk, on PostgreSQL to its log.</param>
/// <param name="ResidentBytes">In the server's memory for each memory, beyond what it holds when empty.</param>
/// <param name="StoreMicroseconds">Processor time for each memory stored by a batch, indexing in the background included.</param>
/// <param name="SearchMicroseconds">Processor time of one search.</param>
/// <param name="Database">What PostgreSQL spends beside it; null on SQLite, and where its processes cannot be looked at.</param>
internal sealed record Cost(
    Engine Engine, int Memories, int Tenants, double DiskBytes, double WrittenBytes, double ResidentBytes, double StoreMicroseconds, double SearchMicroseconds,
    DatabaseCost? Database)
{
    public const string Header =
        """
        | engine | memories | tenants | disk bytes each | written bytes each | resident bytes each | processor µs to store one | processor µs to search | PostgreSQL: resident MB | µs to store one | µs to search |
        |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
        """;

    public static Cost Of(
        Engine engine, int memories, int tenants, IReadOnlyList<Measurement> all, long residentBytes, long? databaseBytes, long diskBytes)
    {
        var here = all.Where(row => row.Engine == engine && row.Memories == memories && row.Tenants == tenants).ToList();
        var batches = here.Where(row => row.Operation == Operation.Batch).ToList();
        var stored = batches.Sum(row => (double)row.Result.Latency.Count * row.Units);
        var searches = here.Where(row => row is { Operation: Operation.Search, Clients: 1 }).Select(row => row.Result).ToList();
        var searched = searches.Sum(result => result.Sent);
        return new Cost(
            engine,
            memories,
            tenants,
            (double)diskBytes / memories,
            batches.Sum(row => row.Result.WrittenBytes ?? 0) / stored,
            (double)residentBytes / memories,
            batches.Sum(row => row.Result.CpuSeconds ?? 0) * 1e6 / stored,
            searches.Sum(result => result.CpuSeconds ?? 0) * 1e6 / searched,
            databaseBytes is { } resident
                ? new DatabaseCost(
                    resident,
                    batches.Sum(row => row.Result.DatabaseCpuSeconds ?? 0) * 1e6 / stored,
                    searches.Sum(result => result.DatabaseCpuSeconds ?? 0) * 1e6 / searched)
                : null);
    }

    public string Row() => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Engines.NameOf(Engine)} | {Memories:N0} | {Tenants} | {DiskBytes:N0} | {WrittenBytes:N0} | {ResidentBytes:N0} | {StoreMicroseconds:N1} | {SearchMicroseconds:N0} | {Database?.ResidentBytes / 1e6:N0} | {Database?.StoreMicroseconds:N1} | {Database?.SearchMicroseconds:N0} |");
}

/// <summary>What the processes of the database cost, beside those of the server.</summary>
/// <param name="ResidentBytes">Their memory, what they share counted once.</param>
/// <param name="StoreMicroseconds">Processor time for each memory stored by a batch.</param>
/// <param name="SearchMicroseconds">Processor time for one search.</param>
internal sealed record DatabaseCost(long ResidentBytes, double StoreMicroseconds, double SearchMicroseconds);
