using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Memoir.Server.Embeddings.Vectors;

/// <summary>
/// How vectors of one dimension count are sketched: a fixed random rotation, then one or two bits per dimension,
/// so that a scan reads a sixteenth of the float vector and still knows the cosine to about 0.02.
/// </summary>
internal sealed class VectorSketch
{
    /// <summary>Vectors that share a block; a block's codes lie column by column, one byte per vector.</summary>
    public const int BlockSize = 32;

    public const int MaxDimensions = 4096;

    // Four lookups are added in a byte before they are widened: 4 × 63 still fits.
    private const int LookupLevels = 63;

    // One bit costs as much precision per byte as two, and keeps the scan of long vectors within the cache.
    private const int FirstOneBitDimension = 1024;

    private static readonly ConcurrentDictionary<int, VectorSketch> Known = new();

    // The best four (two) steps for a normal distribution, after Lloyd and Max; a rotated unit vector is nearly normal.
    private static readonly float[] TwoBitLevels = [-1.5104f, -0.4528f, 0.4528f, 1.5104f];
    private static readonly float[] OneBitLevels = [-0.7979f, 0.7979f];
    private const float TwoBitThreshold = 0.9816f;
    private const float TwoBitDistortion = 0.1175f;
    private const float OneBitDistortion = 0.3634f;

    private readonly float[][] _signs;
    private readonly int _block;
    private readonly int _bits;
    private readonly int _padded;
    private readonly float _sigma;

    private VectorSketch(int dimensions)
    {
        Dimensions = dimensions;
        _bits = dimensions < FirstOneBitDimension ? 2 : 1;
        var perTwoColumns = 16 / _bits;
        _padded = (dimensions + perTwoColumns - 1) / perTwoColumns * perTwoColumns;
        Columns = _padded * _bits / 8;
        _sigma = 1 / MathF.Sqrt(dimensions);
        Gain = 1 - (_bits == 2 ? TwoBitDistortion : OneBitDistortion);
        StandardError = MathF.Sqrt(1 - Gain) * _sigma;
        _block = 1 << BitOperations.Log2((uint)dimensions);
        _signs = [Signs(dimensions, 1), Signs(dimensions, 2)];
    }

    public int Dimensions { get; }

    /// <summary>Bytes of one vector's code; always even.</summary>
    public int Columns { get; }

    public int LookupLength => Columns * 64;

    /// <summary>What a sketch keeps of a cosine on average: rounding to the middle of a step shortens every vector.</summary>
    public float Gain { get; }

    /// <summary>How far, as a standard deviation, a sketch's cosine strays from gain × cosine.</summary>
    public float StandardError { get; }

