using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Threading.Channels;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Kit.Telemetry.Tracing;

/// <summary>The real program with a real collector; spans are all there once it has ended, for it sends what waits.</summary>
public sealed class TracingTests : IDisposable
{
    private const string Key = "operator-key-for-tracing-0123456789";
    private const string Caller = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string CallersSpan = "00f067aa0ba902b7";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_request_is_a_span_with_its_parts_below_and_its_job_linked()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var server = await ServerProcess.StartAsync(
            _folder, ("MEMORY_API_KEYS", Key), ("MEMORY_OTLP_ENDPOINT", collector.Url), ("MEMORY_EMBEDDING_PROVIDER", "openai"),
            ("MEMORY_EMBEDDING_BASE_URL", provider.Url), ("MEMORY_EMBEDDING_DIMENSIONS", "64"));
        using var client = Client(server);
        client.DefaultRequestHeaders.Add("traceparent", $"00-{Caller}-{CallersSpan}-01");

        var stored = await (await client.PostAsJsonAsync(
            "/v1/messages", Message("canarycontent", ("tenant_id", "canarytenant"), ("conversation_id", "canaryconversation")), Ct)).JsonAsync(HttpStatusCode.Accepted);
        while ((await client.ReadAsync($"/v1/messages/{stored.Text("id")}?tenant_id=canarytenant")).Text("embedding_status") is "pending")
        {
            await Task.Yield(); // The worker of the real program runs when it runs.
        }

        await client.GetAsync("/v1/memory/search?query=canaryquery&tenant_id=canarytenant&mode=semantic", Ct);
        await client.GetAsync("/canarypath?x=canaryparameter", Ct);
        server.Terminate();
        Assert.Equal(0, (await server.ExitAsync()).Code);

        var spans = collector.Spans;
        ReceivedSpan One(string name) => spans.First(span => span.Name == name);
        ReceivedSpan Below(ReceivedSpan parent, string name) => spans.First(span => span.Name == name && span.Parent == parent.Id);

        var store = One("POST /v1/messages");
        Assert.Equal((Caller, CallersSpan, 2, false), (store.Trace, store.Parent, store.Kind, store.IsError));
        Assert.Equal("POST", store.Attributes["http.request.method"]);
        Assert.Equal("/v1/messages", store.Attributes["http.route"]);
        Assert.Equal("202", store.Attributes["http.response.status_code"]);
        Assert.Equal("http", store.Attributes["url.scheme"]);
        Assert.Equal("1.1", store.Attributes["network.protocol.version"]);
        Assert.Matches("^[0-9a-f]{32}$", store.Attributes["memoir.request_id"]);
        Assert.Equal("memoir", store.Resource["service.name"]);
        Assert.Matches(@"^\d+\.\d+\.\d+$", store.Resource["service.version"]);

        var write = Below(store, "database write");
        Assert.Equal("false", write.Attributes["memoir.write.refused"]);
        Assert.Equal(Caller, Below(write, "database write wait").Trace);
        Assert.Matches("^[1-9]", Below(write, "database commit").Attributes["memoir.write.group_size"]);

        var job = spans.First(span => span.Name.StartsWith("job ", StringComparison.Ordinal));
        Assert.Equal([$"{Caller}-{write.Id}"], job.Links);
        Assert.NotEqual(Caller, job.Trace);
        Assert.Equal((5, "succeeded", "1"), (job.Kind, job.Attributes["memoir.job.outcome"], job.Attributes["memoir.job.attempt"]));
        var call = Below(Below(job, "embedding"), "POST");
        Assert.Equal((3, "200"), (call.Kind, call.Attributes["http.response.status_code"]));
        Below(job, "database write");

        var search = Below(One("GET /v1/memory/search"), "memory search");
        Assert.Equal(("semantic", "1", "false"), (search.Attributes["memoir.search.mode"], search.Attributes["memoir.search.results"], search.Attributes["memoir.search.degraded"]));
        Below(Below(search, "embedding"), "POST");

