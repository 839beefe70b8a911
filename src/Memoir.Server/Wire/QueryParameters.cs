namespace Memoir.Server.Wire;

/// <summary>The query parameters of a route, for the OpenAPI document.</summary>
internal sealed record QueryParameters(IReadOnlyList<string> Names);
