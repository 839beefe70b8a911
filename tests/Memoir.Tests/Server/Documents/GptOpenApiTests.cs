using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using Microsoft.OpenApi;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Documents;

/// <summary>The document that is pasted into a Custom GPT, within the limits that such an action has.</summary>
public sealed class GptOpenApiTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Url = "/gpt/openapi.json";

    [Fact]
    public async Task Anyone_may_read_it_and_it_is_openapi_3_1()
    {
        var answer = await shared.App.CreateClient().GetAsync(Url, Ct);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        var read = OpenApiDocument.Parse(text, "json");

        Assert.Equal((HttpStatusCode.OK, "application/json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        Assert.StartsWith("3.1", Parse(text).Text("openapi"), StringComparison.Ordinal);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic?.SpecificationVersion);
        Assert.Empty(read.Diagnostic?.Errors.Select(error => error.ToString()) ?? []);
        Assert.InRange(text.Length, 1000, 100_000);
    }

    [Fact]
    public async Task It_has_the_operations_of_a_users_memory_and_no_others()
    {
        var operations = await OperationsAsync();

        Assert.Equal(
            [
                "DELETE /memory/{user_id}", "GET /memory/{user_id}", "GET /memory/{user_id}/history", "GET /memory/{user_id}/history/{version}",
                "PATCH /memory/{user_id}", "POST /memory/{user_id}", "POST /memory/{user_id}/restore",
            ],
            operations.Select(operation => operation.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_operation_says_what_an_action_needs()
    {
        var operations = await OperationsAsync();

        Assert.All(operations, operation =>
        {
            Assert.Matches("^[a-zA-Z][a-zA-Z0-9_-]*$", operation.Value.Text("operationId"));
            Assert.InRange(operation.Value.Text("summary")!.Length, 1, 300);
            Assert.Equal(operation.Name.StartsWith("DELETE", StringComparison.Ordinal), operation.Value.GetProperty("x-openai-isConsequential").GetBoolean());
            Assert.Equal("""[{"bearer":[]}]""", JsonSerializer.Serialize(operation.Value.GetProperty("security")));
            foreach (var parameter in operation.Value.GetProperty("parameters").EnumerateArray())
            {
                Assert.Contains(parameter.Text("in"), (string[])["path", "query"]);
                Assert.NotEqual("tenant_id", parameter.Text("name"));
            }
        });
        var ids = operations.Select(operation => operation.Value.Text("operationId")).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task No_description_is_longer_than_an_action_takes()
    {
        var document = await shared.App.CreateClient().ReadAsync(Url);

        var texts = Texts(document).ToList();

        Assert.NotEmpty(texts);
        Assert.All(texts, text => Assert.InRange(text.Length, 1, 300));
    }

    [Fact]
    public async Task Every_reference_resolves()
    {
        var document = await shared.App.CreateClient().ReadAsync(Url);

        Assert.All(References(document).Distinct(), reference =>
        {
            var place = document;
            foreach (var step in reference.Split('/').Skip(1))
            {
                Assert.True(place.TryGetProperty(step.Replace("~1", "/", StringComparison.Ordinal), out place), reference);
            }
        });
        Assert.Equal(["bearer"], document.GetProperty("components").GetProperty("securitySchemes").Members());
    }

    [Fact]
    public async Task Its_one_server_is_the_public_address_or_the_one_that_was_called()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current, ("PublicUrl", "https://memory.example.com/base/"));

        var named = await server.CreateClient().ReadAsync(Url);
        var called = await shared.App.CreateClient().ReadAsync(Url);

        Assert.Equal("""[{"url":"https://memory.example.com/base"}]""", JsonSerializer.Serialize(named.GetProperty("servers")));
        Assert.Equal("""[{"url":"http://localhost"}]""", JsonSerializer.Serialize(called.GetProperty("servers")));
    }

    private async Task<IReadOnlyList<(string Name, JsonElement Value)>> OperationsAsync()
    {
        var document = await shared.App.CreateClient().ReadAsync(Url);
        return [.. from path in document.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            select ($"{operation.Name.ToUpperInvariant()} {path.Name}", operation.Value)];
    }

    private static IEnumerable<string> Texts(JsonElement value) => Members(value)
        .Where(member => member is { Name: "description" or "summary", Value.ValueKind: JsonValueKind.String }).Select(member => member.Value.GetString()!);

    private static IEnumerable<string> References(JsonElement value) => Members(value).Where(member => member.Name == "$ref").Select(member => member.Value.GetString()!);

    private static IEnumerable<JsonProperty> Members(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member => Members(member.Value).Prepend(member)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Members),
        _ => [],
    };
}
