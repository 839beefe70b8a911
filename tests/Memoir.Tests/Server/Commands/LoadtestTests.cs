using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Commands;

public sealed class LoadtestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Without_a_server_it_has_one_of_its_own_and_leaves_nothing()
    {
        var ending = await ServerProcess.RunAsync(_folder, [("TMPDIR", _folder)], "loadtest", "--requests", "60", "--concurrency", "4");

        Assert.Equal(0, ending.Code);
        Assert.Empty(Said(ending));
        Assert.Contains("No server runs here", ending.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^ +requests +success +p50 ms +p95 ms +p99 ms +max ms +per second +429 +503$", ending.Output);
        Assert.Matches(@"(?m)^search +\d+ +100 % +\d+\.\d\d ", ending.Output);
        Assert.Matches(@"(?m)^all +60 +100 % ", ending.Output);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_running_server_is_measured_and_left_as_it_was()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();
        await client.StoreAsync("mine", ("tenant_id", "default"));
        var before = await client.ReadAsync("/v1/conversations");

        var ending = await RunAsync(server, "--requests", "90", "--json", "--mix", "store=1,search=1,list=1");

        Assert.Equal(0, ending.Code);
        Assert.Empty(Said(ending));
        var report = Parse(ending.Output);
        Assert.False(report.GetProperty("own_server").GetBoolean());
        Assert.StartsWith("loadtest-", report.Text("tenant"), StringComparison.Ordinal);
        Assert.Equal((90, 90, 100), (report.GetProperty("all").Number("requests"), report.GetProperty("all").Number("succeeded"), report.GetProperty("all").Number("success_rate")));
        Assert.Equal(["store", "search", "list"], report.GetProperty("operations").EnumerateArray().Select(row => row.Text("operation")));
        Assert.All(report.GetProperty("operations").EnumerateArray(), row =>
        {
            Assert.InRange(row.Number("p50_ms"), 0.001, row.Number("p95_ms"));
            Assert.InRange(row.Number("p99_ms"), row.Number("p95_ms"), row.Number("max_ms"));
        });
        Assert.Equal(before.GetRawText(), (await client.ReadAsync("/v1/conversations")).GetRawText());
        Assert.Empty((await client.ReadAsync($"/v1/conversations?tenant_id={report.Text("tenant")}")).Items());
    }

    [Fact]
    public async Task Kept_data_stays_and_is_not_erased_by_a_later_run()
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = server.Client();

        var kept = await RunAsync(server, "--requests", "5", "--tenant", "loadtest-mine", "--keep");
        var later = await RunAsync(server, "--requests", "5", "--tenant", "loadtest-mine");

        Assert.Equal((0, 0), (kept.Code, later.Code));
        Assert.NotEmpty((await client.ReadAsync("/v1/conversations?tenant_id=loadtest-mine")).Items());
    }

    [Fact]
    public async Task A_tenants_key_measures_and_says_that_the_data_stays()
    {
        const string operatorKey = "operator-key-for-loadtest-0123456789";
        await using var server = await ServerProcess.StartAsync(_folder, ("MEMORY_API_KEYS", operatorKey));
        using var client = server.Client();
        client.DefaultRequestHeaders.Add("x-api-key", operatorKey);
        var key = (await (await client.SendAsync("POST", "/v1/admin/keys", """{"tenant_id":"loadtest-own","name":"t"}""")).JsonAsync(System.Net.HttpStatusCode.Created)).Text("key")!;

        var own = await ServerProcess.RunAsync(_folder, Address(server, key), "loadtest", "--requests", "5", "--tenant", "loadtest-own");
        var foreign = await ServerProcess.RunAsync(_folder, Address(server, key), "loadtest", "--requests", "5");

        Assert.Equal(0, own.Code);
        Assert.Equal("memoir: loadtest: the tenant loadtest-own stays: erasing it was answered 403, and takes an operator's key", Assert.Single(Said(own)));
        Assert.Equal(77, foreign.Code);
    }

    [Fact]
    public async Task Limits_are_shown_and_are_no_failures()
    {
        await using var stub = await Stub.StartAsync(call => call % 3 == 0 ? 429 : call % 3 == 1 ? 503 : 200);

        var ending = await RunAsync(stub, "--requests", "90", "--json", "--concurrency", "3");

        Assert.Equal(0, ending.Code);
        var all = Parse(ending.Output).GetProperty("all");
        Assert.Equal((90, 30, 30, 30, 100), (all.Number("requests"), all.Number("succeeded"), all.Number("rate_limited"), all.Number("overloaded"), all.Number("success_rate")));
        Assert.Contains("DELETE /v1/tenants/" + Parse(ending.Output).Text("tenant") + "/data", stub.Requests);
    }

    [Theory]
    [InlineData("99", 1, "loadtest: 90 % succeeded, less than 99 %")]
    [InlineData("90", 0, null)]
    [InlineData("90.5", 1, "loadtest: 90 % succeeded, less than 90.5 %")]
    public async Task Failures_below_the_mark_end_it_with_1(string least, int code, string? says)
    {
        await using var stub = await Stub.StartAsync(call => call % 10 == 0 ? 500 : 200);

        var ending = await RunAsync(stub, "--requests", "100", "--min-success", least);

        Assert.Equal(code, ending.Code);
        Assert.Contains("errors: 500 (10)", ending.Output, StringComparison.Ordinal);
        Assert.Equal(says is null ? [] : [$"memoir: {says}"], Said(ending));
    }

    [Fact]
    public async Task When_every_request_meets_a_limit_nothing_was_shown()
    {
        await using var stub = await Stub.StartAsync(_ => 429);

        var ending = await RunAsync(stub, "--requests", "6", "--json");

        Assert.Equal(1, ending.Code);
        Assert.Equal(JsonValueKind.Null, Parse(ending.Output).GetProperty("all").GetProperty("success_rate").ValueKind);
        Assert.Contains("every request met a limit", ending.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_ends_when_its_time_is_over()
    {
        await using var stub = await Stub.StartAsync(_ => 200);

        var ending = await RunAsync(stub, "--duration", "1", "--json");

        Assert.Equal(0, ending.Code);
        Assert.InRange(Parse(ending.Output).Number("seconds"), 1, 30);
    }

    [Theory]
    [InlineData("--requests or --duration, not both", "--requests", "1", "--duration", "1")]
    [InlineData("--tenant must begin with loadtest-", "--tenant", "mine")]
    [InlineData("--tenant must begin with loadtest-", "--tenant", "loadtest- x")]
    [InlineData("--mix must be a list such as store=20,search=70,list=10", "--mix", "store")]
    [InlineData("--mix must be a list such as", "--mix", "store=1,store=1")]
    [InlineData("--mix must be a list such as", "--mix", "store=0")]
    [InlineData("--mix must be a list such as", "--mix", "delete=1")]
    [InlineData("--min-success must be a number", "--min-success", "101")]
    [InlineData("--concurrency must be a whole number from 1 to 1000", "--concurrency", "0")]
    [InlineData("unexpected: now", "now")]
    public async Task A_wrong_command_line_is_64(string says, params string[] arguments)
    {
        var ending = await ServerProcess.RunAsync(_folder, ["loadtest", .. arguments]);

        Assert.Equal(64, ending.Code);
        Assert.StartsWith($"memoir: loadtest: {says}", Assert.Single(Said(ending)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_named_and_not_there_is_69()
    {
        var ending = await ServerProcess.RunAsync(_folder, "loadtest", "--url", "http://127.0.0.1:9");

        Assert.Equal(69, ending.Code);
    }

    /// <summary>Without how far it was, which a slow machine says now and then.</summary>
    private static string[] Said(ServerProcess.Ending ending) =>
        [.. ending.ErrorLines.Where(line => !line.StartsWith("memoir: requests answered: ", StringComparison.Ordinal))];

    private static (string, string)[] Address(ServerProcess server, string key) =>
        [("MEMORY_PORT", server.Address.Port.ToString(CultureInfo.InvariantCulture)), ("MEMORY_API_KEY", key)];

    private Task<ServerProcess.Ending> RunAsync(ServerProcess server, params string[] arguments) =>
        ServerProcess.RunAsync(_folder, [("MEMORY_PORT", server.Address.Port.ToString(CultureInfo.InvariantCulture))], ["loadtest", .. arguments]);

    private Task<ServerProcess.Ending> RunAsync(Stub stub, params string[] arguments) => ServerProcess.RunAsync(_folder, ["loadtest", "--url", stub.Url, .. arguments]);

    /// <summary>A server that answers what is measured as the test says, and everything else as Memoir would.</summary>
    private sealed class Stub : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private int _calls = -1;

        private Stub(WebApplication app) => _app = app;

        public string Url => _app.Urls.First();

        public ConcurrentQueue<string> Requests { get; } = new();

        public static async Task<Stub> StartAsync(Func<int, int> status)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
            var app = builder.Build();
            var stub = new Stub(app);
            app.Run(http => stub.AnswerAsync(http, status));
            await app.StartAsync(Ct);
            return stub;
        }

        public async ValueTask DisposeAsync() => await _app.DisposeAsync();

        private async Task AnswerAsync(HttpContext http, Func<int, int> status)
        {
            Requests.Enqueue($"{http.Request.Method} {http.Request.Path}");
            await http.Request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
            http.Response.ContentType = "application/json";
            var (code, body) = http.Request switch
            {
                { Path.Value: "/version" } => (200, """{"version":"0.2.0"}"""),
                { Path.Value: "/v1/messages/batch" } => (202, """{"items":[],"accepted":0,"rejected":0}"""),
                { Path.Value: "/v1/conversations" } => (200, """{"items":[]}"""),
                { Method: "DELETE" } => (204, ""),
                _ => (status(Interlocked.Increment(ref _calls)), "{}"),
            };
            http.Response.StatusCode = code;
            if (code == 429)
            {
                http.Response.Headers.RetryAfter = "0";
            }

            if (code != 204)
            {
                await http.Response.WriteAsync(body, http.RequestAborted);
            }
        }
    }
}