    public static VectorSketch Of(int dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions, MaxDimensions);
        return Known.GetOrAdd(dimensions, static count => new VectorSketch(count));
    }

    /// <summary>Writes the code of <paramref name="values"/> × <paramref name="scale"/> into one lane of a block.</summary>
    public void Encode(ReadOnlySpan<sbyte> values, float scale, Span<byte> block, int lane)
    {
        Span<float> rotated = stackalloc float[_padded];
        rotated[Dimensions..].Clear();
        for (var i = 0; i < values.Length; i++)
        {
            rotated[i] = values[i] * scale;
        }

        Rotate(rotated[..Dimensions]);

        var perColumn = 8 / _bits;
        var threshold = TwoBitThreshold * _sigma;
        for (var column = 0; column < Columns; column++)
        {
            var code = 0;
            var part = rotated.Slice(column * perColumn, perColumn);
            for (var i = 0; i < part.Length; i++)
            {
                var x = part[i];
                var step = _bits == 1
                    ? (x >= 0 ? 1 : 0)
                    : (x >= 0 ? 1 : 0) + (x >= threshold ? 1 : 0) + (x >= -threshold ? 1 : 0);
                code |= step << (i * _bits);
            }

            block[(column * BlockSize) + lane] = (byte)code;
        }
    }

    /// <summary>
    /// Fills, per half byte of a code, what each of its 16 values adds to the cosine with <paramref name="unit"/>,
    /// in whole steps above a floor: cosine ≈ floor + step × (sum of the lookups).
    /// </summary>
    public (float Step, float Floor) FillLookup(ReadOnlySpan<float> unit, Span<byte> lookup)
    {
        Span<float> rotated = stackalloc float[_padded];
        rotated.Clear();
        unit.CopyTo(rotated);
        Rotate(rotated[..Dimensions]);

        var perNibble = 4 / _bits;
        var levels = _bits == 2 ? TwoBitLevels : OneBitLevels;
        var nibbles = Columns * 2;
        var exact = new float[nibbles * 16];
        var minima = new float[nibbles];
        var range = 0f;
        var floor = 0f;
        for (var nibble = 0; nibble < nibbles; nibble++)
        {
            var part = rotated.Slice(nibble * perNibble, perNibble);
            var (smallest, largest) = (float.MaxValue, float.MinValue);
            for (var code = 0; code < 16; code++)
            {
                var sum = 0f;
                for (var i = 0; i < part.Length; i++)
                {
                    sum += part[i] * levels[(code >> (i * _bits)) & ((1 << _bits) - 1)];
                }

                sum *= _sigma;
                exact[(nibble * 16) + code] = sum;
                smallest = Math.Min(smallest, sum);
                largest = Math.Max(largest, sum);
            }

            minima[nibble] = smallest;
            floor += smallest;
            range = Math.Max(range, largest - smallest);
        }

        var step = range > 0 ? range / LookupLevels : 1;
        for (var nibble = 0; nibble < nibbles; nibble++)
        {
            for (var code = 0; code < 16; code++)
            {
                var level = (byte)MathF.Round((exact[(nibble * 16) + code] - minima[nibble]) / step);

                // Twice, because a 32-byte shuffle looks up in each of its halves alone.
                lookup[(nibble * 32) + code] = level;
                lookup[(nibble * 32) + 16 + code] = level;
            }
        }

        return (step, floor);
    }

    /// <summary>Turns the vector by a fixed orthogonal map that spreads every direction evenly over all dimensions.</summary>
    internal void Rotate(Span<float> vector)
    {
        foreach (var signs in _signs)
        {
            for (var i = 0; i < vector.Length; i++)
            {
                vector[i] *= signs[i];
            }

            HadamardTransform(vector[.._block]);
            if (_block < vector.Length)
            {
                HadamardTransform(vector[^_block..]);
            }
        }
    }

    private static void HadamardTransform(Span<float> vector)
    {
        ref var first = ref MemoryMarshal.GetReference(vector);
        for (var half = 1; half < vector.Length; half *= 2)
        {
            for (var start = 0; start < vector.Length; start += 2 * half)
            {
                if (half >= Vector256<float>.Count)
                {
                    for (var i = start; i < start + half; i += Vector256<float>.Count)
                    {
                        var a = Vector256.LoadUnsafe(ref first, (nuint)i);
                        var b = Vector256.LoadUnsafe(ref first, (nuint)(i + half));
                        (a + b).StoreUnsafe(ref first, (nuint)i);
                        (a - b).StoreUnsafe(ref first, (nuint)(i + half));
                    }
                }
                else
                {
                    for (var i = start; i < start + half; i++)
                    {
                        (vector[i], vector[i + half]) = (vector[i] + vector[i + half], vector[i] - vector[i + half]);
                    }
                }
            }
        }

        var scale = 1 / MathF.Sqrt(vector.Length);
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] *= scale;
        }
    }

    private static float[] Signs(int dimensions, ulong round)
    {
        var signs = new float[dimensions];
        for (var i = 0; i < signs.Length; i++)
        {
            // SplitMix64: fixed for ever, because the sketches of a table must agree with the query's.
            var z = (round << 32) + ((ulong)i + 1) * 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            signs[i] = ((z ^ (z >> 31)) & 1) == 0 ? 1 : -1;
        }

        return signs;
    }
}
