using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Testing;

/// <summary>
/// An embedding endpoint on loopback that answers, fails or lies as the test says. It speaks like OpenAI, like Gemini or
/// like a text-embeddings-inference server, whichever it is asked in.
/// </summary>
internal sealed class ScriptedEmbeddingServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<EmbeddingBehaviour> _script = new();
    private readonly ConcurrentQueue<EmbeddingCall> _calls = new();

    private ScriptedEmbeddingServer(WebApplication app) => _app = app;

    /// <summary>The address for MEMORY_EMBEDDING_BASE_URL.</summary>
    public string Url { get; private set; } = "";

    /// <summary>The address for MEMORY_GEMINI_BASE_URL.</summary>
    public string GeminiUrl => Url + "beta";

    /// <summary>The address of a text-embeddings-inference server.</summary>
    public string ServerUrl => Url[..^"/v1".Length];

    /// <summary>What every request gets that <see cref="Script"/> does not speak for.</summary>
    public EmbeddingBehaviour Behaviour { get; set; }

    /// <summary>The dimensions of answers to requests that ask for none.</summary>
    public int Dimensions { get; set; } = 64;

    /// <summary>The Retry-After header of refusals, when set.</summary>
    public string? RetryAfter { get; set; }

    /// <summary>What refusals say, when set.</summary>
    public string? RefusalBody { get; set; }

    /// <summary>Texts that are refused, and with them the request that has one.</summary>
    public Func<string, bool> IsPoison { get; set; } = _ => false;

    /// <summary>Requests with more texts are refused as too large.</summary>
    public int MostTexts { get; set; } = int.MaxValue;

    /// <summary>The vector of a text; by default texts with the same words are alike.</summary>
    public Func<string, int, float[]> Vector { get; set; } = VectorOfWords;

    public IReadOnlyList<EmbeddingCall> Requests => [.. _calls];

    public static async Task<ScriptedEmbeddingServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);

        // A hanging answer must not make the end of a test wait.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMilliseconds(50));
        var app = builder.Build();
        var server = new ScriptedEmbeddingServer(app);
        app.Run(server.AnswerAsync);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        server.Url = address + "/v1";
        return server;
    }

    /// <summary>The next requests get these, one each; then <see cref="Behaviour"/> holds again.</summary>
    public void Script(params EmbeddingBehaviour[] behaviours)
    {
        foreach (var behaviour in behaviours)
        {
            _script.Enqueue(behaviour);
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    public static float[] VectorOfWords(string text, int dimensions)
    {
        var vector = new float[dimensions];
        vector[0] = 0.1f;
        foreach (var word in text.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var hash = word.Aggregate(2166136261u, (sum, letter) => (sum ^ letter) * 16777619);
            vector[(hash >> 8) % dimensions]++;
        }

        return vector;
    }

    private async Task AnswerAsync(HttpContext http)
    {
        using var body = await JsonDocument.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
        var call = EmbeddingCall.Of(http.Request, body.RootElement);
        _calls.Enqueue(call);

        var ct = http.RequestAborted;
        var behaviour = _script.TryDequeue(out var scripted) ? scripted : Behaviour;
        var dimensions = call.Dimensions ?? Dimensions;
        if (behaviour == EmbeddingBehaviour.Good)
        {
            behaviour = call.Inputs.Count > MostTexts ? EmbeddingBehaviour.TooLarge
                : call.Inputs.Any(IsPoison) ? call.IsOfServer ? EmbeddingBehaviour.Unreadable : EmbeddingBehaviour.BadRequest
                : EmbeddingBehaviour.Good;
        }

        switch (behaviour)
        {
            case EmbeddingBehaviour.BadRequest or EmbeddingBehaviour.Unauthorized or EmbeddingBehaviour.RateLimited
                or EmbeddingBehaviour.ServerError or EmbeddingBehaviour.TooLarge or EmbeddingBehaviour.Unreadable
                or EmbeddingBehaviour.InferenceFailed or EmbeddingBehaviour.NoSuchModel:
                http.Response.StatusCode = (int)behaviour;
                if (RetryAfter is { } wait)
                {
                    http.Response.Headers.RetryAfter = wait;
                }

                // Real providers echo the key that they refuse.
                await http.Response.WriteAsync(RefusalBody ?? $$$"""{"error":{"message":"refused {{{call.Authorization}}}{{{call.GoogleKey}}}"}}""", ct);
                break;
            case EmbeddingBehaviour.Hang:
                await Task.Delay(Timeout.Infinite, ct).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case EmbeddingBehaviour.Reset:
                http.Abort();
                break;
            case EmbeddingBehaviour.ResetWithinBody:
                await http.Response.WriteAsync("""{"data":[""", ct);
                await http.Response.Body.FlushAsync(ct);
                http.Abort();
                break;
            case EmbeddingBehaviour.Html:
                http.Response.ContentType = "text/html";
                await http.Response.WriteAsync("<html><body>Sign in to the network</body></html>", ct);
                break;
            case EmbeddingBehaviour.SlowDrip:
                await DripAsync(http, Json(call, dimensions, behaviour), ct);
                break;
            case EmbeddingBehaviour.Huge:
                await FloodAsync(http, 80, ct);
                break;
            case EmbeddingBehaviour.FiveMegabytes:
                await FloodAsync(http, 5, ct);
                await http.Response.WriteAsync(Json(call, dimensions, EmbeddingBehaviour.Good), ct);
                break;
            default:
                http.Response.ContentType = "application/json";
                await http.Response.WriteAsync(Json(call, dimensions, behaviour), ct);
                break;
        }
    }

    private string Json(EmbeddingCall call, int dimensions, EmbeddingBehaviour behaviour)
    {
        var texts = behaviour == EmbeddingBehaviour.TooFew ? call.Inputs.Skip(1) : call.Inputs;
        if (call.IsOfServer)
        {
            return $"[{string.Join(',', texts.Select(Embedding))}]";
        }

        if (call.IsOfGemini)
        {
            return $$$"""{"embeddings":[{{{string.Join(',', texts.Select(text => $$$"""{"values":{{{Embedding(text)}}} }"""))}}}]}""";
        }

        var items = texts.Select((text, index) => $$$"""{"object":"embedding","index":{{{index}}},"embedding":{{{Embedding(text)}}} }""");
        if (behaviour == EmbeddingBehaviour.Shuffled)
        {
            items = items.Reverse();
        }

        return $$"""
            {"object":"list","model":"{{call.Model}}","data":[{{string.Join(',', items)}}],"usage":{"prompt_tokens":1,"total_tokens":1} }
            """;

        string Embedding(string text)
        {
            var vector = behaviour switch
            {
                EmbeddingBehaviour.WrongDimension => new float[dimensions + 1],
                EmbeddingBehaviour.ZeroVector => new float[dimensions],
                _ => Vector(text, dimensions),
            };
            vector[^1] = behaviour switch
            {
                EmbeddingBehaviour.NotANumber => float.NaN,
                EmbeddingBehaviour.Infinite => float.PositiveInfinity,
                EmbeddingBehaviour.Enormous => 1e38f,
                _ => vector[^1],
            };
            return call.EncodingFormat == "base64" && behaviour != EmbeddingBehaviour.Numbers
                ? $"\"{Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()))}\""
                : $"[{string.Join(',', vector.Select(value => value.ToString("R", CultureInfo.InvariantCulture)))}]";
        }
    }

    private static async Task DripAsync(HttpContext http, string json, CancellationToken ct)
    {
        foreach (var letter in Encoding.UTF8.GetBytes(json))
        {
            await http.Response.Body.WriteAsync(new[] { letter }, ct);
            await http.Response.Body.FlushAsync(ct);
            await Task.Delay(50, ct).ContinueWith(_ => { }, TaskScheduler.Default);
            if (ct.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static async Task FloodAsync(HttpContext http, int megabytes, CancellationToken ct)
    {
        var blank = new byte[1024 * 1024];
        Array.Fill(blank, (byte)' ');
        for (var megabyte = 0; megabyte < megabytes && !ct.IsCancellationRequested; megabyte++)
        {
            await http.Response.Body.WriteAsync(blank, ct);
        }
    }
}

/// <summary>What a scripted server does with a request. Values above 200 are the status it answers with.</summary>
internal enum EmbeddingBehaviour
{
    /// <summary>Right vectors in the encoding that was asked for.</summary>
    Good,

    /// <summary>Right vectors as numbers, whatever was asked for.</summary>
    Numbers,

    /// <summary>Right vectors, last first, told apart by their index.</summary>
    Shuffled,
    TooFew,
    WrongDimension,
    ZeroVector,
    NotANumber,
    Infinite,
    Enormous,
    Html,

    /// <summary>A body of 80 MiB of nothing.</summary>
    Huge,

    /// <summary>Right vectors behind 5 MiB of nothing.</summary>
    FiveMegabytes,
    Hang,
    SlowDrip,
    Reset,
    ResetWithinBody,
    BadRequest = 400,
    Unauthorized = 401,
    NoSuchModel = 404,
    TooLarge = 413,
    Unreadable = 422,
    InferenceFailed = 424,
    RateLimited = 429,
    ServerError = 500,
}

/// <summary>One request that a scripted server got.</summary>
internal sealed record EmbeddingCall(
    string Path, string? Authorization, string? Model, int? Dimensions, string? EncodingFormat, IReadOnlyList<string> Inputs)
{
    public string? GoogleKey { get; private init; }

    /// <summary>What Gemini was told that the texts are for.</summary>
    public IReadOnlyList<string> TaskTypes { get; private init; } = [];

    public bool IsOfGemini => Path.EndsWith(":batchEmbedContents", StringComparison.Ordinal);

    public bool IsOfServer => Path.EndsWith("/embed", StringComparison.Ordinal);

    public static EmbeddingCall Of(HttpRequest request, JsonElement body)
    {
        var authorization = request.Headers.Authorization.FirstOrDefault();
        if (body.TryGetProperty("requests", out var requests))
        {
            JsonElement[] items = [.. requests.EnumerateArray()];
            return new EmbeddingCall(
                request.Path, authorization, items[0].GetProperty("model").GetString(), items[0].GetProperty("outputDimensionality").GetInt32(), null,
                [.. items.Select(item => item.GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString()!)])
            {
                GoogleKey = request.Headers["x-goog-api-key"].FirstOrDefault(),
                TaskTypes = [.. items.Select(item => item.GetProperty("taskType").GetString()!)],
            };
        }

        if (body.TryGetProperty("inputs", out var inputs))
        {
            return new EmbeddingCall(request.Path, authorization, null, null, null, Texts(inputs));
        }

        return new EmbeddingCall(
            request.Path,
            authorization,
            body.GetProperty("model").GetString(),
            body.TryGetProperty("dimensions", out var dimensions) ? dimensions.GetInt32() : null,
            body.TryGetProperty("encoding_format", out var format) ? format.GetString() : null,
            Texts(body.GetProperty("input")));
    }

    private static string[] Texts(JsonElement input) =>
        input.ValueKind == JsonValueKind.String ? [input.GetString()!] : [.. input.EnumerateArray().Select(item => item.GetString()!)];
}
