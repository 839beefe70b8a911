using System.Globalization;
using System.Text.Json.Nodes;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Server.Access;
using Memoir.Server.Wire;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Memoir.Server.OpenApi;

/// <summary>What a route's metadata and its room's notes say beyond its bodies: id, parameters, credentials, examples, headers, refusals.</summary>
internal sealed class OperationDetails(OpenApiOperation operation, OpenApiOperationTransformerContext context, OperationNotes notes)
{
    private readonly IList<object> _metadata = context.Description.ActionDescriptor.EndpointMetadata;
    private readonly string _name = NameOf(context);

    public async Task AddAsync(CancellationToken ct)
    {
        foreach (var body in _metadata.OfType<FurtherBody>())
        {
            operation.RequestBody!.Content![body.MediaType] = new OpenApiMediaType { Schema = await context.GetOrCreateSchemaAsync(body.Type, parameterDescription: null, ct) };
        }

        operation.OperationId = notes.IdOf(_name);
        operation.Deprecated = Has<DeprecatedRoute>();
        operation.Parameters ??= [];
        AddParameters();
        AddCredentials();
        AddExamples();
        AddRefusals();
        AddHeaders();
    }

    private static string NameOf(OpenApiOperationTransformerContext context) =>
        $"{context.Description.HttpMethod} {OperationNotes.Spell("/" + context.Description.RelativePath?.Split('?')[0])}";

    private void AddParameters()
    {
        foreach (var parameter in operation.Parameters!.OfType<OpenApiParameter>())
        {
            parameter.Name = OperationNotes.Spell(parameter.Name!);
            Describe(parameter);
        }

        var isScoped = Policy is { IsOpen: false, IsForScrapers: false };
        var names = (_metadata.OfType<QueryParameters>().LastOrDefault() ?? (isScoped && !Policy!.OperatorOnly ? QueryParameters.TenantAlone : null))?.Names ?? [];
        foreach (var name in names)
        {
            AddParameter(name, ParameterLocation.Query);
        }

        if (names.Contains("tenant_id"))
        {
            AddParameter("X-Tenant-ID", ParameterLocation.Header);
        }

        if (Has<IdempotentRoute>())
        {
            AddParameter(IdempotentRequest.Header, ParameterLocation.Header);
        }

        if (Has<VersionedRoute>())
        {
            AddParameter(context.Description.HttpMethod is "GET" ? "If-None-Match" : "If-Match", ParameterLocation.Header);
        }
    }

