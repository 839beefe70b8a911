namespace Memoir.Tests.Server.Embeddings;

/// <summary>Vectors to measure with: random directions, alone or around a centre.</summary>
internal static class TestVectors
{
    public static float[] Unit(Random random, int dimensions, float[]? centre = null, float spread = 1)
    {
        var vector = new float[dimensions];
        for (var i = 0; i < dimensions; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            vector[i] = (centre is null ? 0 : centre[i] * MathF.Sqrt(dimensions)) + (spread * (float)normal);
        }

        var length = Math.Sqrt(Cosine(vector, vector));
        return [.. vector.Select(value => (float)(value / length))];
    }

    public static double Cosine(float[] a, float[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += (double)a[i] * b[i];
        }

        return sum;
    }
}
