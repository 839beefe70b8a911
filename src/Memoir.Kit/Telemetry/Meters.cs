using System.Diagnostics.Metrics;
using System.Globalization;

namespace Memoir.Kit.Telemetry;

/// <summary>Every measurement of the product, each under the exact name that /metrics prints. No label ever names a tenant.</summary>
public sealed class Meters
{
    public const string MeterName = "Memoir";

    /// <summary>Label of requests that no route answered; their paths are the caller's, so they must not become labels.</summary>
    public const string Unmatched = "unmatched";

    /// <summary>Label of methods outside the closed list.</summary>
    internal const string OtherMethod = "other";

    private static readonly string[] Methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    private static readonly string[] SearchModes = ["hybrid", "lexical", "semantic"];
    private static readonly string[] Limits = ["address", "blocked", "key", "tenant"];

    // Built once: the same string object for the same status lets a recording find its series without hashing text.
    private static readonly string[] Statuses = [.. Enumerable.Range(0, 600).Select(status => status.ToString(CultureInfo.InvariantCulture))];

    private readonly Counter<long> _requests;
    private readonly Histogram<double> _requestSeconds;
    private readonly UpDownCounter<long> _requestsInFlight;
    private readonly Counter<long> _messagesCreated;
    private readonly Counter<long> _searches;
    private readonly Histogram<double> _searchSeconds;
    private readonly Histogram<double> _embeddingSeconds;
    private readonly Counter<long> _jobs;
    private readonly Counter<long> _rateLimitRejections;
    private readonly Counter<long> _addressBlocks;
    private readonly Histogram<double> _groupSize;
    private readonly Histogram<double> _commitSeconds;
    private readonly Counter<long> _indexLoads;
    private readonly Counter<long> _backups;
    private readonly Counter<long> _auditSealed;
    private readonly Counter<long> _denials;
    private readonly Counter<long> _denialsDropped;
    private readonly Counter<long> _archived;
    private readonly Counter<long> _deletedByRetention;
    private readonly Histogram<double> _retentionSeconds;
    private readonly Counter<long> _searchLogDropped;
    private readonly Counter<long> _duplicates;
    private readonly Counter<long> _quarantined;

    public Meters(IMeterFactory factory)
    {
        Meter = factory.Create(MeterName);

        InstrumentAdvice<double> request = Buckets(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);
        InstrumentAdvice<double> work = Buckets(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10);

        _requests = Meter.CreateCounter<long>("http_requests_total", description: "Requests answered.");
        _requestSeconds = Meter.CreateHistogram("http_request_duration_seconds", "s", "Time from the first byte read to the answer.", null, request);
        _requestsInFlight = Meter.CreateUpDownCounter<long>("http_requests_in_flight", description: "Requests being answered now.");
        _messagesCreated = Meter.CreateCounter<long>("messages_created_total", description: "Messages stored.");
        _searches = Meter.CreateCounter<long>("memory_searches_total", description: "Searches answered, by mode; degraded ones went without vectors.");
        _searchSeconds = Meter.CreateHistogram("memory_search_duration_seconds", "s", "Time a search took, without HTTP.", null, work);
        _embeddingSeconds = Meter.CreateHistogram("embedding_generation_duration_seconds", "s", "Time an embedding provider took to answer.", null, request);
        _jobs = Meter.CreateCounter<long>("jobs_processed_total", description: "Job attempts that ended, by outcome.");
        _rateLimitRejections = Meter.CreateCounter<long>("rate_limit_rejections_total", description: "Requests refused by a rate limit, by whose limit it was; blocked: of an address that was refused too often.");
        _addressBlocks = Meter.CreateCounter<long>("address_blocks_total", description: "Addresses blocked because they were refused too often.");
        _groupSize = Meter.CreateHistogram("write_group_size", null, "Writes committed together.", null, Buckets(1, 2, 4, 8, 16, 32, 64, 128, 256, 512));
        _commitSeconds = Meter.CreateHistogram("write_commit_duration_seconds", "s", "Time the commit of a write group took.", null, work);
        _indexLoads = Meter.CreateCounter<long>("index_loads_total", description: "Search indexes read into the cache.");
        _archived = Meter.CreateCounter<long>("memories_archived_total", description: "Memories that retention has archived.");
        _deletedByRetention = Meter.CreateCounter<long>("memories_deleted_by_retention_total", description: "Memories that retention has deleted.");
        _retentionSeconds = Meter.CreateHistogram("retention_run_duration_seconds", "s", "Time from the begin of a tenant's retention run to its end.", null, Buckets(0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200));

        _backups = Meter.CreateCounter<long>("backups_total", description: "Backups that ended, by outcome.");
        _auditSealed = Meter.CreateCounter<long>("audit_records_sealed_total", description: "Audit records that got their place in a chain.");
        _denials = Meter.CreateCounter<long>("audit_denials_total", description: "Requests denied, to be recorded.");
        _denialsDropped = Meter.CreateCounter<long>("audit_denials_dropped_total", description: "Denied requests without a record of their own: counted at most.");
        _searchLogDropped = Meter.CreateCounter<long>("search_log_dropped_total", description: "Searches that were not recorded: too many waited, or for too long.");

        _duplicates = Meter.CreateCounter<long>("memory_duplicates_total", description: "Memories that said what was stored already: linked to it, or found in its place.");
        _quarantined = Meter.CreateCounter<long>("memories_quarantined_total", description: "Memories kept from recall until somebody looks at them, by reason.");

        Meter.CreateObservableGauge("jobs_queued", () => JobsQueued(), description: "Jobs waiting for a worker.");
        Meter.CreateObservableGauge("jobs_dead", () => JobsDead(), description: "Jobs that failed for good and wait for a person.");
        Meter.CreateObservableGauge("blocked_addresses", () => BlockedAddresses(), description: "Addresses that are not answered for a while, as this process knows them.");
        Meter.CreateObservableGauge("write_queue_depth", () => WriteQueueDepth(), description: "Writes waiting for the writer.");
        Meter.CreateObservableGauge("index_cache_bytes", () => IndexCacheBytes(), "By", "Memory held by cached search indexes.");
        Meter.CreateObservableGauge("backup_last_success_timestamp_seconds", () => BackupTaken(), "s", "The newest complete backup in this process's folder, seconds since the epoch; 0 when there is none.");
        Meter.CreateObservableGauge("audit_unsealed_seconds", () => AuditUnsealedSeconds(), "s", "Age of the oldest audit record without a place in its chain.");
        Meter.CreateObservableGauge("ready", IsReady, description: "1 while the process should get requests, 0 while it should not.");
        Meter.CreateObservableGauge("dependency_state", DependencyStates, description: "What the process needs: 0 works, 1 works with less, 2 does not work.");
        ObserveProcess();
    }

