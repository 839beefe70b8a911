using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Providers;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Server.Embeddings;

/// <summary>What all providers elsewhere have in common, and how each of them is spoken to.</summary>
public sealed class ProviderTests : IAsyncLifetime
{
    private const string Key = "AIza-very-secret-key";

    private readonly ManualTime _time = new();
    private ScriptedEmbeddingServer _server = null!;
    private WebApplication? _app;

    public static TheoryData<string> Providers => ["openai", "google_gemini", "sentence_transformer"];

    public static MatrixTheoryData<string, string> Lies => new(
        ["openai", "google_gemini", "sentence_transformer"],
        ["Html", "WrongDimension", "NotANumber", "Infinite", "Enormous", "ZeroVector", "TooFew", "FiveMegabytes"]);

    public async ValueTask InitializeAsync() => _server = await ScriptedEmbeddingServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await (_app?.DisposeAsync() ?? default);
        await _server.DisposeAsync();
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_good_answer_gives_unit_vectors_in_the_order_of_the_texts(string provider)
    {
        var embedder = Start(provider);

        var vectors = await embedder.EmbedAsync(["red apple", " ", "blue whale", "red apple pie"], EmbeddingPurpose.Document, Ct);

        Assert.Equal([64, 64, 64, 64], vectors.Select(vector => vector.Length));
        Assert.True(EmbeddingVector.IsEmpty(vectors[1]));
        Assert.Equal(1, Cosine(vectors[0], vectors[0]), 5);
        Assert.True(Cosine(vectors[0], vectors[3]) > 0.7);
        Assert.True(Cosine(vectors[0], vectors[2]) < 0.3);
        Assert.Single(_server.Requests);
    }

