using System.Text.Json.Nodes;
using Memoir.Kit.Http;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>Refusals in the OpenAPI document: one schema, one example for each of the closed list.</summary>
internal static class ProblemDocs
{
    private const string SchemaName = "Problem";

    /// <summary>The answer of one status, with an example for each problem that has it.</summary>
    public static OpenApiResponse Answer(IReadOnlyList<Problem> problems, OpenApiDocument? document)
    {
        var answer = new OpenApiResponse
        {
            Description = string.Join(" ", problems.Select(problem => $"`{problem.Slug()}`: {problem.Title()}.")),
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [ProblemAnswer.MediaType] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchemaReference(SchemaName, document),
                    Examples = problems.ToDictionary(problem => problem.Slug(), IOpenApiExample (problem) => new OpenApiExampleReference(problem.Slug(), document)),
                },
            },
        };
        AnswerHeaders.Add(answer, AnswerHeaders.RequestIdName, document);
        if (problems.Any(problem => problem.RetryAfter() is not null))
        {
            AnswerHeaders.Add(answer, AnswerHeaders.RetryAfterName, document);
        }

        if (problems.Contains(Problem.RateLimited))
        {
            foreach (var name in AnswerHeaders.OfLimits)
            {
                AnswerHeaders.Add(answer, name, document);
            }
        }

        if (problems.Any(problem => problem is Problem.Unauthenticated or Problem.InvalidToken))
        {
            AnswerHeaders.Add(answer, AnswerHeaders.ChallengeName, document);
        }

        return answer;
    }

    public static void AddTo(OpenApiComponents components)
    {
        components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        components.Schemas[SchemaName] = Schema();
        components.Examples = Enum.GetValues<Problem>().ToDictionary(
            problem => problem.Slug(), IOpenApiExample (problem) => new OpenApiExample { Summary = problem.Title(), Value = Example(problem) });
    }

    private static OpenApiSchema Schema() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "A refusal (RFC 9457). Branch on `type`, never on a text.",
        Required = new HashSet<string> { "type", "title", "status", "detail", "instance", "request_id" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "Which refusal it is. New ones may be added; go by the status when one is not known.",
                Examples = [.. Enum.GetValues<Problem>().Select(problem => (JsonNode)(Problems.Prefix + problem.Slug()))],
            },
            ["title"] = Text("The same words for every problem of this type."),
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "The HTTP status.", Minimum = "400", Maximum = "599" },
            ["detail"] = Text("What is wrong with this request, written for the caller."),
            ["instance"] = Text("The path of the request."),
            ["request_id"] = Text("The id in the `X-Request-ID` header and in every log line of the request."),
            ["success"] = new OpenApiSchema { Type = JsonSchemaType.Boolean, Description = "`false`; only on the routes of memories." },
            ["error"] = Text("The same text as `detail`; only on the routes of memories."),
            ["errors"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "Where fields are at fault: the member's path on the wire and what is wrong with it.",
                AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
            },
        },
    };

    private static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };

    private static JsonNode Example(Problem problem)
    {
        var (detail, field, message) = Case(problem);
        var errors = field is null ? null : new Dictionary<string, string[]> { [field] = [message!] };
        var refusal = errors is null ? new ProblemException(problem, detail) : new ProblemException(problem, detail, errors);
        return JsonNode.Parse(ProblemAnswer.AsElement(refusal, "/v1/messages", "0198b0a1c2d37e4f").GetRawText())!;
    }

    private static (string Detail, string? Field, string? Message) Case(Problem problem) => problem switch
    {
        Problem.InvalidBody => ("importance_overide: is not a member of this body", "importance_overide", "is not a member of this body"),
        Problem.InvalidRequest => ("topk is not a parameter of this route.", null, null),
        Problem.InvalidCursor => ("The cursor belongs to another list.", null, null),
        Problem.Unauthenticated => ("Send an API key as x-api-key or as a bearer token.", null, null),
        Problem.InvalidToken => ("The token is not valid.", null, null),
        Problem.InsufficientScope => ("This needs the scope memory:write.", null, null),
        Problem.TenantMismatch => ("This credential belongs to another tenant.", null, null),
        Problem.NotFound => ("There is no such message.", null, null),
        Problem.PreconditionFailed => ("The version is 8 by now, which If-Match does not name. Read it again and send the change anew. Nothing was changed.", null, null),
        Problem.PayloadTooLarge => ("The body is larger than this route takes.", null, null),
        Problem.UnsupportedMediaType => ("Send JSON as application/json.", null, null),
        Problem.ValidationFailed => ("importance_override must be between 0 and 1.", "importance_override", "must be between 0 and 1"),
        Problem.IdempotencyInProgress => ("The first request with this key is still being worked on.", null, null),
        Problem.IdempotencyKeyReused => ("This idempotency key was used for another request within the last 24 hours.", null, null),
        Problem.RateLimited => ("More than 120/minute requests of this tenant.", null, null),
        Problem.Internal => ("An error on our side; the log has it under this request id.", null, null),
        Problem.Overloaded => ("Too many writes are waiting; send the request again in a moment.", null, null),
        Problem.Draining => ("The server is stopping; send the request again in a moment.", null, null),
        Problem.StorageUnavailable => ("The storage reported an error; writes are refused until the server was restarted.", null, null),
        Problem.Timeout => ("The request took longer than the server allows; it may have had its effect.", null, null),
        Problem.InsufficientStorage => ("The disk is full; nothing was stored.", null, null),
        _ => ($"{problem.Title()}.", null, null),
    };
}
