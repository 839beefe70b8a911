using System.Text.Json;
using Memoir.Server.OpenApi;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.OpenApi;

/// <summary>The OpenAPI document of a running server, operation by operation, beside the routes that it is about.</summary>
internal sealed class Contract
{
    private Contract(JsonElement document, IReadOnlyList<Operation> operations, IReadOnlyList<string> routes)
    {
        Document = document;
        Operations = operations;
        Routes = routes;
    }

    public JsonElement Document { get; }

    public IReadOnlyList<Operation> Operations { get; }

    /// <summary>Every described route of the program, as <c>POST /v1/messages</c>.</summary>
    public IReadOnlyList<string> Routes { get; }

    public static async Task<Contract> ReadAsync(TestApp server)
    {
        var endpoints = server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.RoutePattern.RawText is not "/openapi.json" && route.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null)
            .SelectMany(route => route.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Select(method =>
                (Name: $"{method} {OperationNotes.Spell(route.RoutePattern.RawText!)}", Route: route)))
            .ToDictionary(route => route.Name, route => route.Route);
        var document = await server.CreateClient().ReadAsync("/openapi.json");
        var operations =
            from path in document.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            let name = $"{operation.Name.ToUpperInvariant()} {path.Name}"
            select new Operation(name, operation.Value, endpoints.GetValueOrDefault(name));
        return new Contract(document, [.. operations], [.. endpoints.Keys]);
    }
}

/// <summary>One operation of the document and its route.</summary>
internal sealed record Operation(string Name, JsonElement Value, RouteEndpoint? Route)
{
    public string Method => Name.Split(' ')[0];

    public string Path => Name.Split(' ')[1];

    public IEnumerable<JsonElement> Parameters => Value.TryGetProperty("parameters", out var list) ? list.EnumerateArray() : [];

    public IEnumerable<JsonProperty> Answers => Value.GetProperty("responses").EnumerateObject();

    public JsonProperty Success => Answers.First(answer => answer.Name.StartsWith('2'));

    public JsonElement? RequestExample => Value.TryGetProperty("requestBody", out var body) ? ExampleOf(body) : null;

    public JsonElement? AnswerExample => ExampleOf(Success.Value);

    public Type? RequestType => Route?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;

    public Type? AnswerType =>
        Route?.Metadata.OfType<IProducesResponseTypeMetadata>().FirstOrDefault(answer => answer.StatusCode is >= 200 and < 300)?.Type;

    /// <summary>The path with example values in its places, and the query of all parameters that have one.</summary>
    public string ExampleUrl(IReadOnlyDictionary<string, string> values)
    {
        var path = Parameters.Where(p => p.Text("in") == "path").Aggregate(
            Path, (url, p) => url.Replace($"{{{p.Text("name")}}}", values.GetValueOrDefault(p.Text("name")!) ?? Example(p), StringComparison.Ordinal));
        var query = Parameters.Where(p => p.Text("in") == "query" && p.TryGetProperty("example", out _))
            .Select(p => $"{p.Text("name")}={Uri.EscapeDataString(Example(p))}");
        return $"{path}?{string.Join('&', query)}";
    }

    /// <summary>What a failing test prints.</summary>
    public override string ToString() => Name;

    private static string Example(JsonElement parameter) =>
        parameter.GetProperty("example") is { ValueKind: JsonValueKind.String } text ? text.GetString()! : parameter.GetProperty("example").GetRawText();

    private static JsonElement? ExampleOf(JsonElement body) =>
        body.TryGetProperty("content", out var content) && content.EnumerateObject().First().Value.TryGetProperty("example", out var example) ? example : null;
}
