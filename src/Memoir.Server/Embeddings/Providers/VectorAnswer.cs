using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Memoir.Server.Embeddings.Providers;

/// <summary>The checks that what a provider sends really is that many unit vectors, and no more bytes than these need.</summary>
internal static class VectorAnswer
{
    // A number in words is up to about twenty characters long; blanks and the rest of an answer come on top.
    private const int BytesPerValue = 32;
    private const int BytesBeside = 64 * 1024;

    // Providers give lengths near one; what is far from it is damage, even where a direction could be made of it.
    private const double SmallestLength = 1e-4;
    private const double LargestLength = 1e4;

    /// <summary>The most that an honest answer can take.</summary>
    public static int MostBytes(int count, int dimensions) => (int)Math.Min(int.MaxValue, BytesBeside + ((long)count * dimensions * BytesPerValue));

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

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(Stream answer, int mostBytes, CancellationToken ct)
    {
        using var body = new MemoryStream();
        var buffer = new byte[81920];
        int read;
        while ((read = await answer.ReadAsync(buffer, ct)) > 0)
        {
            if (body.Length + read > mostBytes)
            {
                throw Invalid("it is too long");
            }

            body.Write(buffer, 0, read);
        }

        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    /// <summary>The list of an answer, or of a member of it, that must have so many items.</summary>
    public static JsonElement List(JsonElement answer, string? member, int count)
    {
        var list = answer;
        if (member is not null && (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty(member, out list)))
        {
            throw Invalid("it has no list of vectors");
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            throw Invalid("it has no list of vectors");
        }

        return list.GetArrayLength() == count
            ? list
            : throw Invalid($"it has {list.GetArrayLength()} vectors instead of {count}");
    }

    /// <summary>One vector, as numbers or base64, made a unit vector.</summary>
    public static float[] Vector(JsonElement embedding, int dimensions)
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

    public static EmbeddingException Invalid(string why, Exception? cause = null) =>
        new(EmbeddingError.InvalidAnswer, $"The embedding provider's answer cannot be used: {why}.", cause);

    private static float[] FromBase64(string text, int dimensions)
    {
        var vector = new float[dimensions];
        if (text.Length != Base64.GetMaxEncodedToUtf8Length(dimensions * sizeof(float))
            || !Convert.TryFromBase64String(text, MemoryMarshal.AsBytes(vector.AsSpan()), out var written)
            || written != dimensions * sizeof(float))
        {
            throw Invalid($"a vector has not the {dimensions} dimensions that are configured");
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
            throw Invalid($"a vector has {numbers.GetArrayLength()} dimensions instead of the {dimensions} that are configured");
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
}
