namespace Memoir.Server.Embeddings.Vectors;

/// <summary>A query prepared once for many comparisons: twelve-bit integers for exact cosines, lookups for the sketches.</summary>
internal sealed class QueryVector
{
    // The largest whose inner product with 4096 signed bytes still fits 32 bits.
    private const double LargestValue = 2047;

    private readonly short[] _values;
    private readonly byte[] _lookup;

    private QueryVector(int dimensions, short[] values, float scale, byte[] lookup, float lookupStep, float lookupFloor)
    {
        Dimensions = dimensions;
        _values = values;
        Scale = scale;
        _lookup = lookup;
        LookupStep = lookupStep;
        LookupFloor = lookupFloor;
    }

    public int Dimensions { get; }

    internal ReadOnlySpan<short> Values => _values;

    internal float Scale { get; }

    internal ReadOnlySpan<byte> Lookup => _lookup;

    internal float LookupStep { get; }

    internal float LookupFloor { get; }

    /// <summary>Null when the vector has no direction (all zero, or a value that is not finite).</summary>
    public static QueryVector? From(ReadOnlySpan<float> vector)
    {
        var sketch = VectorSketch.Of(vector.Length);
        var largest = 0f;
        foreach (var value in vector)
        {
            if (!float.IsFinite(value))
            {
                return null;
            }

            largest = Math.Max(largest, Math.Abs(value));
        }

        if (largest == 0)
        {
            return null;
        }

        var values = new short[VectorTable.StrideOf(vector.Length)];
        var squares = 0L;
        for (var i = 0; i < vector.Length; i++)
        {
            values[i] = (short)Math.Round(vector[i] * (LargestValue / largest));
            squares += values[i] * values[i];
        }

        var scale = (float)(1 / Math.Sqrt(squares));
        var unit = new float[vector.Length];
        for (var i = 0; i < unit.Length; i++)
        {
            unit[i] = values[i] * scale;
        }

        var lookup = new byte[sketch.LookupLength];
        var (step, floor) = sketch.FillLookup(unit, lookup);
        return new QueryVector(vector.Length, values, scale, lookup, step, floor);
    }
}
