namespace Memoir.Server.Wire;

/// <summary>The query parameters that a route knows.</summary>
internal sealed record QueryParameters(IReadOnlyList<string> Names)
{
    /// <summary>What a route takes that states nothing else.</summary>
    public static QueryParameters TenantAlone { get; } = new(["tenant_id"]);
}
