using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>The stored form of a vector: one version byte, a float32 scale, one signed byte per dimension.</summary>
internal static class VectorCodec
{
    private const byte Version = 1;
    private const int HeaderLength = 1 + sizeof(float);

    // Above float rounding, below what nearly every flipped bit does.
    private const double NormTolerance = 1e-6;

    public static int LengthOf(int dimensions) => HeaderLength + dimensions;

    public static byte[] Encode(ReadOnlySpan<float> vector)
    {
        var encoded = new byte[LengthOf(vector.Length)];
        Encode(vector, encoded);
        return encoded;
    }

    /// <summary>The direction of <paramref name="vector"/>; its length is not kept, so decoding always gives a unit vector.</summary>
    public static void Encode(ReadOnlySpan<float> vector, Span<byte> encoded)
    {
        if (vector.IsEmpty || encoded.Length != LengthOf(vector.Length))
        {
            throw new ArgumentException($"{vector.Length} dimensions need {LengthOf(vector.Length)} bytes, not {encoded.Length}.");
        }

        var largest = 0f;
        foreach (var value in vector)
        {
            if (!float.IsFinite(value))
            {
                throw new ArgumentException("A vector with a value that is not finite cannot be stored.");
            }

            largest = Math.Max(largest, Math.Abs(value));
        }

        if (largest == 0)
        {
            throw new ArgumentException("A zero vector has no direction and cannot be stored.");
        }

        var values = MemoryMarshal.Cast<byte, sbyte>(encoded[HeaderLength..]);
        for (var i = 0; i < values.Length; i++)
        {
            // In double, because 127 / largest overflows a float for the smallest magnitudes.
            values[i] = (sbyte)Math.Round(vector[i] * (127.0 / largest));
        }

        encoded[0] = Version;
        BinaryPrimitives.WriteSingleLittleEndian(encoded[1..], (float)(1 / Math.Sqrt(SquaredLength(values))));
    }

    /// <summary>Throws <see cref="FormatException"/> on anything that <see cref="Encode(ReadOnlySpan{float})"/> did not write.</summary>
    public static float[] Decode(ReadOnlySpan<byte> encoded, int dimensions)
    {
        var scale = Check(encoded, dimensions);
        var values = Values(encoded);

        var vector = new float[dimensions];
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = values[i] * scale;
        }

        return vector;
    }

    /// <summary>Whether the bytes are a vector of so many dimensions, whole and undamaged.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> encoded, int dimensions) => Flaw(encoded, dimensions) is null;

    /// <summary>The scale of an intact vector; throws <see cref="FormatException"/> on any other.</summary>
    internal static float Check(ReadOnlySpan<byte> encoded, int dimensions) =>
        Flaw(encoded, dimensions) is { } flaw
            ? throw new FormatException($"A stored vector is damaged: {flaw}.")
            : BinaryPrimitives.ReadSingleLittleEndian(encoded[1..]);

    internal static ReadOnlySpan<sbyte> Values(ReadOnlySpan<byte> encoded) =>
        MemoryMarshal.Cast<byte, sbyte>(encoded[HeaderLength..]);

    private static string? Flaw(ReadOnlySpan<byte> encoded, int dimensions)
    {
        if (encoded.Length != LengthOf(dimensions))
        {
            return $"it has {encoded.Length} bytes where {dimensions} dimensions take {LengthOf(dimensions)}";
        }

        if (encoded[0] != Version)
        {
            return $"its version {encoded[0]} is unknown";
        }

        // The scale is the inverse length of the values, so it doubles as a checksum: most damage breaks the product.
        var scale = (double)BinaryPrimitives.ReadSingleLittleEndian(encoded[1..]);
        var length = scale * Math.Sqrt(SquaredLength(Values(encoded)));
        return scale > 0 && Math.Abs(length - 1) < NormTolerance ? null : "its scale does not fit its values";
    }

    private static long SquaredLength(ReadOnlySpan<sbyte> values)
    {
        var sum = 0L;
        foreach (var value in values)
        {
            sum += value * value;
        }

        return sum;
    }
}
