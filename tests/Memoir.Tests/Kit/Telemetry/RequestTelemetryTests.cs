using System.Collections.Concurrent;
using Memoir.Kit.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Kit.Telemetry;

/// <summary>Every request is measured under its route's template and logged without its path.</summary>
public sealed class RequestTelemetryTests : IAsyncLifetime
{
    private readonly Lines _lines = new();
    private WebApplication _app = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.AddKitTelemetry();
        builder.Logging.ClearProviders().AddProvider(_lines).SetMinimumLevel(LogLevel.Debug);
        _app = builder.Build();
        _app.UseRequestTelemetry();
        _app.UseExceptionHandler(error => error.Run(http => Task.CompletedTask));
        _app.UseRouting();
        _app.MapGroup("/v1/things").MapGet("/", () => "list");
        _app.MapGet("/v1/things/{id:guid}", (Guid id) => id);
        _app.MapGet("/fails/{name}", (string name) => Fail(name));
        await _app.StartAsync(Ct);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    [Theory]
    [InlineData("GET", "/v1/things/", "GET", "/v1/things", "200")]
    [InlineData("GET", "/v1/things/0198b0a0-0000-7000-8000-000000000001?query=secret", "GET", "/v1/things/{id}", "200")]
    [InlineData("GET", "/fails/secret", "GET", "/fails/{name}", "500")]
    [InlineData("GET", "/nowhere/secret", "GET", "unmatched", "404")]
    [InlineData("POST", "/v1/things/", "POST", "unmatched", "405")]
    [InlineData("BREW", "/nowhere", "other", "unmatched", "404")]
    public async Task A_request_is_counted_and_logged_under_its_template(string method, string path, string methodLabel, string route, string status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var response = await _app.GetTestClient().SendAsync(request, Ct);

        var text = await _app.Services.GetRequiredService<PrometheusText>().ScrapeAsync(Ct);
        Assert.Contains($"http_requests_total{{method=\"{methodLabel}\",endpoint=\"{route}\",status=\"{status}\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("http_requests_in_flight 0\n", text, StringComparison.Ordinal);

        var line = Assert.Single(_lines.All, line => line.Contains("was answered", StringComparison.Ordinal));
        Assert.StartsWith($"{(status == "500" ? LogLevel.Information : LogLevel.Debug)} {methodLabel} {route} was answered {status} in ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    private static string Fail(string name) => throw new InvalidOperationException(name);

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> All { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue($"{logLevel} {formatter(state, exception)}");

        public void Dispose()
        {
        }
    }
}
