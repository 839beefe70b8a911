using System.Globalization;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Admin;
using Memoir.Server.Wire;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>Front door of this folder: the OpenAPI document of every contract, made from the routes themselves.</summary>
internal static class OpenApiFeature
{
    public static void AddOpenApiDocument(this IHostApplicationBuilder builder)
    {
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.NumberHandling = WireJson.Options.NumberHandling;
            json.SerializerOptions.PropertyNamingPolicy = WireJson.Options.PropertyNamingPolicy;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, WireJson.Options.TypeInfoResolver!);
        });
        builder.Services.AddSingleton<OperationNotes>();
        builder.Services.AddSettings<OpenApiOptions, OpenApiOptionsValidator>();
        builder.Services.AddOpenApi(Describe);
        builder.Services.AddOpenApi(GptDocument.Name, options =>
        {
            options.ShouldInclude = GptDocument.Includes;
            Describe(options);
            options.AddOperationTransformer((operation, context, _) =>
            {
                GptDocument.Narrow(operation, context);
                return Task.CompletedTask;
            });
        });
    }

    public static void MapOpenApiDocument(this IEndpointRouteBuilder app)
    {
        app.MapOpenApi("/openapi.json").AllowStrangers();
        app.MapGet($"/{GptDocument.Name}/openapi.json", WriteGptDocumentAsync).AllowStrangers().ExcludeFromDescription();
    }

    /// <summary>At an address of its own, not by a name in the address; and in as few characters as it takes.</summary>
    private static async Task WriteGptDocumentAsync(HttpContext http)
    {
        var document = await http.RequestServices.GetRequiredKeyedService<IOpenApiDocumentProvider>(GptDocument.Name).GetOpenApiDocumentAsync(http.RequestAborted);
        GptDocument.Complete(document, http.RequestServices.GetRequiredService<IOptions<OpenApiOptions>>().Value.PublicUrl, http.Request);
        var text = new StringWriter(CultureInfo.InvariantCulture);
        document.SerializeAsV31(new OpenApiJsonWriter(text, new OpenApiJsonWriterSettings { Terse = true }));
        http.Response.ContentType = "application/json; charset=utf-8";
        await http.Response.WriteAsync(text.ToString(), http.RequestAborted);
    }

    private static void Describe(Microsoft.AspNetCore.OpenApi.OpenApiOptions options)
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddOperationTransformer((operation, context, ct) =>
            new OperationDetails(operation, context, context.ApplicationServices.GetRequiredService<OperationNotes>()).AddAsync(ct));
        options.AddDocumentTransformer((document, context, _) =>
        {
            Complete(document, context.ApplicationServices.GetRequiredService<OperationNotes>());
            return Task.CompletedTask;
        });
    }

    private static void Complete(OpenApiDocument document, OperationNotes notes)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Memoir",
            Version = Product.Version,
            Description = "A memory for AI assistants: it stores what was said and hands the right pieces back.\n\n"
                + "Send a key as `x-api-key` or as a bearer token. Times are RFC 3339 with an offset and are answered in UTC. "
                + "A request may name itself by `X-Request-ID` (`[A-Za-z0-9._-]`, 1..64); every answer carries the id.",
            License = new OpenApiLicense { Name = "Apache 2.0", Identifier = "Apache-2.0" },
        };

        // Relative: behind a proxy the program does not know under which name and scheme it is called.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["api_key"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "x-api-key",
                Description = "An operator's key, or a tenant's key from `POST /v1/admin/keys`.",
            },
            ["bearer"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "The same key as a bearer token, or a JWT by HS256 of a service whose secret is set (JWT_SECRET_KEY): `customer_id` is the tenant, `scope` what it may do, `exp` required.",
            },
        };
        ProblemDocs.AddTo(document.Components);
        AnswerHeaders.AddTo(document.Components);
        SpellPaths(document);
        foreach (var tag in document.Tags ?? new HashSet<OpenApiTag>())
        {
            tag.Description = notes.OfTag(tag.Name!);
        }
    }

    /// <summary>Names in paths as the wire spells all names.</summary>
    private static void SpellPaths(OpenApiDocument document)
    {
        var spelled = new OpenApiPaths();
        foreach (var (path, item) in document.Paths)
        {
            spelled.Add(OperationNotes.Spell(path), item);
        }

        document.Paths = spelled;
    }
}
