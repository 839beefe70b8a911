using System.Diagnostics;
using System.Net.Sockets;
using Memoir.Bench.Corpus;
using Memoir.Bench.Hosts;
using Memoir.Bench.Load;
using LatencyHistogram = Memoir.Server.Commands.Loadtest.LatencyHistogram;

namespace Memoir.Bench.Service;

/// <summary>Where the server under test keeps its data: a folder, and on PostgreSQL a database of its own.</summary>
internal sealed record Place(string Folder, PostgresDatabase? Database);

/// <summary>Fills one server to a size and measures it there: batches on the way, then search, start and single stores.</summary>
internal sealed class SizeRun(
    ServiceOptions options, Vocabulary vocabulary, int memories, int tenants, Place place, List<Measurement> rows, List<Cost> costs)
{
    private const string WarmupTenant = "bench-warmup";

    /// <summary>Below this many memories the end of a fill is over before a search could be measured beside it.</summary>
    private const int SmallestSearchedFill = 100_000;

    // A tenant of its own number per seed: the text of every phase differs, its distribution does not.
    private readonly Conversations _conversations = new(vocabulary, seed: (memories * 7) + tenants);

    public async Task RunAsync(CancellationToken ct)
    {
        var target = await OpenAsync(ct);
        try
        {
            if (target.Process is { } process)
            {
                AddStart(Operation.StartToReady, "start → ready, new folder", Once(Stopwatch.GetElapsedTime(process.StartedAt)), 0);
            }

            await WarmUpAsync(target, ct);
            var empty = target.Process?.ResidentBytes;
            await FillAsync(target, ct);
            await TouchTenantsAsync(target, ct);
            await SearchAsync(target, clients: 1, ct);
            await SearchAsync(target, clients: 8, ct);
            AddCost(target, empty);
            target = await RestartAsync(target, ct);
            await WarmUpAsync(target, ct);
            await StoreAsync(target, clients: 1, count: 60_000, ct);
            await StoreAsync(target, clients: 64, count: 100_000, ct);
            await TouchTenantsAsync(target, ct);
            await MixAsync(target, clients: 128, ct);
        }
        catch (SocketException error)
        {
            throw new InvalidOperationException(
                $"{error.Message}. The server ended: {target.Process?.HasExited}. Its last lines:\n{target.Process?.LastLines}", error);
        }
        finally
        {
            await target.DisposeAsync();
        }
    }

    private Task<Target> OpenAsync(CancellationToken ct) => options.Endpoint is { } endpoint
        ? Task.FromResult(Target.Running(endpoint, options.ApiKey))
        : Target.StartServerAsync(options.ServerPath, place.Folder, place.Database, ct);

    /// <summary>Lets the runtime compile the hot paths on a tenant that is erased again.</summary>
    private async Task WarmUpAsync(Target target, CancellationToken ct)
    {
        for (var round = 0; round < 3; round++)
        {
            await Expect2xxAsync(target, _conversations.Batches(target.Requests, 1_000, 20, _ => WarmupTenant), ct);
            await Expect2xxAsync(target, _conversations.Stores(target.Requests, 500, _ => WarmupTenant), ct);
            await Task.Delay(TimeSpan.FromMilliseconds(250), ct);
        }

        await Expect2xxAsync(target, [target.Requests.Delete($"/v1/tenants/{WarmupTenant}/data")], ct);
    }

    /// <summary>One half by one client; the rest by four at once, the end of it while somebody searches.</summary>
    private async Task FillAsync(Target target, CancellationToken ct)
    {
        var perBatch = Math.Max(1, Math.Min(200, memories / tenants));
        var batches = memories / perBatch;
        var searched = memories >= SmallestSearchedFill ? batches / 10 : 0;
        await PortionAsync(clients: 1, from: 0, to: batches / 2);
        await PortionAsync(clients: 4, from: batches / 2, to: batches - searched);
        if (searched > 0)
        {
            await TouchTenantsAsync(target, ct);
            var stores = Portion(batches - searched, batches);
            var searches = _conversations.Searches(target.Requests, 5_000, tenants);
            var storing = target.RunAsync(4, stores, ct);
            var searching = await target.RunAsync(1, searches, until: storing, ct);
            Add(target, Operation.BatchWhileSearching, $"store, batches of {perBatch}, while 1 client searches", 4, await storing, perBatch);
            Add(target, Operation.SearchWhileStoring, "search, while 4 clients store batches", 1, searching);
        }

        async Task PortionAsync(int clients, int from, int to) =>
            Add(target, Operation.Batch, $"store, batches of {perBatch}", clients, await target.RunAsync(clients, Portion(from, to), ct), perBatch);

        ReadOnlyMemory<byte>[] Portion(int from, int to) => _conversations.Batches(
            target.Requests, (to - from) * perBatch, perBatch, batch => Conversations.Tenant((from + batch) % tenants));
    }

    /// <summary>Over many tenants the first search in each may have to load what the server keeps of it; only the later ones are warm.</summary>
    private async Task TouchTenantsAsync(Target target, CancellationToken ct)
    {
        if (tenants > 1)
        {
            var searches = _conversations.Searches(target.Requests, tenants, tenants);
            Add(target, Operation.FirstSearch, "search, first in each tenant", 1, await target.RunAsync(1, searches, ct));
        }
    }

    private async Task SearchAsync(Target target, int clients, CancellationToken ct)
    {
        var searches = _conversations.Searches(target.Requests, 5_000, tenants);
        Add(target, Operation.Search, "search, warm", clients, await target.RunAsync(clients, searches, options, ct));
    }

    private async Task StoreAsync(Target target, int clients, int count, CancellationToken ct)
    {
        var stores = _conversations.Stores(target.Requests, count, i => Conversations.Tenant(i % tenants));
        Add(target, Operation.Store, "store, single", clients, await target.RunAsync(clients, stores, options, ct));
    }

    /// <summary>What many users do at once: half of it searches, a quarter stores, the rest reads and batches.</summary>
    private async Task MixAsync(Target target, int clients, CancellationToken ct)
    {
        var mix = await MixedTraffic.PrepareAsync(target, _conversations, tenants, ct);
        Add(target, Operation.Mix, "mixed: search, store, list, read, batch", clients, await target.RunAsync(clients, mix, options, ct));
    }

    /// <summary>Stops and starts the server on the filled folder and times the first search each time.</summary>
    private async Task<Target> RestartAsync(Target target, CancellationToken ct)
    {
        if (target.Process is null)
        {
            return target;
        }

        var ready = new LatencyHistogram();
        var answer = new LatencyHistogram();
        var search = new LatencyHistogram();
        for (var i = 0; i < options.Starts; i++)
        {
            await target.Process!.StopAsync(TimeSpan.FromSeconds(30), ct);
            await target.DisposeAsync();
            target = await OpenAsync(ct);
            ready.Record((long)Stopwatch.GetElapsedTime(target.Process!.StartedAt).TotalNanoseconds);
            var first = await target.RunAsync(1, _conversations.Searches(target.Requests, 1, tenants), ct);
            answer.Record((long)Stopwatch.GetElapsedTime(target.Process!.StartedAt).TotalNanoseconds);
            search.Add(first.Latency);
        }

        AddStart(Operation.StartToReady, "start → ready", ready, memories);
        AddStart(Operation.FirstSearch, "search, first after start", search, memories);
        AddStart(Operation.StartToAnswer, "start → first answer of a search", answer, memories, target);
        return target;
    }

    private void Add(Target target, Operation operation, string title, int clients, LoadResult result, int units = 1)
    {
        rows.Add(new Measurement(operation, title, clients, result)
        {
            Engine = EngineOf(),
            Memories = memories,
            Tenants = tenants,
            Units = units,
            ResidentBytes = target.Process?.ResidentBytes,
            DiskBytes = target.Process is null ? null : DiskBytes(),
        });
        Console.Error.WriteLine(rows[^1].Progress());
    }

    private void AddCost(Target target, long? empty)
    {
        if (target.Process is { } process)
        {
            costs.Add(Cost.Of(
                EngineOf(), memories, tenants, rows, process.ResidentBytes - (empty ?? 0), place.Database?.Processes.ResidentBytes, DiskBytes()));
        }
    }

    private void AddStart(Operation operation, string title, LatencyHistogram latency, int at, Target? target = null)
    {
        rows.Add(new Measurement(operation, title, 1, new LoadResult(latency, 1, 0, null))
        {
            Engine = EngineOf(),
            Memories = at,
            Tenants = tenants,
            ResidentBytes = target?.Process?.ResidentBytes,
        });
        Console.Error.WriteLine(rows[^1].Progress());
    }

    private Engine EngineOf() => place.Database is null ? Engine.Sqlite : Engine.Postgres;

    private long DiskBytes() => place.Database?.DiskBytes ??
        new DirectoryInfo(place.Folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static LatencyHistogram Once(TimeSpan time)
    {
        var histogram = new LatencyHistogram();
        histogram.Record((long)time.TotalNanoseconds);
        return histogram;
    }

    private static async Task Expect2xxAsync(Target target, ReadOnlyMemory<byte>[] requests, CancellationToken ct)
    {
        var result = await target.RunAsync(1, requests, ct);
        if (result.Errors > 0)
        {
            throw new InvalidOperationException($"The server refused the warm-up: {result.FirstError}");
        }
    }
}
