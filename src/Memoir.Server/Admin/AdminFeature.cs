using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Limits;
using Memoir.Kit.Settings;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Memoir.Server.Admin.Isolation;
using Memoir.Server.Memories;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Admin;

/// <summary>Front door of this folder: what operators and their machines ask.</summary>
internal static class AdminFeature
{
    public static void AddAdmin(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<AdminOptions, AdminOptionsValidator>();
        builder.Services.AddSingleton<IReadinessProbe, DatabaseProbe>();
        builder.Services.AddSingleton<IReadinessProbe, EmbeddingsProbe>();
        builder.Services.AddSingleton<IReadinessProbe, QueueProbe>();
        builder.Services.AddSingleton<IReadinessProbe>(services =>
        {
            var database = services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
            return new DiskProbe(database.IsPostgres ? null : database.ResolveDataDirectory());
        });
        builder.Services.AddSingleton<InnerRequests>();
        builder.Services.AddSingleton<CanaryPlanter>();
        builder.Services.AddSingleton<IsolationSelfTest>();
        builder.Services.AddSingleton<IJobHandler, CanaryJob>();
        builder.Services.AddSingleton<Expiry>();
        builder.Services.AddHostedService<Housekeeping>(); // In every role: each knows which keys it has seen.
    }

    /// <summary>First of all, so that what the server asks itself passes everything that a request from outside passes.</summary>
    public static void UseInnerRequests(this WebApplication app) => app.Use(next =>
    {
        app.Services.GetRequiredService<InnerRequests>().Pipeline = next;
        return next;
    });

    public static void MapAdmin(this IEndpointRouteBuilder app)
    {
        var open = app.MapGroup("").WithTags("Operation").AllowStrangers();
        open.MapGet("/health", Live).WithMetadata(UnlimitedRoute.Instance).WithSummary("Does the process answer?").Describe<LivenessResponse>(StatusCodes.Status200OK);
        open.MapGet("/version", Version).WithSummary("The program's version.").Describe<VersionResponse>(StatusCodes.Status200OK);
        open.MapGet("/v1/admin/health", HealthAsync).WithMetadata(ProbeRoute.Instance)
            .WithSummary("Health with the database's answer time; 503 when the database is down.")
            .Describe<HealthResponse>(StatusCodes.Status200OK).Describe<HealthResponse>(StatusCodes.Status503ServiceUnavailable);
        open.MapGet("/v1/admin/readiness", ReadinessAsync).WithMetadata(ProbeRoute.Instance)
            .WithSummary("Should this process get requests? 503 when not.")
            .Describe<ReadinessResponse>(StatusCodes.Status200OK).Describe<ReadinessResponse>(StatusCodes.Status503ServiceUnavailable);

        app.MapGet("/metrics", MetricsAsync).RequireScopeOrScraper(Scopes.Admin).WithMetadata(ProbeRoute.Instance).WithTags("Operation")
            .WithSummary("Measurements in the Prometheus text format.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").MayRefuse(Problem.NotFound);
    }

    public static void MapTenants(this IEndpointRouteBuilder app)
    {
        app.MapPost(IsolationSelfTest.Route, TestIsolationAsync).RequireOperator(Scopes.Admin).WithTags("Tenants")
            .WithSummary("Plant canaries in two tenants and prove that no route reads or writes across.")
            .Describe<IsolationReport>(StatusCodes.Status200OK);
    }

    private static Answer Live() => Answer.Ok(new LivenessResponse("ok"), WireJson.Of<LivenessResponse>());

    private static Answer Version() => Answer.Ok(new VersionResponse(Product.Version), WireJson.Of<VersionResponse>());

    private static async Task<IResult> HealthAsync(
        HttpContext http, Readiness readiness, IOptions<AdminOptions> options, TimeProvider time, CancellationToken ct)
    {
        var database = await readiness.CheckAsync(DatabaseProbe.Is, ct);
        var isOk = database.State is ReadinessState.Ok;
        var status = isOk ? "ok" : "degraded";
        var answer = Caller.TryOf(http) is null
            ? new HealthResponse { Status = status }
            : new HealthResponse
            {
                Status = status,
                Database = isOk ? "ok" : "error",
                Timestamp = time.Now(),
                LatencyMs = Math.Round(database.Elapsed.TotalMilliseconds, 3),
                UptimeSeconds = Math.Round(Product.Uptime.TotalSeconds, 1),
                Environment = options.Value.Environment,
                Version = Product.Version,
            };
        return Answer.Of(isOk ? 200 : 503, answer, WireJson.Of<HealthResponse>(), location: null);
    }

    private static async Task<IResult> ReadinessAsync(HttpContext http, Readiness readiness, CancellationToken ct)
    {
        var report = await readiness.CheckAsync(ct);
        var status = report.Draining ? "draining" : report.State switch
        {
            ReadinessState.Ok => "ready",
            ReadinessState.Degraded => "degraded",
            _ => "error",
        };
        var isStranger = Caller.TryOf(http) is null;
        var answer = new ReadinessResponse
        {
            Status = status,
            Dependencies = isStranger ? null : report.Entries.ToDictionary(e => e.Name, ToResponse),
        };
        return Answer.Of(report.IsReady ? 200 : 503, answer, WireJson.Of<ReadinessResponse>(), location: null);
    }

    private static async Task<IResult> MetricsAsync(
        PrometheusText metrics, Meters meters, Readiness readiness, IOptions<AdminOptions> options, CancellationToken ct)
    {
        if (!options.Value.MetricsEnabled)
        {
            throw ProblemException.NotFound("Metrics are switched off.");
        }

        meters.Health = await readiness.CheckAsync(ct);
        return Results.Text(await metrics.ScrapeAsync(ct), PrometheusText.ContentType);
    }

    private static async Task<IResult> TestIsolationAsync(HttpContext http, IsolationSelfTest test, CancellationToken ct) => Answer.Ok(
        await test.RunAsync(new Writer(Caller.Of(http).Credential, "selftest", RequestId.Of(http)), ct), WireJson.Of<IsolationReport>());

    private static DependencyResponse ToResponse(ReadinessEntry entry) => new(
        entry.State.ToString().ToLowerInvariant(), entry.Detail, Math.Round(entry.Elapsed.TotalMilliseconds, 3));
}
