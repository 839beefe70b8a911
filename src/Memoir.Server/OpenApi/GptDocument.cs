using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>
/// The structured memory alone, as a Custom GPT takes it for an action: one server, no header parameters, short
/// descriptions, and for every operation whether it may run without asking each time.
/// </summary>
internal static class GptDocument
{
    public const string Name = "gpt";

    private const int LongestDescription = 300;

    public static bool Includes(ApiDescription route) => route.RelativePath?.StartsWith("memory/{userId}", StringComparison.Ordinal) is true;

    /// <summary>Runs after all that documents the operation for others.</summary>
    public static void Narrow(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        operation.Summary = Cut(operation.Summary);
        operation.Description = Cut(operation.Description);
        operation.Parameters = [.. (operation.Parameters ?? []).Where(parameter => parameter.In is ParameterLocation.Path or ParameterLocation.Query && parameter.Name is not "tenant_id")];

        foreach (var body in (operation.RequestBody?.Content ?? new Dictionary<string, OpenApiMediaType>()).Keys.Where(type => type != Kit.Http.Answer.Json).ToList())
        {
            operation.RequestBody!.Content!.Remove(body); // It sends what it is told first.
        }

        foreach (var answer in (operation.Responses ?? []).Values.OfType<OpenApiResponse>())
        {
            answer.Headers = null; // It sees none.
            answer.Description = Cut(answer.Description);
            foreach (var problem in (answer.Content ?? new Dictionary<string, OpenApiMediaType>()).Where(content => content.Key == Kit.Http.ProblemAnswer.MediaType))
            {
                problem.Value.Examples = null; // The descriptions say as much, and the whole has to stay short.
            }
        }

        // What stands can be brought back, so only a deletion asks each time.
        operation.AddExtension("x-openai-isConsequential", new JsonNodeExtension(context.Description.HttpMethod is "DELETE"));
        operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", context.Document)] = [] }];
    }

    public static void Complete(OpenApiDocument document, string publicUrl, HttpRequest request)
    {
        document.Info.Title = "Memoir: a user's structured memory";
        document.Info.Description = "What an assistant knows of a user, in sections, with every version of it.";
        var address = publicUrl.Length > 0 ? publicUrl.TrimEnd('/') : $"{request.Scheme}://{request.Host}";
        document.Servers = [new OpenApiServer { Url = address }];
        document.Components!.SecuritySchemes!.Remove("api_key");
        document.Components.Headers = null;
        document.Components.Examples = null;
    }

    private static string? Cut(string? text) => text is { Length: > LongestDescription } ? text[..(LongestDescription - 1)] + "…" : text;
}