    [Theory, MemberData(nameof(Lies))]
    public async Task A_lying_provider_is_found_out(string provider, string behaviour)
    {
        _server.Behaviour = Enum.Parse<EmbeddingBehaviour>(behaviour);
        var embedder = Start(provider);

        var failure = await FailAsync(embedder, "one", "two");

        Assert.Equal(EmbeddingError.InvalidAnswer, failure.Error);
        Assert.False(failure.IsPermanent);
        Assert.DoesNotContain(Key, failure.ToString(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_query_is_asked_once_whoever_makes_its_vector(string provider)
    {
        var embedder = Start(provider);

        await embedder.EmbedAsync(["same"], EmbeddingPurpose.Query, Ct);
        await embedder.EmbedAsync(["same"], EmbeddingPurpose.Query, Ct);

        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task Gemini_gets_its_key_in_its_own_header_and_is_told_what_a_text_is_for()
    {
        var embedder = Start("google_gemini", ("ModelName", "models/gemini-embedding-001"));

        await embedder.EmbedAsync(["a fact"], EmbeddingPurpose.Document, Ct);
        await embedder.EmbedAsync(["a question"], EmbeddingPurpose.Query, Ct);

        var (fact, question) = (_server.Requests[0], _server.Requests[1]);
        Assert.Equal("/v1beta/models/gemini-embedding-001:batchEmbedContents", fact.Path);
        Assert.Equal((Key, null), (fact.GoogleKey, fact.Authorization));
        Assert.Equal(("models/gemini-embedding-001", 64), (fact.Model, fact.Dimensions));
        Assert.Equal(["RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"], [.. fact.TaskTypes, .. question.TaskTypes]);
        Assert.Equal("google_gemini/gemini-embedding-001/64", embedder.Generation.Key);
    }

    [Theory]
    [InlineData("google_gemini", "google_gemini/gemini-embedding-001/768")]
    [InlineData("sentence_transformer", "sentence_transformer/sentence-transformers/all-MiniLM-L6-v2/384")]
    [InlineData("openai", "openai/text-embedding-3-small/1536")]
    public void Every_provider_has_a_model_and_a_size_when_none_is_configured(string provider, string generation) =>
        Assert.Equal(generation, Start(provider, ("Dimensions", null)).Generation.Key);

    [Fact]
    public async Task A_wrong_key_of_gemini_is_the_providers_fault_though_its_status_is_that_of_a_wrong_text()
    {
        _server.Behaviour = EmbeddingBehaviour.BadRequest;
        _server.RefusalBody = """{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}""";
        var embedder = Start("google_gemini");

        var ofKey = await FailAsync(embedder, "one");
        _server.RefusalBody = """{"error":{"code":400,"status":"INVALID_ARGUMENT"}}""";
        var ofText = await FailAsync(embedder, "one");

        Assert.Equal((true, false), (ofKey.IsPermanent, ofKey.IsOfTheTexts));
        Assert.Equal((true, true), (ofText.IsPermanent, ofText.IsOfTheTexts));
    }

    [Fact]
    public async Task Gemini_says_in_its_body_how_long_to_wait()
    {
        _server.Behaviour = EmbeddingBehaviour.RateLimited;
        _server.RefusalBody = """{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}]}}""";
        var embedder = Start("google_gemini");

        var failure = await FailAsync(embedder, "one");

        Assert.Equal((EmbeddingError.RateLimited, TimeSpan.FromSeconds(37.5)), (failure.Error, failure.Wait));
    }

    [Fact]
    public async Task The_refusals_of_a_text_embeddings_server_are_told_apart()
    {
        var expected = new Dictionary<EmbeddingBehaviour, (EmbeddingError Error, bool IsPermanent, bool IsOfTheTexts)>
        {
            [EmbeddingBehaviour.TooLarge] = (EmbeddingError.TooLarge, true, true),
            [EmbeddingBehaviour.Unreadable] = (EmbeddingError.Rejected, true, true),
            [EmbeddingBehaviour.InferenceFailed] = (EmbeddingError.Unavailable, false, false),
            [EmbeddingBehaviour.RateLimited] = (EmbeddingError.RateLimited, false, false),
        };
        var texts = new HashSet<string>();
        foreach (var (behaviour, error) in expected)
        {
            _server.Behaviour = behaviour;

            var failure = await FailAsync(Start("sentence_transformer"), "one");

            Assert.Equal(error, (failure.Error, failure.IsPermanent, failure.IsOfTheTexts));
            Assert.True(texts.Add(failure.Message), failure.Message);
            await _app!.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_server_that_takes_fewer_texts_is_sent_fewer_from_then_on()
    {
        _server.MostTexts = 3;
        var embedder = Start("sentence_transformer", ("BatchSize", "8"));
        string[] texts = [.. Enumerable.Range(0, 16).Select(i => $"text {i}")];

        var batch = await DocumentBatch.EmbedAsync(embedder, Meters(), texts, Ct);
        var later = await DocumentBatch.EmbedAsync(embedder, Meters(), texts[..4], Ct);

        Assert.Null(batch.Stopped);
        Assert.Equal(16, batch.Done.Count(vector => vector is not null));
        Assert.Equal(2, embedder.BatchSize);
        Assert.Equal(4, later.Done.Count);
        Assert.Equal([8, 4, 2], _server.Requests.Take(3).Select(call => call.Inputs.Count));
        Assert.All(_server.Requests.Skip(2), call => Assert.InRange(call.Inputs.Count, 1, 3));
    }

    [Fact]
    public async Task Of_many_texts_only_the_poisonous_ones_are_refused()
    {
        _server.IsPoison = text => text.Contains("poison", StringComparison.Ordinal);
        string[] texts = [.. Enumerable.Range(0, 64).Select(i => i is 7 or 40 ? $"poison {i}" : $"text {i}")];

        var batch = await DocumentBatch.EmbedAsync(Start("sentence_transformer"), Meters(), texts, Ct);

        Assert.Null(batch.Stopped);
        Assert.Equal([7, 40], Enumerable.Range(0, 64).Where(i => batch.Done[i] is null));
        Assert.InRange(_server.Requests.Count, 3, 30);
    }

    [Fact]
    public async Task A_provider_that_refuses_a_harmless_text_as_well_is_not_asked_about_each()
    {
        _server.Behaviour = EmbeddingBehaviour.BadRequest;

        var batch = await DocumentBatch.EmbedAsync(Start("sentence_transformer"), Meters(), [.. Enumerable.Range(0, 64).Select(i => $"text {i}")], Ct);

        Assert.Equal(EmbeddingError.Rejected, batch.Stopped?.Error);
        Assert.Empty(batch.Done);
        Assert.InRange(_server.Requests.Count, 2, 10);
    }

    [Fact]
    public async Task What_was_made_before_a_failure_is_not_lost()
    {
        _server.Script(EmbeddingBehaviour.Good);
        _server.Behaviour = EmbeddingBehaviour.ServerError;

        var batch = await DocumentBatch.EmbedAsync(
            Start("openai", ("BatchSize", "2"), ("DocumentRetries", "0")), Meters(), ["a", "b", "c"], Ct);

        Assert.Equal(2, batch.Done.Count);
        Assert.Equal(EmbeddingError.Unavailable, batch.Stopped?.Error);
    }

    [Fact]
    public async Task No_more_requests_go_out_in_a_minute_than_the_setting_allows_and_some_are_kept_for_searches()
    {
        var embedder = Start("openai", ("MaxRequestsPerMinute", "20"));
        for (var i = 0; i < 18; i++)
        {
            await embedder.EmbedAsync(["text"], EmbeddingPurpose.Document, Ct);
        }

        var document = await FailAsync(embedder, "one more");
        await embedder.EmbedAsync(["a query"], EmbeddingPurpose.Query, Ct);
        await embedder.EmbedAsync(["another query"], EmbeddingPurpose.Query, Ct);
        var query = await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["a third query"], EmbeddingPurpose.Query, Ct));

        Assert.Equal((EmbeddingError.Paced, TimeSpan.FromMinutes(1)), (document.Error, document.Wait));
        Assert.Equal(EmbeddingError.Paced, query.Error);
        Assert.Equal(20, _server.Requests.Count);
        Assert.True(Standing.IsHealthy);
        _time.Advance(TimeSpan.FromMinutes(1));
        await embedder.EmbedAsync(["one more"], EmbeddingPurpose.Document, Ct);
        Assert.Equal(21, _server.Requests.Count);
    }

    [Fact]
    public async Task An_open_circuit_uses_up_no_requests()
    {
        _server.Script([.. Enumerable.Repeat(EmbeddingBehaviour.Unauthorized, 4)]);
        var embedder = Start("openai", ("MaxRequestsPerMinute", "6"));
        for (var i = 0; i < 30; i++)
        {
            Assert.NotEqual(EmbeddingError.Paced, (await FailAsync(embedder, "one")).Error);
        }

        _time.Advance(TimeSpan.FromSeconds(16));
        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        Assert.Equal(5, _server.Requests.Count);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_stop_the_requests()
    {
        var embedder = Start("openai", ("MaxRequestsPerMinute", "1"));
        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        _time.Advance(TimeSpan.FromHours(-3));
        await embedder.EmbedAsync(["two"], EmbeddingPurpose.Document, Ct);

        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task A_provider_that_asked_to_be_left_alone_is_by_everybody()
    {
        _server.Script(EmbeddingBehaviour.RateLimited);
        _server.RetryAfter = "90";
        var embedder = Start("openai");
        var refused = await FailAsync(embedder, "one");

        var held = await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["query"], EmbeddingPurpose.Query, Ct));
        Assert.Equal((EmbeddingError.RateLimited, EmbeddingError.Paced), (refused.Error, held.Error));
        Assert.Single(_server.Requests);
        _time.Advance(TimeSpan.FromSeconds(91));
        await embedder.EmbedAsync(["query"], EmbeddingPurpose.Query, Ct);

        Assert.Equal(2, _server.Requests.Count);
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-5")]
    [InlineData("soon")]
    public async Task A_senseless_wait_is_none(string value)
    {
        _server.Behaviour = EmbeddingBehaviour.RateLimited;
        _server.RetryAfter = value;

        var failure = await FailAsync(Start("openai", ("DocumentRetries", "0")), "one");

        Assert.Equal((EmbeddingError.RateLimited, null), (failure.Error, failure.Wait));
    }

    [Fact]
    public async Task A_provider_that_asks_for_a_day_gets_an_hour()
    {
        _server.Script(EmbeddingBehaviour.RateLimited);
        _server.RetryAfter = "86400";
        var embedder = Start("openai");
        await FailAsync(embedder, "one");

        _time.Advance(TimeSpan.FromMinutes(61));
        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public void Only_what_the_operator_configured_can_be_chosen()
    {
        Start("openai", ("SentenceTransformerBaseUrl", null));

        Assert.Equal(["builtin", "openai"], Embedders.Configured);
        Assert.IsNotType<HttpEmbedder>(Embedders.For(new EmbeddingGeneration("google_gemini", "x", 8)));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Embedders Embedders => _app!.Services.GetRequiredService<Embedders>();

    private EmbeddingStanding Standing => Embedders.Standings().Single().Standing;

    private Memoir.Kit.Telemetry.Meters Meters() =>
        new(_app!.Services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>());

    private static Task<EmbeddingException> FailAsync(IEmbedder embedder, params string[] texts) =>
        Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(texts, EmbeddingPurpose.Document, Ct));

    private IEmbedder Start(string provider, params (string Name, string? Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_time);
        builder.AddEmbeddings();
        var values = new Dictionary<string, string?>
        {
            ["EmbeddingProvider"] = provider,
            ["EmbeddingBaseUrl"] = provider == "sentence_transformer" ? _server.ServerUrl + "/" : _server.Url,
            ["EmbeddingDimensions"] = "64",
            ["EmbeddingRetryDelay"] = "00:00:00.005",
            ["EmbeddingApiKey"] = provider == "google_gemini" ? null : Key,
            ["GeminiApiKey"] = provider == "google_gemini" ? Key : null,
            ["GeminiBaseUrl"] = _server.GeminiUrl,
        };
        foreach (var (name, value) in settings)
        {
            values[name.StartsWith("SentenceTransformer", StringComparison.Ordinal) ? name : "Embedding" + name] = value;
        }

        foreach (var (name, value) in values)
        {
            builder.Configuration["Memory:" + name] = value;
        }

        _app = builder.Build();
        return Embedders.Default;
    }

    private static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
}
