using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Wire;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>Front door of this folder: the OpenAPI document of every contract, made from the routes themselves.</summary>
internal static class OpenApiFeature
{
    public static void AddOpenApiDocument(this IHostApplicationBuilder builder)
    {
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = WireJson.Options.PropertyNamingPolicy;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, WireJson.Options.TypeInfoResolver!);
        });
        builder.Services.AddOpenApi(options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Memoir",
                    Version = Product.Version,
                    Description = "A memory for AI assistants: it stores what was said and hands the right pieces back.",
                };
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["api_key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = "x-api-key" },
                    ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" },
                };
                return Task.CompletedTask;
            });
            options.AddOperationTransformer((operation, context, _) =>
            {
                OperationDetails.Add(operation, context.Description.ActionDescriptor.EndpointMetadata, context.Document);
                return Task.CompletedTask;
            });
        });
    }

    public static void MapOpenApiDocument(this IEndpointRouteBuilder app) => app.MapOpenApi("/openapi.json").AllowStrangers();
}
