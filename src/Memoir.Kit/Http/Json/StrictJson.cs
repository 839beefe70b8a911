using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Kit.Http.Json;

/// <summary>
/// Reads bodies as the contract says: nothing unknown, nothing twice, nothing missing, nothing that a database could not
/// keep. What cannot be read is 400 <c>invalid-body</c> with the member's path.
/// </summary>
public static class StrictJson
{
    /// <summary>How every body is read and written: <c>snake_case</c>, strict, at most 32 deep.</summary>
    public static JsonSerializerOptions Options(params IJsonTypeInfoResolver[] contexts) =>
        new(JsonSerializerOptions.Strict)
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            MaxDepth = 32,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // Answers are JSON, never embedded in a page.
            DefaultIgnoreCondition = JsonIgnoreCondition.Never,
            TypeInfoResolver = JsonTypeInfoResolver.Combine(contexts),
            Converters = { new InstantConverter(), new FiniteConverter() },
        };

    /// <summary>Reads the whole body. The caller returns the buffer by disposing it.</summary>
    /// <param name="http">The request.</param>
    /// <param name="limit">Bytes it may have.</param>
    /// <param name="alsoAs">Media types that the route takes beside <c>application/json</c>.</param>
    public static async Task<RequestBody> ReadBodyAsync(HttpContext http, int limit, params IReadOnlyList<string> alsoAs)
    {
        RequireJson(http.Request, alsoAs);
        if (http.Request.ContentLength > limit)
        {
            throw TooLarge(limit);
        }

        var body = new RequestBody(http.RequestServices.GetRequiredService<Transfers>(), Transfers.OwnerOf(http));
        try
        {
            var reader = http.Request.BodyReader;
            while (true)
            {
                var read = await reader.ReadAsync(http.RequestAborted);
                try
                {
                    Append(body, read.Buffer, limit);
                }
                finally
                {
                    reader.AdvanceTo(read.Buffer.End); // Also before a refusal: the server reads on to the end of the body.
                }

                if (read.IsCompleted)
                {
                    break;
                }
            }

            RefuseUnkeepableText(body.Span);
            return body;
        }
        catch (IOException exception) when (exception.InnerException is OverflowException)
        {
            body.Dispose();
            throw new BadHttpRequestException("The size of a chunk is no number.", exception);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw ProblemException.Body("", "The body must be a JSON object, not null.");
        }
        catch (JsonException exception)
        {
            throw JsonRefusal.Explain(exception);
        }
    }

    public static T Parse<T>(JsonElement element, JsonTypeInfo<T> type)
    {
        try
        {
            return element.Deserialize(type) ?? throw ProblemException.Body("", "The item must be a JSON object, not null.");
        }
        catch (JsonException exception)
        {
            throw JsonRefusal.Explain(exception);
        }
    }

    /// <summary>Invalid UTF-8, NUL characters and lone surrogates, in text or as escapes: PostgreSQL cannot keep them and no client means them.</summary>
    public static void RefuseUnkeepableText(ReadOnlySpan<byte> json)
    {
        if (FindUnkeepable(json) is { } found)
        {
            throw ProblemException.Body("", $"The body {found}.");
        }
    }

    /// <summary>Whether all its text can be read and kept; reading a lone surrogate as a string throws.</summary>
    public static bool IsKeepable(ReadOnlySpan<byte> json) => FindUnkeepable(json) is null;

    private static string? FindUnkeepable(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return "is not valid UTF-8";
        }

        var rest = json;
        for (var at = rest.IndexOf((byte)'\\'); at >= 0; at = rest.IndexOf((byte)'\\'))
        {
            rest = rest[at..];
            if (rest.Length < 2 || rest[1] != (byte)'u')
            {
                rest = rest[Math.Min(2, rest.Length)..];
                continue;
            }

            var unit = Hex(rest);
            if (unit == 0)
            {
                return "has a NUL character (\\u0000)";
            }

            var isPair = unit is >= 0xD800 and <= 0xDBFF && rest.Length >= 12 && rest[6] == (byte)'\\' && rest[7] == (byte)'u'
                && Hex(rest[6..]) is >= 0xDC00 and <= 0xDFFF;
            if (unit is >= 0xD800 and <= 0xDFFF && !isPair)
            {
                return "has half of a surrogate pair";
            }

            rest = rest[Math.Min(isPair ? 12 : 6, rest.Length)..];
        }

        return null;
    }

    private static void Append(RequestBody body, ReadOnlySequence<byte> parts, int limit)
    {
        if (body.Length + parts.Length > limit)
        {
            throw TooLarge(limit);
        }

        foreach (var part in parts)
        {
            body.Append(part.Span);
        }
    }

    /// <summary>The four digits of <c>\uXXXX</c>, or -1 when they are not there (the parser will say so).</summary>
    private static int Hex(ReadOnlySpan<byte> escape) =>
        escape.Length >= 6 && System.Buffers.Text.Utf8Parser.TryParse(escape.Slice(2, 4), out ushort value, out var used, 'x') && used == 4
            ? value
            : -1;

    private static void RequireJson(HttpRequest request, IReadOnlyList<string> alsoAs)
    {
        var type = request.ContentType;
        if (type is null || !(Is(type, Answer.Json) || alsoAs.Any(also => Is(type, also))))
        {
            throw new ProblemException(
                Problem.UnsupportedMediaType, $"Send JSON as {string.Join(" or ", alsoAs.Prepend(Answer.Json))} (UTF-8).");
        }

        // A small compressed body may be a very large one.
        if (request.Headers.ContentEncoding is [_, ..] codings && codings is not ["identity"])
        {
            throw new ProblemException(Problem.UnsupportedMediaType, "Send the body as it is, without a Content-Encoding.");
        }
    }

    /// <summary>Whether a <c>Content-Type</c> is this media type, in the only encoding that JSON has.</summary>
    public static bool Is(string contentType, string mediaType)
    {
        if (contentType == mediaType)
        {
            return true;
        }

        return Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out var parsed)
            && parsed.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase)
            && (parsed.Charset.Length == 0 || parsed.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }

    private static ProblemException TooLarge(int limit) =>
        new(Problem.PayloadTooLarge, $"The body may have at most {limit} bytes.");

    /// <summary>1e400 is JSON, but it would become infinite: no rule about ranges is meant to meet that.</summary>
    private sealed class FiniteConverter : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.Number && reader.TryGetDouble(out var number) && double.IsFinite(number)
                ? number
                : throw new JsonException("The JSON value could not be converted to System.Double.");

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
    }

    /// <summary>RFC 3339 in UTC with <c>Z</c>, microseconds only when there are some; any offset is understood.</summary>
    private sealed class InstantConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.String && WireInstant.TryParse(reader.GetString()!, out var instant)
                ? instant
                : throw new JsonException("an RFC 3339 time such as 2026-01-31T09:30:00Z is expected");

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte[WireInstant.MaxLength];
            writer.WriteStringValue(text[..WireInstant.Format(value, text)]);
        }
    }
}
