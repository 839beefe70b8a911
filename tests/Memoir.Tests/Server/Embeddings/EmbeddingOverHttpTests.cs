using System.Globalization;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Embeddings;

/// <summary>A provider elsewhere: whatever it does, a store never fails and a search always answers.</summary>
public sealed class EmbeddingOverHttpTests : IAsyncLifetime
{
    private const string Key = "sk-embedding-secret-8d2f";

    private ScriptedEmbeddingServer _provider = null!;
    private TestApp _server = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await ScriptedEmbeddingServer.StartAsync();
        _server = await TestApp.StartAsync(
            TestEngines.Current, ("EmbeddingProvider", "openai"), ("EmbeddingBaseUrl", _provider.Url), ("EmbeddingApiKey", Key), ("EmbeddingDimensions", "64"),
            ("EmbeddingDocumentRetries", "0"), ("EmbeddingRetryDelay", "00:00:00.001"), ("EmbeddingQueryTimeout", "00:00:00.5"),
            ("EmbeddingDocumentTimeout", "00:00:00.5"), ("EmbeddingBreakDuration", "00:00:00.5"), ("LogLevel", "DEBUG"));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task A_store_answers_pending_without_asking_the_provider()
    {
        var stored = await _server.As("acme").StoreAsync("I keep bees.");

        Assert.Equal("pending", stored.Text("embedding_status"));
        Assert.Empty(_provider.Requests);
    }

    [Fact]
    public async Task The_job_completes_the_vector_and_a_search_uses_it()
    {
        var client = _server.As("acme");
        var stored = await client.StoreAsync("I keep bees.");

        await _server.RunJobsAsync();

        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
        var item = (await client.SearchAsync("I keep bees.", ("mode", "semantic"), ("explain", true))).Items()[0];
        Assert.True(item.Number("similarity") > 0.95, item.GetRawText());
        Assert.Equal(item.GetProperty("explain").Number("semantic"), item.Number("similarity"));
    }

