using Memoir.Kit.Http;

namespace Memoir.Server.Access;

/// <summary>Stands before every route: who calls, and does the route's policy let them in? No policy, no way in.</summary>
internal sealed class AccessGate(RequestDelegate next, Authenticator authenticator)
{
    private static readonly string[] KeyNames = ["api_key", "apikey", "api-key", "x-api-key", "access_token"];

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint() is not { } endpoint)
        {
            await next(http); // Answers 404; unknown routes tell strangers nothing else.
            return;
        }

        var policy = endpoint.Metadata.GetMetadata<AccessPolicy>();
        if (policy is null && endpoint is not RouteEndpoint && IsFrameworksOwn(endpoint.DisplayName))
        {
            await next(http); // The framework's own answer for a known path with another method or media type.
            return;
        }

        if (policy is null)
        {
            throw new ProblemException(Problem.InsufficientScope, "This route is closed.");
        }

        RefuseKeyInAddress(http.Request);
        var caller = await authenticator.IdentifyAsync(http);
        caller?.AttachTo(http);
        if (!policy.IsOpen)
        {
            Require(http, caller, policy);
        }

        await next(http);
    }

    private void Require(HttpContext http, Caller? caller, AccessPolicy policy)
    {
        if (caller is null)
        {
            if (policy.IsForScrapers && (authenticator.IsMetricsToken(http.Request)
                || (!Authenticator.HasCredential(http.Request) && Authenticator.IsLocal(http))))
            {
                return;
            }

            if (Authenticator.HasToken(http.Request))
            {
                throw new ProblemException(Problem.InvalidToken, "The token is not valid.") { IsNoGuess = authenticator.HasGenuineToken(http.Request) };
            }

            throw new ProblemException(Problem.Unauthenticated, Authenticator.HasCredential(http.Request)
                ? "The credential is not known, was revoked or has expired."
                : authenticator.IsLoopbackOnly
                    ? "This server serves its own machine only. Set MEMORY_API_KEYS (24 characters or more) to let others in, then send the key as x-api-key or as a bearer token."
                    : "Send an API key as x-api-key or as a bearer token.");
        }

        if (!caller.Scopes.HasFlag(policy.Scope))
        {
            throw new ProblemException(Problem.InsufficientScope, $"This needs the scope {ScopeNames.Of(policy.Scope)}.");
        }

        if (policy.OperatorOnly && caller.Tenant is not null)
        {
            throw new ProblemException(Problem.InsufficientScope, "This needs an operator's key.");
        }
    }

    private static bool IsFrameworksOwn(string? name) => name is "405 HTTP Method Not Supported" or "415 HTTP Unsupported Media Type";

    /// <summary>Addresses end up in logs and histories: a key in one is a key given away.</summary>
    private static void RefuseKeyInAddress(HttpRequest request)
    {
        if (request.QueryString.HasValue && KeyNames.Any(request.Query.ContainsKey))
        {
            throw new ProblemException(Problem.InvalidRequest, "Send the credential in a header, never in the address.");
        }
    }
}
