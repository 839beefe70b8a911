using System.Net;
using System.Reflection;
using Memoir.Kit.Data;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Admin;

public sealed class OperationTests
{
    private static readonly string[] ContractMetrics =
    [
        "http_requests_total", "http_request_duration_seconds", "http_requests_in_flight", "messages_created_total", "memory_searches_total",
        "embedding_generation_duration_seconds", "jobs_processed_total", "jobs_queued", "rate_limit_rejections_total",
    ];

    private static readonly Dictionary<string, string> SecurityHeaders = new()
    {
        ["X-Content-Type-Options"] = "nosniff",
        ["X-Frame-Options"] = "DENY",
        ["Referrer-Policy"] = "no-referrer",
        ["Content-Security-Policy"] = "default-src 'none'",
        ["Cache-Control"] = "no-store",
    };

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Health_tells_an_operator_all_and_a_stranger_the_status_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("Environment", "staging"));

        var full = await server.WithKey(TestApp.OperatorKey).ReadAsync("/v1/admin/health");
        var brief = await server.CreateClient().ReadAsync("/v1/admin/health");

        Assert.Equal(["status", "database", "timestamp", "latency_ms", "uptime_seconds", "environment", "version"], full.Members());
        Assert.Equal("ok", full.Text("status"));
        Assert.Equal("ok", full.Text("database"));
        Assert.Equal("staging", full.Text("environment"));
        Assert.Equal("2026-01-15T12:00:00Z", full.Text("timestamp"));
        Assert.Equal("""{"status":"ok"}""", brief.GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Readiness_has_an_entry_per_dependency_and_tells_a_stranger_the_status_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var full = await server.WithKey(TestApp.OperatorKey).ReadAsync("/v1/admin/readiness");
        var brief = await server.CreateClient().ReadAsync("/v1/admin/readiness");

        Assert.Equal("ready", full.Text("status"));
        Assert.Equal(["database", "disk", "embeddings", "queue"], full.GetProperty("dependencies").Members().Order(StringComparer.Ordinal));
        Assert.Equal("""{"status":"ready"}""", brief.GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_server_that_stops_is_not_ready(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        server.Services.GetRequiredService<Memoir.Kit.Telemetry.Readiness>().BeginDraining();

        var answer = await server.CreateClient().GetAsync("/v1/admin/readiness", Ct);
        Assert.Equal("""{"status":"draining"}""", (await answer.JsonAsync(HttpStatusCode.ServiceUnavailable)).GetRawText());
        Assert.Equal(HttpStatusCode.OK, (await server.CreateClient().GetAsync("/health", Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Many_jobs_degrade_readiness_and_are_counted_no_further_and_not_at_each_request(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var database = server.Services.GetRequiredService<Database>();
        var fill = $$"""
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10500)
            INSERT INTO jobs (tenant_id, id, kind, payload, status, attempts, fence, due_at, created_at)
            SELECT @Tenant, {{(engine == TestEngine.Sqlite ? "randomblob(16)" : "gen_random_uuid()")}}, 'note', '{}', 'queued', 0, 0, @now, @now FROM numbers
            """;
        await database.WriteAsync(new Tenant("acme"), session => session.ExecuteAsync(fill, new { now = server.Time.GetUtcNow() }), Ct);
        var client = server.WithKey(TestApp.OperatorKey);
        async Task<string> QueueAsync() => (await client.ReadAsync("/v1/admin/readiness")).GetProperty("dependencies").GetProperty("queue").GetRawText();

        Assert.StartsWith("""{"status":"degraded","detail":"more than 10000 jobs wait",""", await QueueAsync(), StringComparison.Ordinal);

        await database.WriteAsync(new Tenant("acme"), session => session.ExecuteAsync("DELETE FROM jobs WHERE tenant_id = @Tenant", new { }), Ct);
        Assert.StartsWith("""{"status":"degraded",""", await QueueAsync(), StringComparison.Ordinal);
        server.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.StartsWith("""{"status":"ok",""", await QueueAsync(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_scrape_tells_whether_the_process_is_ready_and_what_it_lacks(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        async Task<string> ScrapeAsync() => await (await server.WithKey(TestApp.OperatorKey).GetAsync("/metrics", Ct)).Content.ReadAsStringAsync(Ct);

        var before = await ScrapeAsync();
        server.Services.GetRequiredService<Memoir.Kit.Data.Database>().Dispose();
        var after = await ScrapeAsync();

        Assert.Contains("\nready 1\n", before, StringComparison.Ordinal);
        Assert.Contains("\ndependency_state{dependency=\"database\"} 0\n", before, StringComparison.Ordinal);
        Assert.Contains("\ndependency_state{dependency=\"disk\"} 0\n", before, StringComparison.Ordinal);
        Assert.Contains("\nready 0\n", after, StringComparison.Ordinal);
        Assert.Contains("\ndependency_state{dependency=\"database\"} 2\n", after, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_database_that_is_down_makes_health_and_readiness_503(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.WithKey(TestApp.OperatorKey);
        server.Services.GetRequiredService<Memoir.Kit.Data.Database>().Dispose();

        var health = await (await client.GetAsync("/v1/admin/health", Ct)).JsonAsync(HttpStatusCode.ServiceUnavailable);
        var readiness = await (await client.GetAsync("/v1/admin/readiness", Ct)).JsonAsync(HttpStatusCode.ServiceUnavailable);

        Assert.Equal("degraded", health.Text("status"));
        Assert.Equal("error", health.Text("database"));
        Assert.Equal("error", readiness.Text("status"));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health", Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Liveness_and_version_are_open_and_short(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var version = typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

        var health = await server.CreateClient().ReadAsync("/health");
        var told = await server.CreateClient().ReadAsync("/version");

        Assert.Equal("""{"status":"ok"}""", health.GetRawText());
        Assert.Equal($$"""{"version":"{{version}}"}""", told.GetRawText());
        Assert.Matches(@"^\d+\.\d+\.\d+$", version);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Every_metric_of_the_contract_is_there_and_none_names_a_tenant(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var server = await TestApp.StartAsync(
            engine, ("EmbeddingProvider", "openai"), ("EmbeddingBaseUrl", provider.Url), ("EmbeddingDimensions", "64"));
        var client = server.As("canarytenant");
        var stored = await client.StoreAsync("canarycontent", ("tenant_id", "canarytenant"), ("conversation_id", "canaryconversation"));
        await server.RunJobsAsync();
        await client.SearchAsync("canaryquery");
        await client.GetAsync($"/v1/messages/{stored.Text("id")}", Ct);
        await client.GetAsync("/canarypath/x", Ct);

        var answer = await server.WithKey(TestApp.OperatorKey).GetAsync("/metrics", Ct);

        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType?.MediaType);
        Assert.All(ContractMetrics, name => Assert.Matches($"(?m)^{name}(_bucket|_count)?[ {{]", text));
        Assert.Contains("""http_requests_total{method="POST",endpoint="/v1/messages",status="202"}""", text, StringComparison.Ordinal);
        Assert.Contains("jobs_processed_total{kind=", text, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", text, StringComparison.Ordinal);
        Assert.DoesNotMatch("tenant[a-z_]*=", text);
        Assert.DoesNotContain(stored.Text("id")!, text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Metrics_can_be_switched_off(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("MetricsEnabled", "false"));

        var refused = await server.WithKey(TestApp.OperatorKey).GetAsync("/metrics", Ct);

        await refused.RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory]
    [InlineData("GET", "/health")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/openapi.json")]
    [InlineData("GET", "/v1/conversations")]
    [InlineData("POST", "/v1/messages")]
    [InlineData("DELETE", "/health")]
    [InlineData("GET", "/nowhere")]
    [InlineData("DELETE", "/v1/tenants/acme/data")]
    public async Task Security_headers_are_on_every_answer(string method, string url)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        foreach (var client in (HttpClient[])[server.CreateClient(), server.WithKey(TestApp.OperatorKey)])
        {
            var answer = await client.SendAsync(method, url);

            Assert.All(SecurityHeaders, header => Assert.Equal(header.Value, answer.Headers.GetValues(header.Key).Single()));
            Assert.Single(answer.Headers.GetValues("X-Request-ID"));
            Assert.False(answer.Headers.Contains("Server"));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task No_content_query_metadata_or_key_is_in_any_log_line(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("LogLevel", "DEBUG"));
        var made = await server.MakeKeyAsync("acme", "memory:read", "memory:write", "admin");
        var client = server.WithKey(made.Text("key")!);
        var stored = await client.StoreAsync("canarycontent", ("metadata", new { canarymember = "canaryvalue" }), ("name", "canaryname"), ("external_id", "canaryexternal"));
        await client.SearchAsync("canaryquery", ("filter", new { canaryfilter = "canaryfilter" }));
        await client.GetAsync("/v1/memory/search?query=canaryquery", Ct);
        await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"a":"canarypatch"}}""");
        await client.SendAsync("POST", "/v1/messages", """{"canarymember":1}""");
        await client.SendAsync("POST", "/v1/messages", "canarybroken");
        await client.GetAsync("/canarypath?x=canaryparameter", Ct);
        await server.WithKey("canarywrongkey").GetAsync("/v1/conversations", Ct);
        await server.Services.GetRequiredService<Memoir.Server.Recall.Indexes.IndexMerger>().MergeAsync(new Memoir.Kit.Data.Tenant("acme"), Ct);
        await client.DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);

        var log = server.Log.Text;

        Assert.Contains("/v1/messages", log, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", log, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Text("key")!, log, StringComparison.Ordinal);
        Assert.DoesNotContain(TestApp.OperatorKey, log, StringComparison.Ordinal);
    }
}
