using System.Net;
using System.Text.Json;
using Memoir.Kit.Jobs;
using Memoir.Server.Embeddings.Stored;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Embeddings;

/// <summary>A tenant's provider and model: chosen, changed, gone back on, and never compared with one another.</summary>
public sealed partial class EmbeddingChoiceTests : IAsyncLifetime
{
    private const string Url = "/v1/admin/embeddings";
    private const string Gemini = "google_gemini/gemini-embedding-001/96";

    private readonly string _folder = Directory.CreateTempSubdirectory("memoir").FullName;
    private ScriptedEmbeddingServer _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await ScriptedEmbeddingServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_tenant_that_chose_nothing_sees_what_the_server_does()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await client.StoreAsync("I keep bees.");

        var shown = await client.ReadAsync(Url);

        Assert.Equal(["current", "progress", "previous", "providers"], shown.Members());
        Assert.Equal(("openai", "server"), (shown.GetProperty("current").Text("provider"), shown.GetProperty("current").Text("chosen_by")));
        Assert.Equal((1, 0, 0, 1), Progress(shown));
        Assert.Empty(shown.GetProperty("previous").EnumerateArray());
        Assert.Equal(["builtin", "google_gemini", "openai"], shown.GetProperty("providers").EnumerateArray().Select(p => p.GetString()));
    }

    [Fact]
    public async Task A_changed_model_embeds_everything_anew_in_pages_while_searches_go_on()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 150);

        var chosen = await ChooseAsync(client);

        Assert.Equal((Gemini, "tenant"), (chosen.Text("generation"), chosen.Text("chosen_by")));
        Assert.Equal((150, 0, 0, 150), Progress(await client.ReadAsync(Url)));
        await AssertDegradedAsync(client, "hybrid", "number 42");
        await AssertDegradedAsync(client, "semantic", "number 42");
        Assert.DoesNotContain("degraded", (await client.SearchAsync("number 42", ("mode", "lexical"))).Members());

        Assert.Equal(1, await server.Services.GetRequiredService<JobWorker>().RunBatchAsync(Ct));
        Assert.Equal((150, 64, 0, 86), Progress(await client.ReadAsync(Url)));
        var listed = (await client.ReadAsync("/v1/conversations/c1/messages?limit=200")).Items();
        Assert.Equal(64, listed.Count(item => item.Text("embedding_status") == "completed"));
        Assert.Equal(86, listed.Count(item => item.Text("embedding_status") == "pending"));
        await AssertDegradedAsync(client, "semantic", "number 149");

        await server.RunJobsAsync();
        var shown = await client.ReadAsync(Url);
        Assert.Equal((150, 150, 0, 0), Progress(shown));
        Assert.Equal(["openai/text-embedding-3-small/64 kept 150"], Previous(shown));
        var answer = await client.SearchAsync("number 42", ("mode", "semantic"), ("top_k", 1));
        Assert.DoesNotContain("degraded", answer.Members());
        Assert.True(answer.Items()[0].Number("similarity") > 0.95, answer.GetRawText());
    }

    [Fact]
    public async Task Vectors_of_different_generations_are_never_compared()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 3);
        await client.SearchAsync("number 1", ("mode", "semantic"));

        // The new model sees the opposite of the old one: compared with old vectors its questions would find the wrong end.
        _provider.Vector = (text, dimensions) => [.. ScriptedEmbeddingServer.VectorOfWords(text, dimensions).Select(value => -value)];
        await ChooseAsync(client, "openai", "other-model", 64);
        var during = await client.SearchAsync("number 1", ("mode", "semantic"), ("explain", true));
        await server.RunJobsAsync();
        var after = await client.SearchAsync("number 1", ("mode", "semantic"), ("explain", true), ("top_k", 1));

        Assert.All(during.Items(), item => Assert.Equal(JsonValueKind.Null, item.GetProperty("explain").GetProperty("semantic").ValueKind));
        Assert.True(after.Items()[0].Number("similarity") > 0.95, after.GetRawText());
    }

    [Fact]
    public async Task Going_back_works_at_once_and_embeds_only_what_was_written_in_between()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 100);
        await ChooseAsync(client);
        await server.RunJobsAsync();
        await client.StoreAsync("written in between");
        await client.StoreAsync("number 5 changed", ("external_id", "n5"));
        await server.RunJobsAsync();
        var asked = _provider.Requests.Count;

        var back = await (await client.SendAsync("POST", Url + "/rollback")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(("openai/text-embedding-3-small/64", "tenant"), (back.Text("generation"), back.Text("chosen_by")));
        Assert.Equal((101, 99, 0, 2), Progress(await client.ReadAsync(Url)));
        Assert.True((await client.SearchAsync("number 42", ("mode", "hybrid"), ("explain", true))).Items()[0].GetProperty("explain").Number("semantic") > 0.95);
        await server.RunJobsAsync();
        var texts = _provider.Requests.Skip(asked).Where(call => call.Path == "/v1/embeddings").SelectMany(call => call.Inputs).ToList();
        Assert.Equal(["number 42", "number 5 changed", "written in between"], texts.Order(StringComparer.Ordinal));
        Assert.Equal((101, 101, 0, 0), Progress(await client.ReadAsync(Url)));
        Assert.Equal([Gemini + " kept 101"], Previous(await client.ReadAsync(Url)));
        Assert.DoesNotContain("degraded", (await client.SearchAsync("number 42")).Members());
    }

    [Fact]
    public async Task Going_back_to_the_builtin_vectors_needs_no_job()
    {
        await using var server = await StartAsync(("EmbeddingProvider", "builtin"));
        var client = server.As("acme");
        var stored = await client.StoreAsync("I keep bees.");
        await ChooseAsync(client);
        await server.RunJobsAsync();

        var back = await (await client.SendAsync("POST", Url + "/rollback")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("builtin", back.Text("provider"));
        Assert.Equal("completed", (await client.ReadAsync($"/v1/messages/{stored.Text("id")}")).Text("embedding_status"));
        Assert.Equal("completed", (await client.StoreAsync("I keep geese.")).Text("embedding_status"));
        var answer = await client.SearchAsync("I keep beees", ("mode", "semantic"));
        Assert.DoesNotContain("degraded", answer.Members());
        Assert.Equal("I keep bees.", answer.Each("content")[0]);
        Assert.Equal(0, await CountAsync(server, "SELECT COUNT(*) FROM jobs WHERE status <> 'succeeded'"));
    }

    [Fact]
    public async Task Vectors_before_the_kept_generation_are_deleted_in_portions()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 700);
        await ChooseAsync(client);
        await server.RunJobsAsync();
        await ChooseAsync(client, "openai", "third", 32);

        Assert.Equal([Gemini + " kept 700", "openai/text-embedding-3-small/64 deleting 700"], Previous(await client.ReadAsync(Url)).Order(StringComparer.Ordinal));
        await server.RunJobsAsync();

        Assert.Equal([Gemini + " kept 700"], Previous(await client.ReadAsync(Url)));
        Assert.Equal(1400, await CountAsync(server, "SELECT COUNT(*) FROM embeddings"));
    }

    [Fact]
    public async Task A_generation_that_is_chosen_again_while_it_is_deleted_stays()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 5);
        await ChooseAsync(client);
        await ChooseAsync(client, "openai", "third", 32);

        await ChooseAsync(client, "openai", "text-embedding-3-small", 64);
        await server.RunJobsAsync();

        Assert.Equal((5, 5, 0, 0), Progress(await client.ReadAsync(Url)));
        Assert.Equal(["openai/third/32 kept 0"], Previous(await client.ReadAsync(Url)));
    }

    [Fact]
    public async Task Deleting_a_message_deletes_its_vectors_of_every_generation_and_erasing_the_tenant_its_choice()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 3);
        await ChooseAsync(client);
        await server.RunJobsAsync();
        Assert.Equal(6, await CountAsync(server, "SELECT COUNT(*) FROM embeddings"));

        var id = (await client.ReadAsync("/v1/conversations/c1/messages")).Items()[0].Text("id");
        await client.DeleteAsync($"/v1/messages/{id}", Ct);
        Assert.Equal(4, await CountAsync(server, "SELECT COUNT(*) FROM embeddings"));

        await client.DeleteAsync("/v1/tenants/acme/data", Ct);
        Assert.Equal(0, await CountAsync(server, "SELECT (SELECT COUNT(*) FROM embeddings) + (SELECT COUNT(*) FROM embedding_generations)"));
        Assert.Equal("server", (await client.ReadAsync(Url)).GetProperty("current").Text("chosen_by"));
        await client.StoreAsync("after the end");
        await server.RunJobsAsync();
        Assert.DoesNotContain("degraded", (await client.SearchAsync("after the end")).Members());
    }

    [Fact]
    public async Task A_changed_setting_moves_tenants_without_a_choice_at_the_next_start_and_leaves_the_others()
    {
        await using (var first = await StartInAsync(("EmbeddingProvider", "openai")))
        {
            await FillAsync(first, first.As("follows"), 70, "follows");
            await FillAsync(first, first.As("chose"), 3, "chose");
            await ChooseAsync(first.As("chose"), "openai", "its-own", 32);
            await first.RunJobsAsync();
        }

        await using var second = await StartInAsync(("EmbeddingProvider", "google_gemini"), ("EmbeddingDimensions", "96"));
        var follows = second.As("follows");
        await AssertDegradedAsync(follows, "semantic", "number 42");
        await second.Services.GetRequiredService<GenerationResumer>().ResumeAsync(Ct);
        Assert.Equal((70, 0, 0, 70), Progress(await follows.ReadAsync(Url)));
        await second.RunJobsAsync();

        var shown = await follows.ReadAsync(Url);
        Assert.Equal((Gemini, "server"), (shown.GetProperty("current").Text("generation"), shown.GetProperty("current").Text("chosen_by")));
        Assert.Equal((70, 70, 0, 0), Progress(shown));
        Assert.Equal(["openai/text-embedding-3-small/64 kept 70"], Previous(shown));
        Assert.DoesNotContain("degraded", (await follows.SearchAsync("number 42")).Members());
        Assert.Equal("openai/its-own/32", (await second.As("chose").ReadAsync(Url)).GetProperty("current").Text("generation"));
        Assert.Equal(0, await second.Services.GetRequiredService<JobWorker>().RunBatchAsync(Ct));
    }

    [Fact]
    public async Task A_store_after_the_setting_changed_moves_its_tenant_without_waiting_for_anybody()
    {
        await using (var first = await StartInAsync(("EmbeddingProvider", "builtin")))
        {
            await first.As("acme").StoreAsync("told before");
        }

        await using var second = await StartInAsync(("EmbeddingProvider", "openai"));
        var client = second.As("acme");
        await client.StoreAsync("told after");
        await second.RunJobsAsync();

        Assert.Equal((2, 2, 0, 0), Progress(await client.ReadAsync(Url)));
        Assert.Equal(["builtin/ngram-1/256 kept 0"], Previous(await client.ReadAsync(Url)));
    }

    [Fact]
    public async Task A_pass_that_was_cut_off_goes_on_where_it_was()
    {
        await using (var first = await StartInAsync(("JobLanes", "1")))
        {
            var client = first.As("acme");
            await FillAsync(first, client, 150);
            await ChooseAsync(client);
            await first.Services.GetRequiredService<JobWorker>().RunBatchAsync(Ct);

            // A claim without an end is what a killed process leaves.
            Assert.NotNull(await first.Services.GetRequiredService<JobQueue>().ClaimAsync(cutOffToo: false, Ct));
        }

        var asked = _provider.Requests.Count;
        await using var second = await StartInAsync();
        await second.Services.GetRequiredService<GenerationResumer>().ResumeAsync(Ct);
        second.Time.Advance(TimeSpan.FromMinutes(3));
        await second.RunJobsAsync();

        Assert.Equal((150, 150, 0, 0), Progress(await second.As("acme").ReadAsync(Url)));
        Assert.Equal(86, _provider.Requests.Skip(asked).Sum(call => call.Inputs.Count));
    }

    [Fact]
    public async Task A_provider_that_is_down_is_waited_for_and_one_that_lies_ends_in_failures_that_a_new_pass_mends()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 3);
        await ChooseAsync(client);
        _provider.Behaviour = EmbeddingBehaviour.ServerError;
        for (var i = 0; i < 12; i++)
        {
            await server.RunJobsAsync();
            server.Time.Advance(TimeSpan.FromMinutes(6));
        }

        Assert.Equal((3, 0, 0, 3), Progress(await client.ReadAsync(Url)));
        _provider.Behaviour = EmbeddingBehaviour.NotANumber;
        for (var i = 0; i < 40; i++)
        {
            await server.RunJobsAsync();
            server.Time.Advance(TimeSpan.FromMinutes(6));
        }

        Assert.Equal((3, 0, 3, 0), Progress(await client.ReadAsync(Url)));
        _provider.Behaviour = EmbeddingBehaviour.Good;
        await ChooseAsync(client);
        await server.RunJobsAsync();
        Assert.Equal((3, 3, 0, 0), Progress(await client.ReadAsync(Url)));
    }

    [Fact]
    public async Task What_is_stored_replaced_and_deleted_while_the_pass_runs_ends_up_right()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 100);
        await ChooseAsync(client);
        await server.Services.GetRequiredService<JobWorker>().RunBatchAsync(Ct);

        await client.StoreAsync("number 90 is new", ("external_id", "n90"));
        await client.StoreAsync("number 10 is new", ("external_id", "n10"));
        await client.StoreAsync("quite new");
        var gone = (await client.ReadAsync("/v1/conversations/c1/messages?limit=200")).Items().Single(item => item.Text("content") == "number 95");
        await client.DeleteAsync($"/v1/messages/{gone.Text("id")}", Ct);
        await server.RunJobsAsync();

        Assert.Equal((100, 100, 0, 0), Progress(await client.ReadAsync(Url)));
        foreach (var text in (string[])["number 90 is new", "number 10 is new", "quite new"])
        {
            var item = (await client.SearchAsync(text, ("mode", "semantic"), ("top_k", 1))).Items()[0];
            Assert.Equal(text, item.Text("content"));
            Assert.True(item.Number("similarity") > 0.95, item.GetRawText());
        }
    }

    [Fact]
    public async Task No_message_that_is_stored_while_the_model_changes_is_left_without_a_vector()
    {
        await using var server = await StartAsync(("EmbeddingProvider", "builtin"));
        var client = server.As("acme");
        await client.StoreAsync("the first");

        var stores = Enumerable.Range(0, 60).Select(i => client.StoreAsync($"number {i}")).ToList();
        await ChooseAsync(client);
        await Task.WhenAll(stores);
        await server.RunJobsAsync();

        Assert.Equal((61, 61, 0, 0), Progress(await client.ReadAsync(Url)));
        Assert.Equal(61, await CountAsync(server, "SELECT COUNT(*) FROM memories WHERE embedding_status = 'completed'"));
    }

    [Fact]
    public async Task A_rollback_that_is_repeated_with_its_key_goes_back_once()
    {
        await using var server = await StartAsync();
        var client = server.As("acme");
        await FillAsync(server, client, 2);
        await ChooseAsync(client);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "back");

        var first = await (await client.SendAsync("POST", Url + "/rollback")).JsonAsync(HttpStatusCode.OK);
        var again = await client.SendAsync("POST", Url + "/rollback");

        Assert.Equal("true", again.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(first.GetRawText(), (await again.JsonAsync(HttpStatusCode.OK)).GetRawText());
        Assert.Equal("openai", (await client.ReadAsync(Url)).GetProperty("current").Text("provider"));
    }

    private static async Task FillAsync(TestApp server, HttpClient client, int count, string tenant = "acme")
    {
        await client.StoreManyAsync(Enumerable.Range(0, count).Select(i => Message($"number {i}", ("tenant_id", tenant), ("external_id", $"n{i}"))));
        await server.RunJobsAsync();
    }

    private static async Task<JsonElement> ChooseAsync(
        HttpClient client, string provider = "google_gemini", string model = "gemini-embedding-001", int dimensions = 96) =>
        await (await client.SendAsync("PUT", Url, JsonSerializer.Serialize(new { provider, model, dimensions }))).JsonAsync(HttpStatusCode.OK);

    private static async Task AssertDegradedAsync(HttpClient client, string mode, string query)
    {
        var answer = await client.SearchAsync(query, ("mode", mode), ("top_k", 1));

        Assert.Equal([query], answer.Each("content"));
        Assert.True(answer.GetProperty("degraded").GetBoolean());
        Assert.Contains("new embedding model", answer.Text("degraded_reason"), StringComparison.Ordinal);
    }

    private static (int Total, int Embedded, int Failed, int Pending) Progress(JsonElement shown)
    {
        var progress = shown.GetProperty("progress");
        return ((int)progress.Number("total"), (int)progress.Number("embedded"), (int)progress.Number("failed"), (int)progress.Number("pending"));
    }

    private static string[] Previous(JsonElement shown) =>
        [.. shown.GetProperty("previous").EnumerateArray().Select(item => $"{item.Text("generation")} {item.Text("state")} {item.Number("vectors")}")];

    private static Task<long> CountAsync(TestApp server, string sql) => RawDatabase.CountAsync(server, "acme", sql);

    private Task<TestApp> StartAsync(params (string Key, string? Value)[] settings) => TestApp.StartAsync(TestEngines.Current, Settings(settings));

    private Task<TestApp> StartInAsync(params (string Key, string? Value)[] settings) => TestApp.StartInAsync(_folder, Settings(settings));

    private (string Key, string? Value)[] Settings((string Key, string? Value)[] more) =>
    [
        ("EmbeddingProvider", "openai"), ("EmbeddingBaseUrl", _provider.Url), ("EmbeddingDimensions", "64"), ("GeminiApiKey", "AIza-key"),
        ("GeminiBaseUrl", _provider.GeminiUrl), ("EmbeddingDocumentRetries", "0"), ("EmbeddingRetryDelay", "00:00:00.001"), .. more,
    ];
}
