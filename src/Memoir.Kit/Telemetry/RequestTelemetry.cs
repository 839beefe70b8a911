using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Logging;
using Memoir.Kit.Telemetry.Tracing;

namespace Memoir.Kit.Telemetry;

/// <summary>Measures every request, writes one line about it and marks all others with its id; never its path, query or body, which are the caller's.</summary>
public sealed partial class RequestTelemetry(RequestDelegate next, Meters meters, ILogger<RequestTelemetry> logger)
{
    // Nobody receives it; the label tells "the client went away" from a fault of ours.
    private const int ClientClosedRequest = 499;

    private readonly RouteLabels _routes = new();

    public async Task InvokeAsync(HttpContext http)
    {
        var started = Stopwatch.GetTimestamp();

        // The exception handler clears the endpoint of a request that failed, so it is remembered where it is known already.
        var endpoint = http.GetEndpoint();
        var threw = true;
        var scope = new JsonLogging.RequestScope(http);
        using var logged = logger.BeginScope(scope);
        meters.RequestStarted();
        try
        {
            await next(http);
            threw = false;
        }
        finally
        {
            endpoint ??= http.GetEndpoint() ?? http.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
            Finish(http, _routes.Of(endpoint), Status(http, threw), Stopwatch.GetElapsedTime(started));
            scope.Freeze();
        }
    }

    private static int Status(HttpContext http, bool threw) =>
        !threw ? http.Response.StatusCode
        : http.RequestAborted.IsCancellationRequested ? ClientClosedRequest
        : StatusCodes.Status500InternalServerError;

    private void Finish(HttpContext http, string route, int status, TimeSpan elapsed)
    {
        // From the closed list: a method is the caller's text too.
        var method = Meters.MethodLabel(http.Request.Method);
        meters.RequestFinished(method, route, status, elapsed);
        Spans.FinishRequest(http, method, route, status);

        var level = status >= StatusCodes.Status500InternalServerError ? LogLevel.Information : LogLevel.Debug;
        if (logger.IsEnabled(level))
        {
            var milliseconds = Math.Round(elapsed.TotalMilliseconds, 3);
            LogAnswered(level, method, route, status, milliseconds, http.TraceIdentifier);
        }
    }

    [LoggerMessage("{Method} {Route} was answered {Status} in {DurationMs} ms ({RequestId}).")]
    private partial void LogAnswered(LogLevel level, string method, string route, int status, double durationMs, string requestId);

    /// <summary>The name of a route in metrics and logs: its template without constraints, <c>/v1/messages/{id}</c>.</summary>
    private sealed class RouteLabels
    {
        private readonly ConcurrentDictionary<Endpoint, string> _known = new();

        public string Of(Endpoint? endpoint) => endpoint is RouteEndpoint ? _known.GetOrAdd(endpoint, Render) : Meters.Unmatched;

        private static string Render(Endpoint endpoint)
        {
            var segments = ((RouteEndpoint)endpoint).RoutePattern.PathSegments
                .Select(segment => string.Concat(segment.Parts.Select(Render)));

            // Interned: routes of two methods then share one string, and meters find a series by identity.
            return string.Intern("/" + string.Join('/', segments));
        }

        private static string Render(RoutePatternPart part) => part switch
        {
            RoutePatternParameterPart parameter => $"{{{parameter.Name}}}",
            RoutePatternLiteralPart literal => literal.Content,
            RoutePatternSeparatorPart separator => separator.Content,
            _ => "",
        };
    }
}