    [Fact]
    public async Task A_message_without_its_vector_is_found_by_its_words_at_once()
    {
        var client = _server.As("acme");
        await client.StoreAsync("I keep bees.");

        var answer = await client.SearchAsync("bees", ("explain", true));

        Assert.Equal(["I keep bees."], answer.Each("content"));
        Assert.DoesNotContain("degraded", answer.Members());
        Assert.Equal("Null", $"{answer.Items()[0].GetProperty("explain").GetProperty("semantic").ValueKind}");
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.ServerError)]
    [InlineData(EmbeddingBehaviour.RateLimited)]
    [InlineData(EmbeddingBehaviour.Unauthorized)]
    [InlineData(EmbeddingBehaviour.Html)]
    [InlineData(EmbeddingBehaviour.WrongDimension)]
    [InlineData(EmbeddingBehaviour.NotANumber)]
    [InlineData(EmbeddingBehaviour.Infinite)]
    [InlineData(EmbeddingBehaviour.Enormous)]
    [InlineData(EmbeddingBehaviour.TooFew)]
    [InlineData(EmbeddingBehaviour.Reset)]
    [InlineData(EmbeddingBehaviour.Hang)]
    internal async Task A_provider_that_fails_or_lies_degrades_the_search_and_never_the_store(EmbeddingBehaviour behaviour)
    {
        var client = _server.As("acme");
        _provider.Behaviour = behaviour;
        await client.StoreAsync("I keep bees.");
        await _server.RunJobsAsync();

        var hybrid = await client.SearchAsync("bees");
        var semantic = await client.SearchAsync("bees", ("mode", "semantic"));
        var lexical = await client.SearchAsync("bees", ("mode", "lexical"));

        foreach (var answer in (System.Text.Json.JsonElement[])[hybrid, semantic])
        {
            Assert.Equal(["I keep bees."], answer.Each("content"));
            Assert.True(answer.GetProperty("degraded").GetBoolean());
            Assert.NotEmpty(answer.Text("degraded_reason")!);
            Assert.DoesNotContain(Key, answer.GetRawText(), StringComparison.Ordinal);
        }

        var listed = await client.ReadAsync("/v1/memories?query=bees");
        Assert.Equal("I keep bees.", listed.GetProperty("memories")[0].Text("content"));
        Assert.True(listed.GetProperty("degraded").GetBoolean());
        Assert.NotEmpty(listed.Text("degraded_reason")!);

        Assert.DoesNotContain("degraded", lexical.Members());
    }

    [Fact]
    public async Task After_the_last_attempt_the_message_says_that_it_failed()
    {
        var client = _server.As("acme");
        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        var stored = await client.StoreAsync("I keep bees.");
        var url = $"/v1/messages/{stored.Text("id")}";

        for (var attempt = 1; attempt <= 7; attempt++)
        {
            await _server.RunJobsAsync();
            Assert.Equal("pending", (await client.ReadAsync(url)).Text("embedding_status"));
            _server.Time.Advance(TimeSpan.FromMinutes(6));
        }

        await _server.RunJobsAsync();

        Assert.Equal("failed", (await client.ReadAsync(url)).Text("embedding_status"));
        Assert.Single((await client.SearchAsync("bees")).Items());
    }

    [Fact]
    public async Task A_provider_that_comes_back_gets_what_waited()
    {
        var client = _server.As("acme");
        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        var stored = await client.StoreAsync("I keep bees.");
        await _server.RunJobsAsync();
        _provider.Behaviour = EmbeddingBehaviour.Good;
        _server.Time.Advance(TimeSpan.FromMinutes(6));

        await _server.RunJobsAsync();

        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
        Assert.DoesNotContain("degraded", (await client.SearchAsync("bees")).Members());
    }

    [Fact]
    public async Task A_message_replaced_while_its_vector_was_made_gets_the_vector_of_its_new_words()
    {
        var client = _server.As("acme");
        await client.StoreAsync("old kettle", ("external_id", "e"));
        var stored = await client.StoreAsync("new piano", ("external_id", "e"));

        await _server.RunJobsAsync();

        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
        var item = (await client.SearchAsync("new piano", ("mode", "semantic"))).Items()[0];
        Assert.True(item.Number("similarity") > 0.95, item.GetRawText());
    }

    [Fact]
    public async Task Vectors_survive_a_restart_and_a_patch()
    {
        var client = _server.As("acme");
        var stored = await client.StoreAsync("I keep bees.");
        await _server.RunJobsAsync();

        await client.SendAsync("PATCH", $"/v1/messages/{stored.Text("id")}", """{"metadata":{"a":1}}""");

        var item = (await client.SearchAsync("I keep bees.", ("mode", "semantic"))).Items()[0];
        Assert.True(item.Number("similarity") > 0.95, item.GetRawText());
        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
    }

    [Fact]
    public async Task Readiness_tells_of_a_provider_that_fails_and_stays_200()
    {
        var client = _server.As("acme");
        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        await client.SearchAsync("bees");

        var answer = await client.ReadAsync("/v1/admin/readiness");

        Assert.Equal("degraded", answer.Text("status"));
        Assert.Equal("degraded", answer.GetProperty("dependencies").GetProperty("embeddings").Text("status"));
    }

    [Fact]
    public async Task Neither_query_nor_content_nor_key_is_in_any_log_line()
    {
        var client = _server.As("acme");
        foreach (var behaviour in (EmbeddingBehaviour[])[EmbeddingBehaviour.Good, EmbeddingBehaviour.Unauthorized, EmbeddingBehaviour.Html, EmbeddingBehaviour.Reset])
        {
            _provider.Behaviour = behaviour;
            await client.StoreAsync("canarycontent");
            await client.SearchAsync("canaryquery");
            await _server.RunJobsAsync();
            _server.Time.Advance(TimeSpan.FromMinutes(10));
        }

        var log = _server.Log.Text;

        Assert.NotEmpty(log);
        foreach (var secret in (string[])["canarycontent", "canaryquery", Key])
        {
            Assert.DoesNotContain(secret, log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_batch_is_embedded_in_few_requests()
    {
        var client = _server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(0, 100).Select(i => Message($"number {i}")));

        await _server.RunJobsAsync();

        Assert.InRange(_provider.Requests.Count, 1, 6);
        var listed = await client.ReadAsync("/v1/conversations/c1/messages?limit=200");
        Assert.All(listed.Items(), item => Assert.Equal("completed", item.Text("embedding_status")));
        var best = (await client.SearchAsync(string.Create(CultureInfo.InvariantCulture, $"number {42}"), ("mode", "semantic"), ("top_k", 1))).Items()[0];
        Assert.True(best.Number("similarity") > 0.95, best.GetRawText());
    }
}
