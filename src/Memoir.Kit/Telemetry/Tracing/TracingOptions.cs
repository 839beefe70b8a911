using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Telemetry.Tracing;

/// <summary>Where traces go; nowhere unless configured.</summary>
public sealed class TracingOptions
{
    internal const string StandardVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string SignalPath = "/v1/traces";

    /// <summary>An OTLP collector that speaks HTTP, such as <c>http://collector:4318</c>; <c>/v1/traces</c> is added where it is missing.</summary>
    public string? OtlpEndpoint { get; set; }

    /// <summary>The address of the collector's traces, or null when nothing is to be sent.</summary>
    internal Uri? Traces() =>
        string.IsNullOrWhiteSpace(OtlpEndpoint) ? null
        : OtlpEndpoint.TrimEnd('/') is var address && address.EndsWith(SignalPath, StringComparison.Ordinal) ? new Uri(address)
        : new Uri(address + SignalPath);

    /// <summary>The variable that every OpenTelemetry program understands means the same; ours wins.</summary>
    internal void TakeStandard(IConfiguration configuration)
    {
        if (string.IsNullOrWhiteSpace(OtlpEndpoint))
        {
            OtlpEndpoint = configuration[StandardVariable];
        }
    }
}

/// <summary>Refuses an endpoint that is no address, without repeating it: it may hold a credential.</summary>
internal sealed class TracingOptionsValidator : IValidateOptions<TracingOptions>
{
    public ValidateOptionsResult Validate(string? name, TracingOptions options) =>
        string.IsNullOrWhiteSpace(options.OtlpEndpoint)
        || (Uri.TryCreate(options.OtlpEndpoint, UriKind.Absolute, out var address)
            && address is { Scheme: "http" or "https", Query: "", Fragment: "" })
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"{nameof(options.OtlpEndpoint)}: must be an http or https address ({TracingOptions.StandardVariable} sets it, too). Example: MEMORY_OTLP_ENDPOINT=http://localhost:4318");
}
