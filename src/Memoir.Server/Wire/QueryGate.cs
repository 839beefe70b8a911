using Memoir.Kit.Http;
using Memoir.Server.Access;

namespace Memoir.Server.Wire;

/// <summary>
/// Refuses query parameters that a route does not know: a misspelt filter must not widen a search silently. What probes and
/// scrapers call takes no parameters and ignores what they add.
/// </summary>
internal sealed class QueryGate(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext http)
    {
        var metadata = http.GetEndpoint()?.Metadata;
        if (http.Request.QueryString.HasValue && metadata?.GetMetadata<AccessPolicy>() is { IsOpen: false, IsForScrapers: false })
        {
            var known = metadata.GetMetadata<QueryParameters>() ?? QueryParameters.TenantAlone;
            QueryValues.RefuseUnknown(http.Request, known.Names);
        }

        return next(http);
    }
}