        var unknown = One("GET");
        Assert.Equal("404", unknown.Attributes["http.response.status_code"]);
        Assert.DoesNotContain("http.route", unknown.Attributes.Keys);
        Assert.All(spans, span => Assert.DoesNotContain("canary", $"{span} {string.Join(' ', span.Attributes)}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_standard_variables_turn_traces_on_and_name_the_service()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var server = await ServerProcess.StartAsync(
            _folder, ("MEMORY_API_KEYS", Key), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url + "/"), ("OTEL_SERVICE_NAME", "recall-eu"));
        using var client = Client(server);

        await client.SendAsync("BREW", "/health");
        await client.GetAsync("/v1/messages/x", Ct);
        server.Terminate();
        Assert.Equal(0, (await server.ExitAsync()).Code);

        var spans = collector.Spans;
        Assert.Contains(spans, span => span is { Name: "GET /health", Kind: 2, Parent: "" });
        Assert.Contains(spans, span => span.Name.StartsWith("HTTP", StringComparison.Ordinal) && span.Attributes["http.request.method"] == "_OTHER");
        Assert.All(spans, span => Assert.Equal("recall-eu", span.Resource["service.name"]));
    }

    [Fact]
    public async Task A_fault_of_the_server_is_an_error_and_a_refusal_is_none()
    {
        var ended = Channel.CreateUnbounded<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Memoir" or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId.ToHexString() == Caller ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = span => ended.Writer.TryWrite(span),
        };
        ActivitySource.AddActivityListener(listener);
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("traceparent", $"00-{Caller}-{CallersSpan}-01");
        server.Services.GetRequiredService<Memoir.Kit.Data.Database>().Dispose();

        async Task<Activity> SpanOfAsync(string url)
        {
            await client.GetAsync(url, Ct);
            return await ended.Reader.ReadAllAsync(Ct).FirstAsync(span => span.Kind is ActivityKind.Server && span.TraceId.ToHexString() == Caller, Ct);
        }

        var refusal = await SpanOfAsync("/v1/conversations?limit=0");
        var fault = await SpanOfAsync("/v1/conversations");

        Assert.Equal((422, ActivityStatusCode.Unset, null), (refusal.GetTagItem("http.response.status_code"), refusal.Status, refusal.GetTagItem("error.type")));
        var status = Assert.IsType<int>(fault.GetTagItem("http.response.status_code"));
        Assert.InRange(status, 500, 599);
        Assert.Equal((ActivityStatusCode.Error, $"{status}"), (fault.Status, fault.GetTagItem("error.type")));
    }

    [Theory]
    [InlineData("MEMORY_OTLP_ENDPOINT", "collector:4318")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://secret@collector")]
    public async Task An_endpoint_that_is_no_address_stops_the_start(string variable, string value)
    {
        var ending = await ServerProcess.RefuseAsync(_folder, (variable, value));

        Assert.Equal(78, ending.Code);
        var line = Assert.Single(ending.ErrorLines);
        Assert.Equal(
            "memoir: MEMORY_OTLP_ENDPOINT: must be an http or https address (OTEL_EXPORTER_OTLP_ENDPOINT sets it, too). Example: MEMORY_OTLP_ENDPOINT=http://localhost:4318",
            line);
    }

    [Fact]
    public async Task A_collector_that_is_not_there_changes_no_answer_and_does_not_hold_up_the_end()
    {
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_API_KEYS", Key), ("MEMORY_OTLP_ENDPOINT", "http://127.0.0.1:9"));
        using var client = Client(server);

        await client.StoreAsync("x");
        server.Terminate();

        Assert.Equal(0, (await server.ExitAsync()).Code);
    }

    private static HttpClient Client(ServerProcess server)
    {
        var client = server.Client();
        client.DefaultRequestHeaders.Add("x-api-key", Key);
        return client;
    }
}
