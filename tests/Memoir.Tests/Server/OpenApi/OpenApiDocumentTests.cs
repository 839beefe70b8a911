using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.OpenApi;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.OpenApi;

public sealed class OpenApiDocumentTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task The_document_is_openapi_3_1_and_readable_as_such()
    {
        var text = await shared.App.CreateClient().GetStringAsync("/openapi.json", Ct);

        var read = OpenApiDocument.Parse(text, "json");

        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic?.SpecificationVersion);
        Assert.Empty(read.Diagnostic?.Errors.Select(error => error.ToString()) ?? []);
    }

    [Fact]
    public async Task It_lists_every_route_of_the_program()
    {
        var contract = await Contract.ReadAsync(shared.App);

        Assert.Equal(contract.Routes.Order(StringComparer.Ordinal), contract.Operations.Select(operation => operation.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_operation_has_an_id_of_its_own_and_a_summary_and_a_tag_that_is_described()
    {
        var contract = await Contract.ReadAsync(shared.App);
        var tags = contract.Document.GetProperty("tags").EnumerateArray().Select(tag => (tag.Text("name"), Text: tag.TryGetProperty("description", out var text) ? text.GetString() : null));

        Assert.All(tags, tag => Assert.False(string.IsNullOrEmpty(tag.Text), $"{tag} has no description; add it to operations.json"));
        Assert.All(contract.Operations, operation =>
        {
            Assert.True(operation.Value.TryGetProperty("operationId", out var id), $"{operation.Name} has no operation_id in operations.json");
            Assert.Matches("^[a-z][A-Za-z]+$", id.GetString()!);
            Assert.False(string.IsNullOrEmpty(operation.Value.Text("summary")), operation.Name);
            Assert.Single(operation.Value.GetProperty("tags").EnumerateArray());
        });
        var ids = contract.Operations.Select(operation => operation.Value.Text("operationId")).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task Notes_are_about_routes_that_exist()
    {
        var contract = await Contract.ReadAsync(shared.App);

        Assert.Empty(shared.App.Services.GetRequiredService<OperationNotes>().Operations.Except(contract.Routes));
    }

    [Fact]
    public async Task Every_reference_resolves()
    {
        var contract = await Contract.ReadAsync(shared.App);

        var references = References(contract.Document).Distinct().ToList();

        Assert.NotEmpty(references);
        Assert.All(references, reference =>
        {
            var place = contract.Document;
            foreach (var step in reference.Split('/').Skip(1))
            {
                Assert.True(place.TryGetProperty(step.Replace("~1", "/", StringComparison.Ordinal), out place), reference);
            }
        });
    }

    [Fact]
    public async Task Every_parameter_is_described_with_its_form()
    {
        var contract = await Contract.ReadAsync(shared.App);

        Assert.All(contract.Operations, operation => Assert.All(operation.Parameters, parameter =>
        {
            var name = $"{operation.Name}: {parameter.Text("name")}";
            Assert.True(parameter.TryGetProperty("description", out var text) && text.GetString() is { Length: > 0 }, $"{name} has no description; add it to operations.json");
            Assert.True(parameter.GetProperty("schema").TryGetProperty("type", out _), $"{name} has no type");
            Assert.True(
                parameter.Text("in") != "path" || (parameter.GetProperty("required").GetBoolean() && parameter.TryGetProperty("example", out _)),
                $"{name} must be required and have an example");
            Assert.Matches("^([a-z0-9_]+|[A-Z][A-Za-z-]+)$", parameter.Text("name")!);
        }));
    }

    [Fact]
    public async Task Every_refusal_is_a_problem_with_an_example_of_that_status_for_each_slug()
    {
        var contract = await Contract.ReadAsync(shared.App);
        var examples = contract.Document.GetProperty("components").GetProperty("examples");

        Assert.All(contract.Operations, operation =>
        {
            var refusals = operation.Answers.Where(IsProblem).ToList();
            Assert.NotEmpty(refusals);
            foreach (var refusal in refusals)
            {
                var content = refusal.Value.GetProperty("content").GetProperty(ProblemAnswer.MediaType);
                Assert.Equal("#/components/schemas/Problem", content.GetProperty("schema").Text("$ref"));
                Assert.All(content.GetProperty("examples").EnumerateObject(), example =>
                {
                    var value = examples.GetProperty(example.Name).GetProperty("value");
                    Assert.Equal(refusal.Name, value.GetProperty("status").GetRawText());
                    Assert.Equal(Problems.Prefix + example.Name, value.Text("type"));
                    Assert.Contains($"`{example.Name}`", refusal.Value.Text("description"), StringComparison.Ordinal);
                });
            }
        });
    }

    [Fact]
    public async Task A_route_states_only_refusals_that_it_can_give()
    {
        var contract = await Contract.ReadAsync(shared.App);

        string[] Of(string name) => [.. contract.Operations.Single(operation => operation.Name == name).Answers.Select(answer => answer.Name)];

        Assert.Equal(["200", "400", "500"], Of("GET /health"));
        Assert.Equal(["200", "400", "429", "500", "503"], Of("GET /v1/admin/health"));
        Assert.Equal(["200", "400", "401", "403", "422", "429", "500", "503", "504"], Of("GET /v1/memory/search"));
        Assert.Equal(["200", "400", "401", "403", "413", "415", "422", "429", "500", "503", "504"], Of("POST /v1/memory/search"));
        Assert.Equal(["200", "400", "401", "403", "404", "422", "429", "500", "503", "504"], Of("GET /v1/messages/{id}"));
        Assert.Equal(["202", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503", "504", "507"], Of("POST /v1/messages"));
    }

    [Fact]
    public async Task Every_header_that_a_client_goes_by_is_described()
    {
        var contract = await Contract.ReadAsync(shared.App);

        string[] Of(string name, string status) => contract.Operations.Single(operation => operation.Name == name).Value
            .GetProperty("responses").GetProperty(status).GetProperty("headers").Members();

        string[] limits = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
        Assert.All(contract.Operations, operation => Assert.All(operation.Answers, answer => Assert.Contains("X-Request-ID", answer.Value.GetProperty("headers").Members())));
        Assert.Equal(["X-Request-ID", .. limits, "Location", "Idempotency-Replayed"], Of("POST /v1/messages", "202"));
        Assert.Equal(["X-Request-ID", "Retry-After"], Of("POST /v1/messages", "503"));
        Assert.Equal(["X-Request-ID", "WWW-Authenticate"], Of("GET /v1/memory/search", "401"));
        Assert.Equal(["X-Request-ID", .. limits], Of("GET /v1/memory/search", "200"));
        Assert.Equal(["X-Request-ID", "Retry-After", .. limits], Of("GET /v1/memory/search", "429"));
        Assert.Equal(["X-Request-ID"], Of("GET /health", "200"));
    }

    [Fact]
    public async Task It_spells_members_as_the_wire_does()
    {
        var contract = await Contract.ReadAsync(shared.App);

        var schemas = contract.Document.GetProperty("components").GetProperty("schemas");
        var stored = await shared.App.As("acme").StoreAsync("x");
        Assert.Equal([.. stored.Members(), "archived_at", "masked", "duplicate_of", "quarantine"], schemas.GetProperty("MessageResponse").GetProperty("properties").Members());
        Assert.All(schemas.EnumerateObject(), schema =>
        {
            if (schema.Value.TryGetProperty("properties", out var properties))
            {
                Assert.All(properties.Members(), name => Assert.Matches("^[a-z0-9_]+$", name));
            }
        });
    }

    private static bool IsProblem(JsonProperty answer) =>
        answer.Value.TryGetProperty("content", out var content) && content.TryGetProperty(ProblemAnswer.MediaType, out _);

    private static IEnumerable<string> References(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member =>
            member is { Name: "$ref", Value.ValueKind: JsonValueKind.String } ? [member.Value.GetString()!] : References(member.Value)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
