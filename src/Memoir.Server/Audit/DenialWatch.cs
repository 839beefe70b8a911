using System.Collections.Concurrent;
using Memoir.Kit.Audit;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Memoir.Server.OpenApi;

namespace Memoir.Server.Audit;

/// <summary>
/// Notes what was denied: every 401 and 403, and a 404 on a closed route for a tenant's credential, which may have asked for
/// what is another's. The route's template stands for the address, whose parts are the caller's.
/// </summary>
internal sealed class DenialWatch(RequestDelegate next, DenialLog denials, Authenticator authenticator, DefaultTenant fallback)
{
    private const string Stranger = "stranger";

    private readonly ConcurrentDictionary<RouteEndpoint, string> _routes = new();

    public async Task InvokeAsync(HttpContext http)
    {
        await next(http);
        if (ProblemAnswer.Of(http) is not { } problem || http.GetEndpoint() is not { } endpoint)
        {
            return;
        }

        var caller = Caller.TryOf(http);
        var isDenied = problem.Status() switch
        {
            StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => true,
            StatusCodes.Status404NotFound => caller?.Tenant is not null && endpoint.Metadata.GetMetadata<AccessPolicy>() is { IsOpen: false },
            _ => false,
        };
        if (isDenied)
        {
            caller ??= authenticator.FindFormer(http.Request);
            denials.Note(
                caller?.Tenant ?? fallback.Tenant, // What has no tenant stands where callers act who name none.
                new AuditRecord(
                    caller?.Credential ?? Stranger, $"{DenialLog.Family}.{problem.Slug()}",
                    endpoint is RouteEndpoint route ? $"{http.Request.Method} {_routes.GetOrAdd(route, Render)}" : Meters.Unmatched, 1, RequestId.Of(http))
                {
                    Address = http.Connection.RemoteIpAddress?.ToString(),
                });
        }
    }

    private static string Render(RouteEndpoint route) => OperationNotes.Spell("/" + route.RoutePattern.RawText?.TrimStart('/'));
}
