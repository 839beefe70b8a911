using System.Globalization;
using System.Text.Json;
using Memoir.Server.Wire;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.OpenApi;

/// <summary>The examples of the document are what the server really takes and answers.</summary>
public sealed class ExampleTests(SharedServer shared) : IClassFixture<SharedServer>
{
    // They need something that is not there on a fresh server with one message, or take it away from the others. The tests
    // of their rooms call them.
    private static readonly string[] NotTried =
    [
        "GET /memory/{user_id}",
        "DELETE /v1/messages/{id}",
        "DELETE /v1/memories/{id}",
        "DELETE /v1/admin/keys/{id}",
        "DELETE /v1/admin/blocked-addresses/{address}",
        "DELETE /v1/tenants/{tenant_id}/data",
        "GET /v1/jobs/{id}",
        "POST /v1/jobs/{id}/retry",
        "DELETE /v1/jobs/{id}",
        "POST /v1/admin/embeddings/rollback",
        "DELETE /v1/admin/quality/policies/{tenant_id}",
        "DELETE /v1/admin/retention/policies/{tenant_id}",
        "PUT /v1/admin/retention/holds/{name}",
        "DELETE /v1/admin/retention/holds/{name}",
        "GET /v1/erasures/{id}",
        "POST /v1/quarantine/{id}/release",
        "POST /v1/admin/import",
        "POST /v1/admin/backups",
        "GET /v1/admin/backups/{name}",
        "POST /v1/admin/backups/{name}/verify",
    ];

    [Fact]
    public async Task Every_body_has_an_example()
    {
        var contract = await Contract.ReadAsync(shared.App);

        Assert.All(contract.Operations, operation =>
        {
            Assert.True(operation.RequestType is null || operation.RequestExample is not null, $"{operation.Name} has no \"request\" in operations.json");
            Assert.True(operation.AnswerType is null || operation.AnswerType == typeof(void) || operation.AnswerExample is not null, $"{operation.Name} has no \"answer\" in operations.json");
        });
    }

    [Fact]
    public async Task Every_example_is_read_by_the_strict_reader_of_its_contract()
    {
        var contract = await Contract.ReadAsync(shared.App);

        Assert.All(contract.Operations, operation =>
        {
            if (operation.RequestExample is { } request)
            {
                Assert.NotNull(request.Deserialize(WireJson.Options.GetTypeInfo(operation.RequestType!)));
            }

            if (operation.AnswerExample is { ValueKind: JsonValueKind.Object } answer)
            {
                var type = WireJson.Options.GetTypeInfo(operation.AnswerType!);
                var again = JsonSerializer.SerializeToElement(answer.Deserialize(type), type);
                Assert.True(JsonElement.DeepEquals(answer, again), $"{operation.Name}: {answer} became {again}");
            }
        });
    }

    [Fact]
    public async Task The_server_accepts_every_example_and_answers_as_the_document_says()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var contract = await Contract.ReadAsync(server);
        var client = server.WithKey(TestApp.OperatorKey);
        var stored = await client.StoreAsync("stored first", ("tenant_id", "default"));
        var values = new Dictionary<string, string> { ["id"] = stored.Text("id")! };

        Assert.Empty(NotTried.Except(contract.Routes));
        foreach (var operation in contract.Operations.Where(operation => !NotTried.Contains(operation.Name)))
        {
            var documented = operation.Success.Value.TryGetProperty("headers", out var headers) ? headers.Members() : [];
            var request = operation.RequestExample?.GetRawText();
            var answer = await client.SendAsync(operation.Method, operation.ExampleUrl(values), request);

            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True(((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture) == operation.Success.Name, $"{operation.Name}: {answer.StatusCode} {text}");
            Assert.Equal(documented.Contains("Location"), answer.Headers.Location is not null);
            if (operation.AnswerExample is { ValueKind: JsonValueKind.Object } example)
            {
                Assert.True(Parse(text).Members().SequenceEqual(example.Members()), $"{operation.Name}: {text}");
            }
        }
    }

    [Fact]
    public async Task A_route_takes_idempotency_keys_exactly_where_the_document_says_so()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var contract = await Contract.ReadAsync(server);

        foreach (var operation in contract.Operations.Where(operation => operation is { Method: "POST", RequestExample: not null }))
        {
            var client = server.WithKey(TestApp.OperatorKey);
            client.DefaultRequestHeaders.Add("Idempotency-Key", operation.Name);
            var body = operation.RequestExample!.Value.GetRawText();
            using var first = await client.SendAsync("POST", operation.ExampleUrl(new Dictionary<string, string>()), body);
            using var second = await client.SendAsync("POST", operation.ExampleUrl(new Dictionary<string, string>()), body);

            var isReplayed = second.Headers.Contains("Idempotency-Replayed");
            Assert.True(isReplayed == operation.Parameters.Any(p => p.Text("name") == "Idempotency-Key"), operation.Name);
            Assert.Equal(isReplayed, operation.Success.Value.GetProperty("headers").Members().Contains("Idempotency-Replayed"));
            client.DefaultRequestHeaders.Clear();
        }
    }
}
