namespace Memoir.Server.Access;

/// <summary>What a route asks of its caller. A route without one is refused, and fails a test.</summary>
/// <param name="Scope">The scope needed; <see cref="Scopes.None"/> for a route open to strangers.</param>
/// <param name="OperatorOnly">Only a credential for all tenants will do.</param>
internal sealed record AccessPolicy(Scopes Scope, bool OperatorOnly)
{
    /// <summary>Strangers may call it.</summary>
    public bool IsOpen => Scope is Scopes.None;

    /// <summary>The scraper's token and callers on this machine will do as well.</summary>
    public bool IsForScrapers { get; init; }
}

/// <summary>How a route states its policy.</summary>
internal static class AccessPolicyExtensions
{
    public static TBuilder RequireScope<TBuilder>(this TBuilder route, Scopes scope)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new AccessPolicy(scope, OperatorOnly: false));

    public static TBuilder RequireOperator<TBuilder>(this TBuilder route, Scopes scope)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new AccessPolicy(scope, OperatorOnly: true));

    public static TBuilder RequireScopeOrScraper<TBuilder>(this TBuilder route, Scopes scope)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new AccessPolicy(scope, OperatorOnly: false) { IsForScrapers = true });

    public static TBuilder AllowStrangers<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new AccessPolicy(Scopes.None, OperatorOnly: false));
}
