using System.Diagnostics;
using Memoir.Kit.Jobs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Memoir.Kit.Telemetry.Tracing;

/// <summary>
/// Every span of the product. While nobody listens all of this is one check that answers null. No attribute names a tenant
/// or a user, and none holds content, a query or a path, which are the caller's.
/// </summary>
public static class Spans
{
    public const string SourceName = "Memoir";

    /// <summary>The framework makes the span of a request and takes over the caller's <c>traceparent</c>; what it says is ours.</summary>
    internal const string ServerSource = "Microsoft.AspNetCore";

    /// <summary>Calls to other services, complete as the runtime makes them; it cuts off queries.</summary>
    internal const string ClientSource = "System.Net.Http";

    internal static readonly ActivitySource Source = new(SourceName);

    /// <summary>A part of what runs now; null while nobody listens.</summary>
    public static Activity? Start(string name) => Source.StartActivity(name);

    /// <summary>The run of a job, a trace of its own that is linked to the write that asked for it.</summary>
    internal static Activity? StartJob(Job job)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        ActivityLink[] links = ActivityContext.TryParse(job.TraceParent, null, out var cause) ? [new ActivityLink(cause)] : [];
        var span = Source.StartActivity(ActivityKind.Consumer, links: links, name: $"job {job.Kind}");
        return span?.SetTag("memoir.job.kind", job.Kind).SetTag("memoir.job.id", job.Id.ToString()).SetTag("memoir.job.attempt", job.Attempts);
    }

    /// <summary>How it ended, and by which kind of fault; the fault's text may be anything, so it stays out.</summary>
    internal static void Finish(this Activity? span, string outcome, Exception? fault = null)
    {
        span?.SetTag("memoir.job.outcome", outcome);
        if (fault is not null)
        {
            span?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", fault.GetType().FullName);
        }
    }

    /// <summary>Says of a request what OpenTelemetry's conventions ask for, but for its path.</summary>
    internal static void FinishRequest(HttpContext http, string method, string route, int status)
    {
        if (!Source.HasListeners() || http.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } span)
        {
            return;
        }

        var isKnownMethod = !ReferenceEquals(method, Meters.OtherMethod);
        var isMatched = !ReferenceEquals(route, Meters.Unmatched);
        var verb = isKnownMethod ? method : "HTTP";
        span.DisplayName = isMatched ? $"{verb} {route}" : verb;
        span.SetTag("http.request.method", isKnownMethod ? method : "_OTHER");
        span.SetTag("http.response.status_code", status);
        span.SetTag("url.scheme", http.Request.Scheme);
        span.SetTag("network.protocol.version", http.Request.Protocol.Split('/')[^1]);
        span.SetTag("memoir.request_id", http.TraceIdentifier);
        if (isMatched)
        {
            span.SetTag("http.route", route);
        }

        if (status >= StatusCodes.Status500InternalServerError)
        {
            span.SetStatus(ActivityStatusCode.Error).SetTag("error.type", $"{status}");
        }
    }
}