    /// <summary>Read at each scrape from any thread: must return at once and must not throw. Set by the room that knows.</summary>
    public Func<long> JobsQueued { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<long> JobsDead { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<long> BlockedAddresses { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<long> WriteQueueDepth { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<long> IndexCacheBytes { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<long> BackupTaken { get; set; } = static () => 0;

    /// <inheritdoc cref="JobsQueued"/>
    public Func<double> AuditUnsealedSeconds { get; set; } = static () => 0;

    /// <summary>What readiness found last; null before it was asked.</summary>
    public HealthReport? Health { get; set; }

    internal Meter Meter { get; }

    public void RequestStarted() => _requestsInFlight.Add(1);

    /// <summary>The route is a template or <see cref="Unmatched"/>, never the path of the request.</summary>
    public void RequestFinished(string method, string route, int status, TimeSpan elapsed)
    {
        var methodLabel = new KeyValuePair<string, object?>("method", MethodLabel(method));
        var endpointLabel = new KeyValuePair<string, object?>("endpoint", route);

        _requestsInFlight.Add(-1);
        _requests.Add(1, methodLabel, endpointLabel, new("status", StatusLabel(status)));
        _requestSeconds.Record(elapsed.TotalSeconds, methodLabel, endpointLabel);
    }

    public void MessagesCreated(int count) => _messagesCreated.Add(count);

    public void DuplicatesLinked(int count) => _duplicates.Add(count);

    /// <param name="reason">One of a closed list.</param>
    public void Quarantined(string reason) => _quarantined.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Searched(string mode, bool degraded, TimeSpan elapsed)
    {
        _searches.Add(1, new("mode", mode), new("degraded", Label(degraded)));
        _searchSeconds.Record(elapsed.TotalSeconds);
    }

    public void EmbeddingGenerated(string provider, string outcome, TimeSpan elapsed) =>
        _embeddingSeconds.Record(elapsed.TotalSeconds, new("provider", provider), new("outcome", outcome));

    public void JobProcessed(string kind, string outcome) => _jobs.Add(1, new("kind", kind), new("outcome", outcome));

    /// <param name="limit"><c>address</c>, <c>tenant</c>, <c>key</c> or <c>blocked</c>.</param>
    public void RateLimitRejected(string limit) => _rateLimitRejections.Add(1, new KeyValuePair<string, object?>("limit", limit));

    public void AddressBlocked() => _addressBlocks.Add(1);

    public void WritesCommitted(int groupSize, TimeSpan commit)
    {
        _groupSize.Record(groupSize);
        _commitSeconds.Record(commit.TotalSeconds);
    }

    public void IndexLoaded() => _indexLoads.Add(1);

    public void BackupEnded(bool isComplete) => _backups.Add(1, new KeyValuePair<string, object?>("outcome", isComplete ? "succeeded" : "failed"));

    public void AuditSealed(int count) => _auditSealed.Add(count);

    public void Denied() => _denials.Add(1);

    public void DenialDropped() => _denialsDropped.Add(1);

    public void Retained(int archived, int deleted)
    {
        _archived.Add(archived);
        _deletedByRetention.Add(deleted);
    }

    public void RetentionRunFinished(TimeSpan elapsed) => _retentionSeconds.Record(elapsed.TotalSeconds);

    public void SearchLogDropped(int count) => _searchLogDropped.Add(count);

    /// <summary>Counters whose labels are known start at zero, so that the first event is an increase and not a new series.</summary>
    internal void Prime()
    {
        _requestsInFlight.Add(0);
        _messagesCreated.Add(0);
        _addressBlocks.Add(0);
        _indexLoads.Add(0);
        _searchLogDropped.Add(0);
        _duplicates.Add(0);
        _archived.Add(0);
        _deletedByRetention.Add(0);
        _backups.Add(0, new KeyValuePair<string, object?>("outcome", "succeeded"));
        _backups.Add(0, new KeyValuePair<string, object?>("outcome", "failed"));
        _auditSealed.Add(0);
        _denials.Add(0);
        _denialsDropped.Add(0);
        foreach (var limit in Limits)
        {
            _rateLimitRejections.Add(0, new KeyValuePair<string, object?>("limit", limit));
        }

        foreach (var mode in SearchModes)
        {
            _searches.Add(0, new("mode", mode), new("degraded", "false"));
            _searches.Add(0, new("mode", mode), new("degraded", "true"));
        }
    }

    internal static string MethodLabel(string method)
    {
        foreach (var known in Methods)
        {
            // Kestrel hands out the same string objects; the slower comparison serves other servers.
            if (ReferenceEquals(known, method) || string.Equals(known, method, StringComparison.Ordinal))
            {
                return known;
            }
        }

        return OtherMethod;
    }

    private static string StatusLabel(int status) => (uint)status < (uint)Statuses.Length ? Statuses[status] : "other";

    private static string Label(bool value) => value ? "true" : "false";

    private static InstrumentAdvice<double> Buckets(params double[] bounds) => new() { HistogramBucketBoundaries = bounds };

    private IEnumerable<Measurement<long>> IsReady() => Health is { } health ? [new(health.IsReady ? 1 : 0)] : [];

    private IEnumerable<Measurement<long>> DependencyStates() =>
        Health?.Entries.Select(entry => new Measurement<long>((long)entry.State, new KeyValuePair<string, object?>("dependency", entry.Name))) ?? [];

    private void ObserveProcess()
    {
        var start = ProcessReadings.StartSeconds();

        Meter.CreateObservableGauge("process_start_time_seconds", () => start, "s", "Start of the process, seconds since the epoch.");
        Meter.CreateObservableGauge("process_resident_memory_bytes", static () => Environment.WorkingSet, "By", "Resident memory.");
        Meter.CreateObservableCounter("process_cpu_seconds_total", ProcessReadings.CpuSeconds, "s", "User and system time used.");
        Meter.CreateObservableGauge("process_open_fds", ProcessReadings.OpenFiles, description: "Open file descriptors (Linux).");
        Meter.CreateObservableGauge("dotnet_gc_heap_bytes", static () => GC.GetTotalMemory(forceFullCollection: false), "By", "Managed heap in use.");
        Meter.CreateObservableCounter("dotnet_gc_collections_total", ProcessReadings.Collections, description: "Garbage collections, by generation.");
        Meter.CreateObservableCounter("dotnet_gc_pause_seconds_total", static () => GC.GetTotalPauseDuration().TotalSeconds, "s", "Time the process stood still for collections.");
        Meter.CreateObservableGauge("dotnet_threadpool_threads", static () => (long)ThreadPool.ThreadCount, description: "Thread pool threads.");
        Meter.CreateObservableGauge("dotnet_threadpool_queue_length", static () => ThreadPool.PendingWorkItemCount, description: "Work waiting for a thread.");
    }
}
