using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Memoir.Kit.Hosting;

/// <summary>
/// Lets web pages of the listed origins call this server from a browser, and no other. Origins are compared letter by letter;
/// cookies are never asked for, so a page sends its key itself.
/// </summary>
public sealed class AllowedOrigins(RequestDelegate next, IOptions<HttpOptions> options)
{
    private const string Methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
    private const string RequestHeaders =
        $"Authorization, Content-Type, If-Match, If-None-Match, {IdempotentRequest.Header}, x-api-key, {RequestId.Header}, X-Tenant-ID, traceparent";
    private const string AnswerHeaders =
        $"ETag, Location, Warning, Deprecation, Link, Memoir-Masked, {RequestId.Header}, {RateLimitHeaders.Limit}, {RateLimitHeaders.Remaining}, {RateLimitHeaders.Reset}, Retry-After, {IdempotentRequest.ReplayedHeader}";

    private readonly HashSet<string> _origins = new(options.Value.ListAllowedOrigins(), StringComparer.Ordinal);

    public Task InvokeAsync(HttpContext http)
    {
        if (_origins.Count == 0)
        {
            return next(http);
        }

        var origin = http.Request.Headers.Origin;
        var isAllowed = origin.Count == 1 && _origins.Contains(origin[0]!);
        if (isAllowed && HttpMethods.IsOptions(http.Request.Method) && http.Request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod))
        {
            Allow(http.Response.Headers, origin[0]!);
            http.Response.Headers.AccessControlAllowMethods = Methods;
            http.Response.Headers.AccessControlAllowHeaders = RequestHeaders;
            http.Response.Headers.AccessControlMaxAge = "600";
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        }

        // At the last moment: a refusal, which the page must be able to read as well, clears what was set before it.
        http.Response.OnStarting(
            static state =>
            {
                var (response, allowed) = ((HttpResponse, string?))state;
                if (allowed is null)
                {
                    response.Headers.Append(HeaderNames.Vary, HeaderNames.Origin);
                }
                else
                {
                    Allow(response.Headers, allowed);
                    response.Headers.AccessControlExposeHeaders = AnswerHeaders;
                }

                return Task.CompletedTask;
            },
            (http.Response, isAllowed ? origin[0] : null));
        return next(http);
    }

    private static void Allow(IHeaderDictionary headers, string origin)
    {
        headers.AccessControlAllowOrigin = origin;
        headers.Append(HeaderNames.Vary, HeaderNames.Origin);
    }
}
