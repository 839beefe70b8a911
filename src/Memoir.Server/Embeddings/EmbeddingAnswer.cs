using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Memoir.Server.Embeddings;

/// <summary>What goes to an OpenAI-compatible endpoint, and the checks that what comes back really is that many unit vectors.</summary>
internal static class EmbeddingAnswer
{
    public const int MaxBytes = 64 * 1024 * 1024;

    // Providers give lengths near one; what is far from it is damage, even where a direction could be made of it.
    private const double SmallestLength = 1e-4;
    private const double LargestLength = 1e4;

    public static byte[] Request(string model, int? dimensions, IEnumerable<string> texts)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteString("encoding_format", "base64");
            if (dimensions is { } asked)
            {
                json.WriteNumber("dimensions", asked);
            }

            json.WriteStartArray("input");
            foreach (var text in texts)
            {
                json.WriteStringValue(text);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>The beginning of a text that fits into about so many tokens, by what texts cost in practice.</summary>
    public static string Cut(string text, int maxTokens)
    {
        const int AsciiTenths = 3;
        const int OtherTenths = 13;

        var left = maxTokens * 10L;
        if ((long)text.Length * OtherTenths <= left)
        {
            return text;
        }

        for (var i = 0; i < text.Length; i++)
        {
            left -= text[i] < 128 ? AsciiTenths : OtherTenths;
            if (left < 0)
            {
                return text[..(i > 0 && char.IsHighSurrogate(text[i - 1]) ? i - 1 : i)];
            }
        }

        return text;
    }

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(Stream answer, CancellationToken ct)
    {
        using var body = new MemoryStream();
        var buffer = new byte[81920];
        int read;
        while ((read = await answer.ReadAsync(buffer, ct)) > 0)
        {
            if (body.Length + read > MaxBytes)
            {
                throw Invalid("it is too long");
            }

            body.Write(buffer, 0, read);
        }

        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    public static float[][] Parse(ReadOnlyMemory<byte> body, int count, int dimensions)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Vectors(document.RootElement, count, dimensions);
        }
        catch (JsonException cause)
        {
            throw Invalid("it is not JSON", cause);
        }
    }

    private static float[][] Vectors(JsonElement root, int count, int dimensions)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("data", out var data)
            || data.ValueKind != JsonValueKind.Array)
        {
            throw Invalid("it has no list of vectors");
        }

        if (data.GetArrayLength() != count)
        {
            throw Invalid($"it has {data.GetArrayLength()} vectors instead of {count}");
        }

        var vectors = new float[count][];
        var position = 0;
        foreach (var item in data.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("embedding", out var embedding))
            {
                throw Invalid("an item has no vector");
            }

            var index = position++;
            if (item.TryGetProperty("index", out var given)
                && (given.ValueKind != JsonValueKind.Number || !given.TryGetInt32(out index)))
            {
                throw Invalid("an index is not a number");
            }

            if (index < 0 || index >= count || vectors[index] is not null)
            {
                throw Invalid("the indexes do not match what was asked");
            }

            vectors[index] = Vector(embedding, dimensions);
        }

        return vectors;
    }

    private static float[] Vector(JsonElement embedding, int dimensions)
    {
        var vector = embedding.ValueKind switch
        {
            JsonValueKind.String => FromBase64(embedding.GetString()!, dimensions),
            JsonValueKind.Array => FromNumbers(embedding, dimensions),
            _ => throw Invalid("a vector is neither numbers nor base64"),
        };

        var squares = 0.0;
        foreach (var value in vector)
        {
            squares += (double)value * value;
        }

        // Written so that NaN fails it too.
        return Math.Sqrt(squares) is >= SmallestLength and <= LargestLength && EmbeddingVector.TryNormalize(vector)
            ? vector
            : throw Invalid("a vector is zero, not finite or of no plausible length");
    }

    private static float[] FromBase64(string text, int dimensions)
    {
        var vector = new float[dimensions];
        if (text.Length != Base64.GetMaxEncodedToUtf8Length(dimensions * sizeof(float))
            || !Convert.TryFromBase64String(text, MemoryMarshal.AsBytes(vector.AsSpan()), out var written)
            || written != dimensions * sizeof(float))
        {
            throw Invalid($"a vector has not the {dimensions} dimensions of MEMORY_EMBEDDING_DIMENSIONS");
        }

        if (!BitConverter.IsLittleEndian)
        {
            var words = MemoryMarshal.Cast<float, int>(vector.AsSpan());
            System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(words, words);
        }

        return vector;
    }

    private static float[] FromNumbers(JsonElement numbers, int dimensions)
    {
        if (numbers.GetArrayLength() != dimensions)
        {
            throw Invalid(
                $"a vector has {numbers.GetArrayLength()} dimensions instead of the {dimensions} of MEMORY_EMBEDDING_DIMENSIONS");
        }

        var vector = new float[dimensions];
        var i = 0;
        foreach (var number in numbers.EnumerateArray())
        {
            if (number.ValueKind != JsonValueKind.Number || !number.TryGetSingle(out vector[i++]))
            {
                throw Invalid("a vector has a value that is not a number");
            }
        }

        return vector;
    }

    private static EmbeddingException Invalid(string why, Exception? cause = null) =>
        new(EmbeddingError.InvalidAnswer, $"The embedding provider's answer cannot be used: {why}.", cause);
}
