using System.Text.Json;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Memoir.Server.Admin.Isolation;

/// <summary>
/// What one tenant can ask about another: for each route, the other's names and ids in the path, the query, the header and
/// the body. A new route is asked without anything having to be added here, unless it names its parameters in a new way.
/// </summary>
internal static class ForeignRequests
{
    /// <exception cref="InvalidOperationException">A parameter of the path whose meaning is not known here.</exception>
    public static IEnumerable<InnerRequest> Of(RoutePattern route, string method, CanaryTenant other)
    {
        var tenant = Uri.EscapeDataString(other.Tenant.Id);
        var user = Uri.EscapeDataString(other.UserId);
        var conversation = Uri.EscapeDataString(other.ConversationId);
        var body = method is "POST" or "PUT" or "PATCH" ? Body(other, tenant: null) : null;
        foreach (var path in Paths(route, other))
        {
            yield return new InnerRequest(method, path, Body: body);
            yield return new InnerRequest(method, path, $"?tenant_id={tenant}", Body: body);
            yield return new InnerRequest(method, path, TenantHeader: other.Tenant.Id, Body: body);
            if (method is "GET" or "DELETE")
            {
                // The routes that know these parameters search by them; the others refuse them.
                yield return new InnerRequest(method, path, $"?query={other.Secret}");
                yield return new InnerRequest(method, path, $"?query=lighthouse&user_id={user}");
                yield return new InnerRequest(method, path, $"?query=lighthouse&conversation_id={conversation}&neighbours=2&explain=true");
            }
            else
            {
                yield return new InnerRequest(method, path, Body: Body(other, other.Tenant.Id));
                yield return new InnerRequest(method, path, Body: Message(other));
                yield return new InnerRequest(method, path, Body: $$"""{"items":[{{Message(other)}}]}""");
                yield return new InnerRequest(method, path, Body: Search(other));
                yield return new InnerRequest(method, path, Body: """{"version":1}""");
                yield return new InnerRequest(method, path, Body: $$"""{"type":"fact","key":"{{other.ExternalId}}","value":{"by":"another tenant"},"user_id":{{JsonSerializer.Serialize(other.UserId)}}}""");
                yield return new InnerRequest(method, path, Body: $$"""{"user_id":{{JsonSerializer.Serialize(other.UserId)}},"limit":100}""");
                yield return new InnerRequest(method, path, "?overwrite=true", Body: """{"profile":{"role":"another tenant"}}""");
                yield return new InnerRequest(method, path, Body: """{"importance_override":0.123}""");
            }
        }
    }

    private static IEnumerable<string> Paths(RoutePattern route, CanaryTenant other)
    {
        // A path with {id} is tried with the id of everything that has one.
        return route.Parameters.Any(parameter => parameter.Name == "id") ? other.Ids.Select(Path) : [Path("")];

        string Path(string id) => "/" + string.Join('/', route.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
        {
            RoutePatternLiteralPart literal => literal.Content,
            RoutePatternSeparatorPart separator => separator.Content,
            RoutePatternParameterPart { Name: "id" } => id,
            RoutePatternParameterPart { Name: "tenantId" } => Uri.EscapeDataString(other.Tenant.Id),
            RoutePatternParameterPart { Name: "conversationId" } => Uri.EscapeDataString(other.ConversationId),
            RoutePatternParameterPart { Name: "userId" } => Uri.EscapeDataString(other.UserId),
            RoutePatternParameterPart { Name: "address" } => "203.0.113.7",
            RoutePatternParameterPart { Name: "version" } => "1",
            RoutePatternParameterPart { Name: "path" or "file" or "asset" or "name" } => "index.html",
            RoutePatternParameterPart parameter => throw new InvalidOperationException($"The self-test does not know what {{{parameter.Name}}} of {route.RawText} stands for."),
            _ => "",
        }))));
    }

    private static string Body(CanaryTenant other, string? tenant) => JsonSerializer.Serialize(
        tenant is null ? new Dictionary<string, string> { ["name"] = "self-test" } : new Dictionary<string, string> { ["tenant_id"] = other.Tenant.Id, ["name"] = "self-test" });

    /// <summary>A store that would replace the other's message if external ids were not each tenant's own.</summary>
    private static string Message(CanaryTenant other) => JsonSerializer.Serialize(new Dictionary<string, string>
    {
        ["tenant_id"] = other.Tenant.Id,
        ["content"] = "written by another tenant",
        ["role"] = "user",
        ["conversation_id"] = other.ConversationId,
        ["external_id"] = other.ExternalId,
    });

    private static string Search(CanaryTenant other) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["query"] = $"{other.Secret} lighthouse",
        ["user_id"] = other.UserId,
    });
}
