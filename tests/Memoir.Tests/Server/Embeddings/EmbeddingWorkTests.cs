using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Embedding;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Embeddings;

/// <summary>When and how a store's vectors are made: in a job or before the answer, within the limits, in spite of a poisonous text.</summary>
public sealed class EmbeddingWorkTests : IAsyncLifetime
{
    private ScriptedEmbeddingServer _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await ScriptedEmbeddingServer.StartAsync();

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Fact]
    public async Task One_poisonous_text_fails_alone_and_the_rest_of_its_batch_is_embedded()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        _provider.IsPoison = text => text.Contains("poison", StringComparison.Ordinal);
        await client.StoreManyAsync(Enumerable.Range(0, 70).Select(i => Message(i == 33 ? "poison" : $"number {i}")));

        await server.RunJobsAsync();

        var listed = (await client.ReadAsync("/v1/conversations/c1/messages?limit=200")).Items();
        Assert.Equal(["poison"], listed.Where(item => item.Text("embedding_status") == "failed").Select(item => item.Text("content")!));
        Assert.Equal(69, listed.Count(item => item.Text("embedding_status") == "completed"));
        Assert.Equal(["poison"], (await client.SearchAsync("poison", ("top_k", 1))).Each("content"));
    }

    [Fact]
    public async Task A_job_that_gives_up_says_nothing_of_messages_that_were_replaced_or_embedded_meanwhile()
    {
        await using var server = await StartAsync();
        var (client, database, vectors) = (server.As("acme"), server.Services.GetRequiredService<Database>(), server.Services.GetRequiredService<MemoryVectors>());
        var ids = (await client.StoreManyAsync(Message("old kettle", ("external_id", "e")), Message("a piano"), Message("a river"))).Each("id");
        var asked = await database.ReadAsync(new Tenant("acme"), session => MemoryStore.ListByIdAsync(session, [.. ids.Select(Guid.Parse)]), Ct);
        _provider.IsPoison = text => text == "a river";
        await client.StoreAsync("new kettle", ("external_id", "e"));
        await server.RunJobsAsync();

        await database.WriteAsync(
            new Tenant("acme"), session => EmbeddedMemories.FailAsync(session, asked, vectors.Of(session.Tenant).Generation, vectors), Ct);

        var listed = (await client.ReadAsync("/v1/conversations/c1/messages")).Items();
        Assert.Equal(
            ["a piano completed", "a river failed", "new kettle completed"],
            listed.Select(item => $"{item.Text("content")} {item.Text("embedding_status")}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Jobs_that_exceed_the_limit_of_requests_wait_without_spending_an_attempt()
    {
        await using var server = await StartAsync(("EmbeddingMaxRequestsPerMinute", "1"));
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 128).Select(i => Message($"number {i}")));

        for (var minute = 1; minute <= 4; minute++)
        {
            await server.RunJobsAsync();

            Assert.Equal(minute, _provider.Requests.Count);
            Assert.Equal(32 * minute, await CompletedAsync(client));
            Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs WHERE status IN ('failed', 'dead')"));
            Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs WHERE status = 'queued' AND attempts > 0"));
            server.Time.Advance(TimeSpan.FromSeconds(61));
        }

        await server.RunJobsAsync();
        Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs WHERE status <> 'succeeded'"));
    }

    [Fact]
    public async Task A_search_whose_vector_would_have_to_wait_answers_by_words_and_says_so()
    {
        await using var server = await StartAsync(("EmbeddingMaxRequestsPerMinute", "1"));
        var client = server.As("acme");
        await client.StoreAsync("I keep bees.");
        await server.RunJobsAsync();

        var limited = await client.SearchAsync("bees");
        server.Time.Advance(TimeSpan.FromSeconds(61));
        var later = await client.SearchAsync("bees");

        Assert.Equal(["I keep bees."], limited.Each("content"));
        Assert.True(limited.GetProperty("degraded").GetBoolean());
        Assert.Contains("limited", limited.Text("degraded_reason"), StringComparison.Ordinal);
        Assert.DoesNotContain("degraded", later.Members());
    }

    [Fact]
    public async Task A_provider_that_says_how_long_to_wait_is_waited_for()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        _provider.RetryAfter = "600";
        _provider.Script(EmbeddingBehaviour.RateLimited);
        await client.StoreAsync("I keep bees.");
        await server.RunJobsAsync();
        server.Time.Advance(TimeSpan.FromSeconds(590));
        await server.RunJobsAsync();
        Assert.Single(_provider.Requests);
        Assert.Equal(0, await CountAsync(server, "SELECT MAX(attempts) FROM jobs"));

        server.Time.Advance(TimeSpan.FromSeconds(11));
        await server.RunJobsAsync();

        Assert.Equal(1, await CompletedAsync(client));
    }

    [Fact]
    public async Task Without_async_embeddings_the_vector_is_there_before_the_answer()
    {
        await using var server = await StartAsync(("AsyncEmbeddings", "false"));
        var client = server.As("acme");

        var stored = await client.StoreAsync("I keep bees.");

        Assert.Equal("completed", stored.Text("embedding_status"));
        Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs"));
        Assert.Equal(1, await CountAsync(server, "SELECT COUNT(*) FROM embeddings"));
        Assert.True((await client.SearchAsync("I keep bees.", ("mode", "semantic"))).Items()[0].Number("similarity") > 0.95);
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.ServerError)]
    [InlineData(EmbeddingBehaviour.Hang)]
    [InlineData(EmbeddingBehaviour.NotANumber)]
    [InlineData(EmbeddingBehaviour.Unauthorized)]
    [InlineData(EmbeddingBehaviour.RateLimited)]
    internal async Task Without_async_embeddings_a_failing_provider_leaves_the_vector_to_a_job(EmbeddingBehaviour behaviour)
    {
        await using var server = await StartAsync(("AsyncEmbeddings", "false"), ("EmbeddingDocumentTimeout", "00:00:00.2"));
        var client = server.As("acme");
        _provider.Behaviour = behaviour;

        var stored = await client.StoreAsync("I keep bees.");

        Assert.Equal("pending", stored.Text("embedding_status"));
        _provider.Behaviour = EmbeddingBehaviour.Good;
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await server.RunJobsAsync();
        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
    }

    [Fact]
    public async Task Without_async_embeddings_a_batch_keeps_what_was_made_and_queues_the_rest()
    {
        await using var server = await StartAsync(("AsyncEmbeddings", "false"));
        var client = server.As("acme");
        _provider.Script(EmbeddingBehaviour.Good);
        _provider.Behaviour = EmbeddingBehaviour.ServerError;

        await client.StoreManyAsync(Enumerable.Range(0, 40).Select(i => Message($"number {i}")));

        Assert.Equal(32, await CompletedAsync(client));
        _provider.Behaviour = EmbeddingBehaviour.Good;
        await server.RunJobsAsync();
        Assert.Equal(40, await CompletedAsync(client));
    }

    [Fact]
    public async Task Without_async_embeddings_a_replaced_message_gets_the_vector_of_its_new_words()
    {
        await using var server = await StartAsync(("AsyncEmbeddings", "false"));
        var client = server.As("acme");
        await client.StoreAsync("old kettle", ("external_id", "e"));

        await client.StoreAsync("new piano", ("external_id", "e"));

        Assert.Equal(1, await CountAsync(server, "SELECT COUNT(*) FROM embeddings"));
        Assert.True((await client.SearchAsync("new piano", ("mode", "semantic"))).Items()[0].Number("similarity") > 0.95);
    }

    [Fact]
    public async Task The_time_an_embedding_took_is_measured_by_provider_and_outcome()
    {
        await using var server = await StartAsync();
        await server.As("acme").StoreAsync("I keep bees.");
        await server.RunJobsAsync();
        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        await server.As("acme").SearchAsync("bees");

        var metrics = await (await server.WithKey(TestApp.OperatorKey).GetAsync("/metrics", Ct)).Content.ReadAsStringAsync(Ct);

        Assert.Matches("embedding_generation_duration_seconds_count\\{[^}]*provider=\"openai\"[^}]*outcome=\"succeeded\"[^}]*\\} [1-9]", metrics);
        Assert.Matches("embedding_generation_duration_seconds_count\\{[^}]*provider=\"openai\"[^}]*outcome=\"failed\"[^}]*\\} [1-9]", metrics);
        Assert.Contains("jobs_processed_total{kind=\"embed-memories\",outcome=\"succeeded\"} 1", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Readiness_tells_provider_and_circuit()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        Assert.Equal("openai: not asked yet, circuit closed", await ReadinessAsync(client));
        await client.SearchAsync("bees");
        Assert.Equal("openai: answers, circuit closed", await ReadinessAsync(client));

        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        for (var i = 0; i < 8; i++)
        {
            await client.SearchAsync($"bees {i}");
        }

        Assert.Equal("openai: fails (Unavailable), circuit open, nothing is sent", await ReadinessAsync(client));
        await using var plain = await TestApp.StartAsync(TestEngines.Current);
        Assert.Equal("builtin: made in this process", await ReadinessAsync(plain.As("acme")));
    }

    private static async Task<string?> ReadinessAsync(HttpClient client) =>
        (await client.ReadAsync("/v1/admin/readiness")).GetProperty("dependencies").GetProperty("embeddings").Text("detail");

    private static async Task<int> CompletedAsync(HttpClient client) =>
        (await client.ReadAsync("/v1/conversations/c1/messages?limit=200")).Items().Count(item => item.Text("embedding_status") == "completed");

    private static Task<long> CountAsync(TestApp server, string sql) => RawDatabase.CountAsync(server, "acme", sql);

    private Task<TestApp> StartAsync(params (string Key, string? Value)[] settings) => TestApp.StartAsync(
        TestEngines.Current,
        [
            ("EmbeddingProvider", "openai"), ("EmbeddingBaseUrl", _provider.Url), ("EmbeddingDimensions", "64"), ("EmbeddingDocumentRetries", "0"),
            ("EmbeddingRetryDelay", "00:00:00.001"), ("EmbeddingQueryTimeout", "00:00:00.5"), .. settings,
        ]);
}
