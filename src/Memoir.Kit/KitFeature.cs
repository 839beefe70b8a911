using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Memoir.Kit.Audit;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Limits;
using Memoir.Kit.Limits.Shared;
using Memoir.Kit.Security;
using Memoir.Kit.Settings;
using Memoir.Kit.Telemetry;
using Memoir.Kit.Hosting;

namespace Memoir.Kit;

/// <summary>Front door of the plumbing: settings, database, jobs, telemetry and the frame of every request.</summary>
public static class KitFeature
{
    public static void AddKit(this WebApplicationBuilder builder)
    {
        builder.Configuration.AddMemoryEnvironment();
        builder.AddKitLogging();
        builder.AddKitTelemetry();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSettings<DatabaseOptions, DatabaseOptionsValidator>();
        builder.Services.AddSettings<SecurityOptions, SecurityOptionsValidator>();
        builder.Services.AddSettings<JobOptions, JobOptionsValidator>();
        builder.Services.AddSettings<HttpOptions, HttpOptionsValidator>();
        builder.Services.AddSettings<LimitOptions, LimitOptionsValidator>();
        builder.Services.AddSingleton<Database>();
        builder.Services.AddSingleton<InstanceKeys>();
        builder.Services.AddSingleton<Transfers>();
        builder.Services.AddSingleton<IPermits>(services => services.GetRequiredService<Database>().IsShared
            ? ActivatorUtilities.CreateInstance<SharedPermits>(services)
            : ActivatorUtilities.CreateInstance<LocalPermits>(services));
        builder.Services.AddSingleton<JobQueue>();
        builder.Services.AddSingleton<Schedule>();
        builder.AddAuditTrail();
        builder.Services.AddHostedService<Drain>();
        builder.AddBackground<JobWorker>(ServerRole.Worker);
        builder.AddListener();
    }

    /// <summary>The outer steps of the pipeline, in order: learn who calls, measure, frame, ask for a known origin and host, route, limit the time.</summary>
    public static void UseKit(this WebApplication app)
    {
        app.UseMiddleware<ForwardedCaller>();
        app.UseRequestTelemetry();
        app.UseMiddleware<RequestFrame>();
        app.UseMiddleware<AllowedOrigins>();
        app.UseMiddleware<AllowedHosts>();
        app.UseMiddleware<HeadRequests>();
        app.UseRouting();
        app.UseRequestTimeouts();
    }

    /// <summary>In every role: each seals what it finds, and each denies.</summary>
    private static void AddAuditTrail(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AuditTrail>();
        builder.Services.AddSingleton<DenialLog>();
        builder.Services.AddSingleton<AuditSealer>();
        builder.Services.AddSingleton<CheckpointWriter>();
        builder.Services.AddSingleton<AuditVerifier>();
        builder.Services.AddSingleton<AuditKeeper>();
        builder.Services.AddHostedService(services => services.GetRequiredService<AuditKeeper>());
    }

    private static void AddListener(this WebApplicationBuilder builder)
    {
        // A lone line feed is how request smuggling starts; no client of today sends one.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        builder.Services.AddRequestTimeouts(_ => { });
        builder.Services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<HttpOptions>>((timeouts, http) =>
            timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = TimeSpan.FromSeconds(http.Value.RequestTimeoutSeconds), TimeoutStatusCode = 504 });
        builder.WebHost.ConfigureKestrel((_, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = FileHandles.ConnectionLimit();
            kestrel.Limits.MaxRequestBodySize = null; // Each route states its own limit and answers with a problem.
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestLineSize = 8 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 1024, gracePeriod: TimeSpan.FromSeconds(5));
            kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(15));

            // A proxy in front speaks HTTP/2 to the world; here it would only add attacks that HTTP/1.1 does not know.
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);
            kestrel.RequestHeaderEncodingSelector = name => name == HeaderNames.ContentLength ? ContentLengthDigits.Instance : null;
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
    }
}
