using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Providers;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Server.Embeddings;

public sealed class HttpEmbedderTests : IAsyncLifetime
{
    private const string Key = "sk-very-secret-key";

    private readonly ManualTime _time = new();
    private readonly LogRecord _log = new();
    private ScriptedEmbeddingServer _server = null!;
    private WebApplication? _app;

    public async ValueTask InitializeAsync() => _server = await ScriptedEmbeddingServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await (_app?.DisposeAsync() ?? default);
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.Good)]
    [InlineData(EmbeddingBehaviour.Numbers)]
    [InlineData(EmbeddingBehaviour.Shuffled)]
    internal async Task A_good_answer_gives_unit_vectors_in_the_order_of_the_texts(EmbeddingBehaviour behaviour)
    {
        _server.Behaviour = behaviour;
        var embedder = Start();

        var vectors = await embedder.EmbedAsync(["red apple", "blue whale", "red apple pie"], EmbeddingPurpose.Document, Ct);

        Assert.Equal(3, vectors.Count);
        Assert.All(vectors, vector => Assert.Equal(1, Cosine(vector, vector), 5));
        Assert.True(Cosine(vectors[0], vectors[2]) > 0.7);
        Assert.True(Cosine(vectors[0], vectors[1]) < 0.3);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public async Task The_request_carries_key_model_and_dimensions(string ending)
    {
        var embedder = Start(("BaseUrl", _server.Url + ending), ("ModelName", "bge-m3"), ("Dimensions", "48"));

        var vectors = await embedder.EmbedAsync(["hello"], EmbeddingPurpose.Document, Ct);

        var call = Assert.Single(_server.Requests);
        Assert.Equal("/v1/embeddings", call.Path);
        Assert.Equal("Bearer " + Key, call.Authorization);
        Assert.Equal("bge-m3", call.Model);
        Assert.Equal(48, call.Dimensions);
        Assert.Equal(48, vectors[0].Length);
        Assert.Equal("openai/bge-m3/48", embedder.Generation.Key);
    }

    [Fact]
    public async Task Dimensions_and_key_are_not_sent_when_not_configured()
    {
        _server.Dimensions = 1536;
        var embedder = Start(("ApiKey", ""), ("Dimensions", null));

        await embedder.EmbedAsync(["hello"], EmbeddingPurpose.Document, Ct);

        var call = Assert.Single(_server.Requests);
        Assert.Null(call.Dimensions);
        Assert.Null(call.Authorization);
        Assert.Equal("openai/text-embedding-3-small/1536", embedder.Generation.Key);
    }

    [Fact]
    public async Task A_model_that_refuses_to_be_told_its_size_is_not_told_again()
    {
        _server.Script(EmbeddingBehaviour.BadRequest);
        var embedder = Start(("ModelName", "bge-m3"));

        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);
        await embedder.EmbedAsync(["two"], EmbeddingPurpose.Document, Ct);

        Assert.Equal([64, null, null], _server.Requests.Select(call => call.Dimensions));
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.Html)]
    [InlineData(EmbeddingBehaviour.WrongDimension)]
    [InlineData(EmbeddingBehaviour.NotANumber)]
    [InlineData(EmbeddingBehaviour.Infinite)]
    [InlineData(EmbeddingBehaviour.Enormous)]
    [InlineData(EmbeddingBehaviour.ZeroVector)]
    [InlineData(EmbeddingBehaviour.TooFew)]
    [InlineData(EmbeddingBehaviour.Huge)]
    internal async Task A_lying_provider_is_found_out(EmbeddingBehaviour behaviour)
    {
        _server.Behaviour = behaviour;
        var embedder = Start();

        var failure = await Assert.ThrowsAsync<EmbeddingException>(
            () => embedder.EmbedAsync(["one", "two"], EmbeddingPurpose.Document, Ct));

        Assert.Equal(EmbeddingError.InvalidAnswer, failure.Error);
        Assert.False(failure.IsPermanent);
        Assert.Single(_server.Requests);
        Assert.Equal(EmbeddingError.InvalidAnswer, Standing.LastError);
        Assert.False(Standing.IsHealthy);
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.ServerError, EmbeddingError.Unavailable)]
    [InlineData(EmbeddingBehaviour.Reset, EmbeddingError.Unavailable)]
    [InlineData(EmbeddingBehaviour.ResetWithinBody, EmbeddingError.Unavailable)]
    [InlineData(EmbeddingBehaviour.RateLimited, EmbeddingError.RateLimited)]
    [InlineData(EmbeddingBehaviour.Hang, EmbeddingError.Timeout)]
    [InlineData(EmbeddingBehaviour.SlowDrip, EmbeddingError.Timeout)]
    internal async Task A_passing_failure_is_tried_again_and_then_told(EmbeddingBehaviour behaviour, EmbeddingError error)
    {
        _server.Behaviour = behaviour;
        var embedder = Start(("DocumentTimeout", "00:00:00.2"));

        var failure = await Assert.ThrowsAsync<EmbeddingException>(
            () => embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct));

        Assert.Equal(error, failure.Error);
        Assert.False(failure.IsPermanent);
        Assert.True(_server.Requests.Count >= 3, $"{_server.Requests.Count} tries");
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.ServerError)]
    [InlineData(EmbeddingBehaviour.RateLimited)]
    [InlineData(EmbeddingBehaviour.Reset)]
    internal async Task A_passing_failure_passes(EmbeddingBehaviour behaviour)
    {
        _server.Script(behaviour, behaviour);
        _server.RetryAfter = "0";
        var embedder = Start();

        var vectors = await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        Assert.Single(vectors);
        Assert.True(Standing.IsHealthy);
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("Thu, 15 Jan 2026 12:00:01 GMT", 1)]
    public async Task Retry_after_is_honoured(string value, int seconds)
    {
        _server.Script(EmbeddingBehaviour.RateLimited);
        _server.RetryAfter = value;
        var embedder = Start();
        var start = TimeProvider.System.GetTimestamp();

        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(seconds - 0.05));
    }

    [Fact]
    public async Task A_long_retry_after_is_left_to_the_caller()
    {
        _server.Behaviour = EmbeddingBehaviour.RateLimited;
        _server.RetryAfter = "3600";
        var embedder = Start();

        var failure = await Assert.ThrowsAsync<EmbeddingException>(
            () => embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct));

        Assert.Equal(EmbeddingError.RateLimited, failure.Error);
        Assert.Equal(TimeSpan.FromHours(1), failure.RetryAfter);
        Assert.Single(_server.Requests);
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.BadRequest)]
    [InlineData(EmbeddingBehaviour.Unauthorized)]
    internal async Task A_refusal_is_permanent_and_never_names_the_key(EmbeddingBehaviour behaviour)
    {
        _server.Behaviour = behaviour;
        var embedder = Start(("Dimensions", null));

        var failure = await Assert.ThrowsAsync<EmbeddingException>(
            () => embedder.EmbedAsync(["a private text"], EmbeddingPurpose.Document, Ct));

        Assert.Equal(EmbeddingError.Rejected, failure.Error);
        Assert.True(failure.IsPermanent);
        Assert.Single(_server.Requests);
        Assert.DoesNotContain(Key, failure.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("private", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Neither_key_nor_text_is_ever_logged()
    {
        var embedder = Start(("DocumentTimeout", "00:00:00.2"));

        foreach (var behaviour in Enum.GetValues<EmbeddingBehaviour>().Where(b => b != EmbeddingBehaviour.Huge))
        {
            _server.Behaviour = behaviour;
            await Record.ExceptionAsync(() => embedder.EmbedAsync(["a private text"], EmbeddingPurpose.Query, Ct));
            _time.Advance(TimeSpan.FromMinutes(2));
        }

        Assert.DoesNotContain(_log.Lines, line => line.Contains(Key, StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("private", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_circuit_opens_after_few_failures_and_closes_by_a_probe()
    {
        _server.Behaviour = EmbeddingBehaviour.Unauthorized;
        var embedder = Start();
        for (var i = 0; i < 12; i++)
        {
            await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct));
        }

        Assert.InRange(_server.Requests.Count, 2, 10);
        Assert.Equal(EmbeddingCircuit.Open, Standing.Circuit);
        Assert.Contains(_log.Lines, line => line.Contains("left alone", StringComparison.Ordinal));
        var asked = _server.Requests.Count;

        _server.Behaviour = EmbeddingBehaviour.Good;
        var paused = await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["one"], EmbeddingPurpose.Query, Ct));
        Assert.Equal(EmbeddingError.Unavailable, paused.Error);
        Assert.Equal(asked, _server.Requests.Count);

        _time.Advance(TimeSpan.FromSeconds(16));
        await embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, Ct);

        Assert.Equal(EmbeddingCircuit.Closed, Standing.Circuit);
        Assert.True(Standing.IsHealthy);
    }

    [Fact]
    public async Task One_poisonous_text_does_not_open_the_circuit()
    {
        _server.Behaviour = EmbeddingBehaviour.BadRequest;
        var embedder = Start(("Dimensions", null));

        for (var i = 0; i < 12; i++)
        {
            await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["bad"], EmbeddingPurpose.Document, Ct));
        }

        Assert.Equal(12, _server.Requests.Count);
        Assert.True(Standing.IsHealthy);
    }

    [Theory]
    [InlineData(EmbeddingBehaviour.Hang)]
    [InlineData(EmbeddingBehaviour.SlowDrip)]
    internal async Task A_query_never_waits_longer_than_its_budget_and_the_circuit_learns_of_it(EmbeddingBehaviour behaviour)
    {
        _server.Behaviour = behaviour;
        var embedder = Start(("QueryTimeout", "00:00:00.3"));
        for (var i = 0; i < 6; i++)
        {
            var start = TimeProvider.System.GetTimestamp();

            await Assert.ThrowsAsync<EmbeddingException>(() => embedder.EmbedAsync(["query"], EmbeddingPurpose.Query, Ct));

            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(2));
        }

        Assert.Equal(EmbeddingCircuit.Open, Standing.Circuit);
    }

    [Fact]
    public async Task A_query_is_asked_once_and_a_document_each_time()
    {
        var embedder = Start();

        var first = await embedder.EmbedAsync(["same"], EmbeddingPurpose.Query, Ct);
        first[0][0] = 42;
        var second = await embedder.EmbedAsync(["same"], EmbeddingPurpose.Query, Ct);
        Assert.Single(_server.Requests);
        Assert.NotEqual(42, second[0][0]);

        await embedder.EmbedAsync(["same"], EmbeddingPurpose.Document, Ct);
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task Batches_are_cut_blank_texts_stay_here_and_long_ones_are_shortened()
    {
        var embedder = Start(("BatchSize", "2"), ("MaxTokens", "16"));

        var vectors = await embedder.EmbedAsync(
            ["a", "  ", "b", "c", new string('x', 1000), new string('記', 1000)], EmbeddingPurpose.Document, Ct);

        Assert.Equal([2, 2, 1], _server.Requests.Select(call => call.Inputs.Count));
        Assert.True(EmbeddingVector.IsEmpty(vectors[1]));
        Assert.Equal(53, _server.Requests[1].Inputs[1].Length);
        Assert.Equal(12, _server.Requests[2].Inputs[0].Length);
    }

    [Fact]
    public async Task A_caller_who_leaves_gets_a_cancellation_not_a_failure()
    {
        _server.Behaviour = EmbeddingBehaviour.Hang;
        var embedder = Start();
        using var leaving = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => embedder.EmbedAsync(["one"], EmbeddingPurpose.Document, leaving.Token));

        Assert.Null(Standing.LastFailure);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private EmbeddingStanding Standing => _app!.Services.GetRequiredService<Embedders>().Standings().Single().Standing;

    private IEmbedder Start(params (string Name, string? Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(_log).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddSingleton<TimeProvider>(_time);
        builder.AddEmbeddings();
        var defaults = new Dictionary<string, string?>
        {
            ["Provider"] = "OpenAi",
            ["BaseUrl"] = _server.Url,
            ["ApiKey"] = Key,
            ["Dimensions"] = "64",
            ["RetryDelay"] = "00:00:00.005",
        };
        foreach (var (name, value) in settings)
        {
            defaults[name] = value;
        }

        foreach (var (name, value) in defaults)
        {
            builder.Configuration["Memory:Embedding" + name] = value;
        }

        _app = builder.Build();
        return _app.Services.GetRequiredService<Embedders>().Default;
    }

    private static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private sealed class LogRecord : ILoggerProvider, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

        public IEnumerable<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
