using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Memoir.Kit.Telemetry.Tracing;

/// <summary>Sends spans to an OTLP collector where one is configured. Elsewhere nobody listens, so none is made.</summary>
public sealed class TraceExport : IDisposable
{
    private readonly TracerProvider? _provider;

    public TraceExport(IOptions<TracingOptions> options)
    {
        if (options.Value.Traces() is { } endpoint)
        {
            _provider = Start(endpoint);
        }
    }

    /// <summary>Sends what is waiting, for five seconds at most: a collector that is gone must not hold up the end.</summary>
    public void Dispose() => _provider?.Dispose();

    // Apart from the constructor: where nothing is exported, the packages are not even loaded.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TracerProvider Start(Uri endpoint)
    {
        var version = typeof(TraceExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        var resource = ResourceBuilder.CreateEmpty()
            .AddService("memoir", serviceVersion: version)
            .AddTelemetrySdk()
            .AddEnvironmentVariableDetector(); // Last, so that OTEL_SERVICE_NAME wins.
        return Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(Spans.SourceName, Spans.ServerSource, Spans.ClientSource)
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                exporter.Endpoint = endpoint;
            })
            .Build();
    }
}
