using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Memoir.Kit.Settings;
using Memoir.Kit.Telemetry.Tracing;
using Microsoft.Extensions.Configuration;

namespace Memoir.Kit.Telemetry;

/// <summary>Front door of this folder: meters, their Prometheus text, readiness and the request measurement.</summary>
public static class TelemetryFeature
{
    public static void AddKitTelemetry(this IHostApplicationBuilder builder)
    {
        builder.Services.AddMetrics();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<Meters>();
        builder.Services.TryAddSingleton<PrometheusText>();
        builder.Services.TryAddSingleton<Readiness>();
        builder.Services.AddSettings<TracingOptions, TracingOptionsValidator>();
        builder.Services.AddOptions<TracingOptions>().Configure<IConfiguration>((options, configuration) => options.TakeStandard(configuration));
        builder.Services.TryAddSingleton<TraceExport>();
    }

    /// <summary>Goes first in the pipeline, so that refusals of every later step are measured too.</summary>
    public static IApplicationBuilder UseRequestTelemetry(this IApplicationBuilder app)
    {
        // Made now: a counter incremented or a span begun before somebody listens is lost.
        app.ApplicationServices.GetRequiredService<PrometheusText>();
        app.ApplicationServices.GetRequiredService<TraceExport>();
        return app.UseMiddleware<RequestTelemetry>();
    }
}