    private void AddParameter(string name, ParameterLocation place)
    {
        var parameter = new OpenApiParameter { Name = name, In = place, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
        Describe(parameter);
        operation.Parameters!.Add(parameter);
    }

    private void Describe(OpenApiParameter parameter)
    {
        if (notes.ParameterOf(_name, parameter.Name!) is not { } note)
        {
            return;
        }

        parameter.Description = Text(note["description"]);
        parameter.Example = note["example"]?.DeepClone();
        parameter.Required |= note["required"]?.GetValue<bool>() ?? false;
        if (note["schema"]?.AsObject() is { } schema)
        {
            parameter.Schema = SchemaOf(schema);
        }
    }

    private static OpenApiSchema SchemaOf(JsonObject schema) => new()
    {
        Type = Enum.Parse<JsonSchemaType>(Text(schema["type"])!, ignoreCase: true),
        Format = Text(schema["format"]),
        Pattern = Text(schema["pattern"]),
        Minimum = schema["minimum"]?.ToJsonString(),
        Maximum = schema["maximum"]?.ToJsonString(),
        MinLength = schema["minLength"]?.GetValue<int>(),
        MaxLength = schema["maxLength"]?.GetValue<int>(),
        Default = schema["default"]?.DeepClone(),
        Enum = schema["enum"]?.AsArray().Select(value => value!.DeepClone()).ToList(),
    };

    private void AddCredentials()
    {
        if (Policy is not { IsOpen: false } policy)
        {
            return;
        }

        var text = $"Scope: `{ScopeNames.Of(policy.Scope)}`{(policy.OperatorOnly ? ", operator keys only" : "")}.";
        operation.Description = operation.Description is { Length: > 0 } own ? $"{own}\n\n{text}" : text;
        operation.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("api_key", context.Document)] = [] },
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", context.Document)] = [] },
        ];
    }

    private void AddExamples()
    {
        foreach (var body in operation.RequestBody?.Content?.Values ?? [])
        {
            body.Example = notes.RequestOf(_name);
        }

        foreach (var body in _metadata.OfType<FurtherBody>())
        {
            operation.RequestBody!.Content![body.MediaType].Example = notes.RequestOf(_name, body.MediaType);
        }

        var first = Successes.Select(answer => answer.Status).FirstOrDefault();
        foreach (var (_, answer) in Successes.Where(answer => answer.Status == first || answer.Status[0] != '2'))
        {
            foreach (var body in answer.Content?.Values ?? [])
            {
                body.Example = notes.AnswerOf(_name);
            }
        }
    }

    private void AddRefusals()
    {
        foreach (var status in Refusals().Distinct().GroupBy(problem => problem.Status()).OrderBy(group => group.Key))
        {
            operation.Responses!.Add(
                status.Key.ToString(CultureInfo.InvariantCulture), ProblemDocs.Answer([.. status], context.Document));
        }

        var ordered = new OpenApiResponses();
        foreach (var (status, answer) in operation.Responses!.OrderBy(answer => answer.Key, StringComparer.Ordinal))
        {
            ordered.Add(status, answer);
        }

        operation.Responses = ordered;
    }

    private IEnumerable<Problem> Refusals()
    {
        var takesBody = operation.RequestBody is not null;
        yield return Problem.InvalidRequest;
        yield return Problem.Internal;
        if (!Has<UnlimitedRoute>())
        {
            yield return Problem.RateLimited;
        }

        foreach (var own in _metadata.OfType<OwnRefusals>().SelectMany(refusals => refusals.Problems))
        {
            yield return own;
        }

        if (Policy is not { IsOpen: false } policy)
        {
            yield break;
        }

        Problem[] closed = [Problem.Unauthenticated, Problem.InvalidToken, Problem.InsufficientScope, Problem.StorageUnavailable, Problem.Overloaded, Problem.Timeout];
        Problem[] tenant = ActsInTenant ? [Problem.TenantMismatch, Problem.ValidationFailed] : [];
        Problem[] body = takesBody ? [Problem.InvalidBody, Problem.PayloadTooLarge, Problem.UnsupportedMediaType, Problem.ValidationFailed] : [];
        Problem[] writes = IsWrite(policy) ? [Problem.Draining, Problem.InsufficientStorage] : [];
        Problem[] keys = Has<IdempotentRoute>() ? [Problem.IdempotencyInProgress, Problem.IdempotencyKeyReused] : [];
        Problem[] pages = operation.Parameters!.Any(p => p.Name is "cursor") ? [Problem.InvalidCursor, Problem.ValidationFailed] : [];
        Problem[] named = operation.Parameters!.Any(p => p is { In: ParameterLocation.Path, Name: "id" }) ? [Problem.NotFound] : [];
        foreach (var problem in (IEnumerable<Problem>)[.. closed, .. tenant, .. body, .. writes, .. keys, .. pages, .. named])
        {
            yield return problem;
        }
    }

    private void AddHeaders()
    {
        foreach (var (_, answer) in Successes)
        {
            AnswerHeaders.Add(answer, AnswerHeaders.RequestIdName, context.Document);
            foreach (var name in Has<UnlimitedRoute>() ? [] : AnswerHeaders.OfLimits)
            {
                AnswerHeaders.Add(answer, name, context.Document);
            }

            if (Has<LocatingRoute>())
            {
                AnswerHeaders.Add(answer, AnswerHeaders.LocationName, context.Document);
            }

            if (Has<IdempotentRoute>())
            {
                AnswerHeaders.Add(answer, IdempotentRequest.ReplayedHeader, context.Document);
            }

            if (Has<VersionedRoute>() && context.Description.HttpMethod is not "DELETE")
            {
                AnswerHeaders.Add(answer, AnswerHeaders.VersionName, context.Document);
                AnswerHeaders.Add(answer, AnswerHeaders.WarningName, context.Document);
            }

            if (Has<MaskingRoute>())
            {
                AnswerHeaders.Add(answer, AnswerHeaders.MaskedName, context.Document);
            }
        }
    }

    private IEnumerable<(string Status, OpenApiResponse Answer)> Successes =>
        operation.Responses!.Where(answer => answer.Value.Content?.ContainsKey(ProblemAnswer.MediaType) is not true)
            .Select(answer => (answer.Key, (OpenApiResponse)answer.Value));

    private AccessPolicy? Policy => _metadata.OfType<AccessPolicy>().LastOrDefault();

    private bool ActsInTenant =>
        operation.Parameters!.Any(parameter => parameter.Name is "tenant_id")
        || _metadata.OfType<IAcceptsMetadata>().Any(body => body.RequestType is { } type && (type.GetProperty("TenantId") ?? type.GetProperty("Items")) is not null);

    /// <summary>A search by POST writes nothing.</summary>
    private bool IsWrite(AccessPolicy policy) => context.Description.HttpMethod is not "GET" && policy.Scope is not Scopes.Read;

    private bool Has<T>() => _metadata.OfType<T>().Any();

    private static string? Text(JsonNode? node) => node?.GetValue<string>();
}
