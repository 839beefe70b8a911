using System.Net;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Postgres;

/// <summary>The two halves of the server as processes of their own on one database.</summary>
public sealed class RoleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("api")]
    [InlineData("worker")]
    public async Task On_a_file_there_is_one_process_and_so_no_such_role(string role)
    {
        var ending = await ServerProcess.RunAsync(_folder, role);

        Assert.Equal(78, ending.Code);
        Assert.Matches("^memoir: MEMORY_DATABASE_URL: .*PostgreSQL", Assert.Single(ending.ErrorLines));
    }

    [Fact]
    public async Task What_an_api_process_queues_a_worker_does_and_it_answers_its_operators_alone()
    {
        var name = await PostgresServer.CreateAsync();
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        (string, string)[] variables =
        [
            ("MEMORY_DATABASE_URL", PostgresServer.ApplicationUrlOf(name)), ("MEMORY_DATABASE_ADMIN_URL", PostgresServer.OwnerUrlOf(name)),
            ("MEMORY_DATABASE_POOL_SIZE", "5"), ("MEMORY_API_KEYS", TestApp.OperatorKey), ("MEMORY_EMBEDDING_PROVIDER", "openai"),
            ("MEMORY_EMBEDDING_BASE_URL", provider.Url), ("MEMORY_EMBEDDING_DIMENSIONS", "64"),
        ];
        await using var api = await ServerProcess.StartAsAsync("api", _folder, variables);
        using var client = Client(api);
        var stored = await client.StoreAsync("I keep bees.");
        Assert.Equal("pending", stored.Text("embedding_status"));

        await using var worker = await ServerProcess.StartAsAsync("worker", _folder, variables);
        using var operators = Client(worker);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status") != "completed")
        {
            await Task.Delay(20, limit.Token); // The answer is the only sign of the worker's work.
        }

        Assert.Equal(HttpStatusCode.OK, (await operators.GetAsync("/health", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await operators.GetAsync("/v1/admin/readiness", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await operators.GetAsync("/metrics", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await operators.GetAsync($"/v1/messages/{stored.Text("id")}", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await operators.SendAsync("POST", "/v1/messages", """{"conversation_id":"c1","role":"user","content":"x"}""")).StatusCode);
    }

    [Fact]
    public async Task A_worker_behind_a_pooler_listens_past_it_with_the_applications_role()
    {
        var name = await PostgresServer.CreateAsync();
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        (string, string)[] variables =
        [
            ("MEMORY_API_KEYS", TestApp.OperatorKey), ("MEMORY_EMBEDDING_PROVIDER", "openai"), ("MEMORY_EMBEDDING_BASE_URL", provider.Url),
            ("MEMORY_EMBEDDING_DIMENSIONS", "64"), ("MEMORY_JOB_POLL_INTERVAL", "00:05:00"), ("MEMORY_DATABASE_PREPARE", "false"),
            ("MEMORY_DATABASE_URL", PostgresServer.PooledUrlOf(name)),
        ];
        await using var worker = await ServerProcess.StartAsAsync("worker", _folder, [.. variables, ("MEMORY_DATABASE_ADMIN_URL", PostgresServer.ApplicationUrlOf(name))]);
        await using var api = await ServerProcess.StartAsAsync("api", _folder, variables);
        using var client = Client(api);

        var stored = await client.StoreAsync("I keep bees.");

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status") != "completed")
        {
            await Task.Delay(20, limit.Token); // The answer is the only sign of the worker's work.
        }
    }

    private static HttpClient Client(ServerProcess process)
    {
        var client = process.Client();
        client.DefaultRequestHeaders.Add("x-api-key", TestApp.OperatorKey);
        client.DefaultRequestHeaders.Add("X-Tenant-ID", "acme");
        return client;
    }
}
