using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>How one kind of provider is spoken to: what goes out, what comes back, and what a refusal of it means.</summary>
internal abstract class EmbeddingProtocol(TimeProvider time)
{
    // What a provider says about its refusal is short; more than this is something else.
    private const int LongestRefusal = 16 * 1024;

    private static readonly MediaTypeHeaderValue Json = new("application/json");

    /// <summary>How many texts one request may have at most.</summary>
    public virtual int MostTexts => int.MaxValue;

    /// <summary>How many tokens of a text are read at most.</summary>
    public virtual int MostTokens => int.MaxValue;

    /// <summary>Whether the size of the vectors is something to ask for; a server may refuse to be asked.</summary>
    public virtual bool AsksForSize(EmbeddingGeneration generation) => false;

    public abstract HttpRequestMessage Request(
        EmbeddingGeneration generation, IReadOnlyList<string> texts, EmbeddingPurpose purpose, bool asksForSize);

    /// <exception cref="EmbeddingException">It is not that many unit vectors of that size.</exception>
    public abstract float[][] Read(JsonElement answer, int count, int dimensions);

    /// <summary>What an answer other than 200 means.</summary>
    public async ValueTask<EmbeddingException> RefusalAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        var status = (int)answer.StatusCode;
        var said = NeedsBody(status) ? await BodyAsync(answer, ct) : null;
        var wait = WaitOf(answer) ?? (said is { } body ? WaitIn(body) : null);
        return Judge(status, $"The embedding provider answered with status {status}.", wait, said);
    }

    /// <summary>Whether this refusal can be told apart by its body alone. The body is never shown or logged.</summary>
    protected virtual bool NeedsBody(int status) => false;

    /// <summary>How long the provider asks to be left alone, where it says so in the body.</summary>
    protected virtual TimeSpan? WaitIn(JsonElement said) => null;

    protected virtual EmbeddingException Judge(int status, string text, TimeSpan? wait, JsonElement? said) => status switch
    {
        429 => new EmbeddingException(EmbeddingError.RateLimited, text) { RetryAfter = wait },
        408 or 425 or >= 500 => new EmbeddingException(EmbeddingError.Unavailable, text) { RetryAfter = wait },
        >= 200 and < 300 => new EmbeddingException(EmbeddingError.InvalidAnswer, text),
        413 => new EmbeddingException(EmbeddingError.TooLarge, text),

        // What is wrong with one request; everything else (key, address, model) is wrong with all of them.
        400 or 422 => new EmbeddingException(EmbeddingError.Rejected, text),
        _ => new EmbeddingException(EmbeddingError.Rejected, text) { IsProviderFault = true },
    };

    protected static HttpRequestMessage Post(Uri address, Action<Utf8JsonWriter> write)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        var content = new ByteArrayContent(body.ToArray());
        content.Headers.ContentType = Json;
        return new HttpRequestMessage(HttpMethod.Post, address) { Content = content };
    }

    /// <summary>A bearer key where there is one: self-hosted servers need none, and some refuse one.</summary>
    protected static HttpRequestMessage Authorize(HttpRequestMessage request, string? key)
    {
        if (!string.IsNullOrWhiteSpace(key))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Trim());
        }

        return request;
    }

    /// <summary>An address below a base address, which may end with a slash.</summary>
    protected static Uri Below(string baseUrl, string path) => new($"{baseUrl.Trim().TrimEnd('/')}/{path}");

    /// <summary>A number of seconds as text, at most a day; null when it is none.</summary>
    protected static TimeSpan? SecondsOf(ReadOnlySpan<char> text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && double.IsFinite(seconds)
            ? TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.SecondsPerDay))
            : null;

    private TimeSpan? WaitOf(HttpResponseMessage answer)
    {
        if (!answer.Headers.TryGetValues("Retry-After", out var values) || values.FirstOrDefault() is not { } value)
        {
            return null;
        }

        if (SecondsOf(value) is { } seconds)
        {
            return seconds;
        }

        return DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && at - time.GetUtcNow() is { Ticks: > 0 } wait
                ? wait
                : null;
    }

    private static async Task<JsonElement?> BodyAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        try
        {
            await using var stream = await answer.Content.ReadAsStreamAsync(ct);
            using var document = JsonDocument.Parse(await VectorAnswer.ReadAsync(stream, LongestRefusal, ct));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
        catch (EmbeddingException)
        {
            return null; // Too long to be a refusal in words.
        }
    }
}
