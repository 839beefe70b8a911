using Memoir.Kit.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>The product's own instruments.</summary>
public sealed class MetersTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_promised_names_are_there_before_anything_happened()
    {
        await using var services = Services();

        var text = await services.GetRequiredService<PrometheusText>().ScrapeAsync(Ct);

        string[] promised =
        [
            "http_requests_total counter", "http_request_duration_seconds histogram", "http_requests_in_flight gauge",
            "messages_created_total counter", "memory_searches_total counter", "memory_search_duration_seconds histogram",
            "embedding_generation_duration_seconds histogram", "jobs_processed_total counter", "jobs_queued gauge", "jobs_dead gauge",
            "rate_limit_rejections_total counter", "write_queue_depth gauge", "write_group_size histogram",
            "write_commit_duration_seconds histogram", "index_cache_bytes gauge", "index_loads_total counter",
            "audit_records_sealed_total counter", "audit_unsealed_seconds gauge", "audit_denials_total counter", "audit_denials_dropped_total counter",
            "memories_archived_total counter", "memories_deleted_by_retention_total counter", "retention_run_duration_seconds histogram",
            "process_resident_memory_bytes gauge", "process_cpu_seconds_total counter", "process_start_time_seconds gauge",
            "process_open_fds gauge", "dotnet_gc_heap_bytes gauge", "dotnet_gc_collections_total counter",
        ];
        Assert.All(promised, name => Assert.Contains($"# TYPE {name}\n", text, StringComparison.Ordinal));
        Assert.Contains("\nmessages_created_total 0\n", text, StringComparison.Ordinal);
        Assert.Contains("\nmemory_searches_total{mode=\"lexical\",degraded=\"true\"} 0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_recorded_is_read_back()
    {
        await using var services = Services();
        var text = services.GetRequiredService<PrometheusText>();
        var meters = services.GetRequiredService<Meters>();
        meters.JobsQueued = () => 4;

        meters.RequestStarted();
        meters.RequestStarted();
        meters.RequestFinished("POST", "/v1/messages", 202, TimeSpan.FromMilliseconds(3));
        meters.RequestFinished("BREW", Meters.Unmatched, 404, TimeSpan.FromMilliseconds(1));
        meters.MessagesCreated(3);
        meters.Searched("hybrid", degraded: true, TimeSpan.FromMilliseconds(1));
        meters.EmbeddingGenerated("builtin", "ok", TimeSpan.FromMilliseconds(1));
        meters.JobProcessed("embed", "succeeded");
        meters.RateLimitRejected("tenant");
        meters.AddressBlocked();
        meters.WritesCommitted(64, TimeSpan.FromMilliseconds(1));
        meters.IndexLoaded();
        meters.AuditSealed(7);
        meters.Denied();
        meters.DenialDropped();
        meters.AuditUnsealedSeconds = () => 0.5;

        var lines = (await text.ScrapeAsync(Ct)).Split('\n');
        string[] expected =
        [
            """http_requests_total{method="POST",endpoint="/v1/messages",status="202"} 1""",
            """http_requests_total{method="other",endpoint="unmatched",status="404"} 1""",
            """http_request_duration_seconds_count{method="POST",endpoint="/v1/messages"} 1""",
            """http_request_duration_seconds_bucket{method="POST",endpoint="/v1/messages",le="0.0025"} 0""",
            """http_request_duration_seconds_bucket{method="POST",endpoint="/v1/messages",le="0.005"} 1""",
            "http_requests_in_flight 0",
            "messages_created_total 3",
            """memory_searches_total{mode="hybrid",degraded="true"} 1""",
            """embedding_generation_duration_seconds_count{provider="builtin",outcome="ok"} 1""",
            """jobs_processed_total{kind="embed",outcome="succeeded"} 1""",
            "jobs_queued 4",
            """rate_limit_rejections_total{limit="tenant"} 1""",
            """rate_limit_rejections_total{limit="address"} 0""",
            "address_blocks_total 1",
            "write_group_size_sum 64",
            "write_commit_duration_seconds_count 1",
            "index_loads_total 1",
            "audit_records_sealed_total 7",
            "audit_denials_total 1",
            "audit_denials_dropped_total 1",
            "audit_unsealed_seconds 0.5",
        ];
        Assert.All(expected, line => Assert.Contains(line, lines));
    }

    [Fact]
    public async Task Recording_a_request_allocates_nothing_once_its_labels_are_known()
    {
        await using var services = Services();
        services.GetRequiredService<PrometheusText>();
        var meters = services.GetRequiredService<Meters>();
        Record();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Record();

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Record()
        {
            meters.RequestStarted();
            meters.RequestFinished("GET", "/v1/memory/search", 200, TimeSpan.FromMilliseconds(1));
            meters.Searched("hybrid", degraded: false, TimeSpan.FromMilliseconds(1));
        }
    }

    private static ServiceProvider Services() =>
        new ServiceCollection().AddMetrics().AddSingleton<Meters>().AddSingleton<PrometheusText>().BuildServiceProvider();
}
