using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Access;
using Memoir.Server.Wire;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>What a route's metadata says beyond its bodies: parameters, credentials, headers.</summary>
internal static class OperationDetails
{
    public static void Add(OpenApiOperation operation, IList<object> metadata, OpenApiDocument? document)
    {
        operation.Parameters ??= [];
        var policy = metadata.OfType<AccessPolicy>().LastOrDefault();
        var known = metadata.OfType<QueryParameters>().LastOrDefault()
            ?? (policy is { IsOpen: false, IsForScrapers: false, OperatorOnly: false } ? QueryParameters.TenantAlone : null);
        foreach (var name in known?.Names ?? [])
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Query,
                Required = name == "query",
                Schema = SchemaOf(name),
            });
        }

        if (policy is not { IsOpen: false })
        {
            return;
        }

        operation.Description = $"Scope: `{ScopeNames.Of(policy.Scope)}`{(policy.OperatorOnly ? ", operator keys only" : "")}.";
        operation.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("api_key", document)] = [] },
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", document)] = [] },
        ];
        if (metadata.OfType<HttpMethodMetadata>().Any(m => m.HttpMethods.Contains("POST")) && policy.Scope is not Scopes.Read)
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotentRequest.Header,
                In = ParameterLocation.Header,
                Description = "1..255 printable ASCII characters. The same key with the same request within 24 hours gets the first answer again.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 255 },
            });
        }
    }

    private static OpenApiSchema SchemaOf(string name) => name switch
    {
        "top_k" => Integer(1, 100),
        "neighbors" => Integer(0, 10),
        "limit" => Integer(1, 200),
        "importance_min" => new OpenApiSchema { Type = JsonSchemaType.Number, Minimum = "0", Maximum = "1" },
        "include_archived" or "explain" => new OpenApiSchema { Type = JsonSchemaType.Boolean },
        "since" or "until" => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
        "mode" => OneOf("hybrid", "semantic", "lexical"),
        "role" => OneOf("user", "assistant", "system", "tool"),
        "status" => OneOf([.. JobStatus.All]),
        "order" => OneOf("asc", "desc"),
        "query" => new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 4096 },
        _ => new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static OpenApiSchema Integer(int min, int max) => new()
    {
        Type = JsonSchemaType.Integer,
        Minimum = min.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Maximum = max.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private static OpenApiSchema OneOf(params string[] values) => new()
    {
        Type = JsonSchemaType.String,
        Enum = [.. values.Select(v => (System.Text.Json.Nodes.JsonNode)v)],
    };
}
