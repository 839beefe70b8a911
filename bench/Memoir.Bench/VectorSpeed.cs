using System.Diagnostics;
using System.Globalization;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Bench;

/// <summary>Measures the vector scan (speed, recall against brute force).</summary>
internal static class VectorSpeed
{
    private const int Queries = 60;
    private const int Hits = 10;

    public static void Run(string[] args)
    {
        var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100_000;
        var dimensions = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 384;
        Console.WriteLine($"{count} vectors of {dimensions} dimensions, top {Hits}, {Queries} queries, one thread");
        Console.WriteLine("data         set µs   p50 ms   p95 ms   recall   half allowed   1 % allowed    MiB");
        foreach (var clusters in (int[])[0, 1000, 100, 10])
        {
            Measure(count, dimensions, clusters);
        }

        MeasureBuiltin();
    }

    private static void MeasureBuiltin()
    {
        const string Sentence =
            "Yesterday Caroline told me that she signed up for the pottery workshop in Boulder and will bring her two "
            + "dogs along when the weather allows it";
        var embedder = new BuiltinEmbedder();
        var vector = new float[BuiltinEmbedder.Dimensions];
        foreach (var (name, text) in new[]
        {
            ("25 words", Sentence),
            ("8 words", Sentence[..47]),
            ("100,000 characters", string.Concat(Enumerable.Range(0, 20_000).Select(i => $"word{i * 7919} "))[..100_000]),
        })
        {
            var rounds = 2_000_000 / text.Length;
            var best = double.MaxValue;
            for (var trial = 0; trial < 12; trial++)
            {
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < rounds; i++)
                {
                    embedder.Embed(text, vector);
                }

                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds / rounds);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"builtin embedder, {name}: {best:F2} µs"));
        }
    }

    private static void Measure(int count, int dimensions, int clusters)
    {
        var random = new Random(7);
        var centres = Enumerable.Range(0, clusters).Select(_ => Gaussian(random, dimensions, null, 1)).ToArray();
        float[] Draw() => clusters == 0
            ? Gaussian(random, dimensions, null, 1)
            : Gaussian(random, dimensions, centres[random.Next(clusters)], 0.5f);

        var table = new VectorTable(dimensions);
        var encoded = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            encoded[i] = VectorCodec.Encode(Draw());
        }

        var setting = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            table.Set(i, encoded[i]);
        }

        var perSet = Stopwatch.GetElapsedTime(setting).TotalMicroseconds / count;
        var queries = Enumerable.Range(0, Queries).Select(_ => QueryVector.From(Draw())!).ToArray();
        var all = Bits(count, _ => true);
        var (p50, p95, hits) = Scan(table, queries, all);
        var (half, _, _) = Scan(table, queries, Bits(count, i => i % 2 == 0));
        var (one, _, _) = Scan(table, queries, Bits(count, i => i % 100 == 0));

        var found = 0;
        for (var q = 0; q < Queries; q++)
        {
            // Ties at the border are interchangeable: a hit counts when it is as near as the last of the true ones.
            var exact = new float[count];
            for (var i = 0; i < count; i++)
            {
                exact[i] = table.Cosine(i, queries[q]);
            }

            Array.Sort(exact);
            found += hits[q].Count(hit => hit.Cosine >= exact[^Hits]);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(clusters == 0 ? "random" : clusters + " groups"),-12} {perSet,6:F2}   {p50,6:F3}   {p95,6:F3}   {found / (double)(Queries * Hits),6:F4}   {half,12:F3}   {one,11:F3}   {table.EstimatedBytes / 1048576.0,4:F0}"));
    }

    private static (double P50, double P95, VectorHit[][] Hits) Scan(VectorTable table, QueryVector[] queries, ulong[] allowed)
    {
        var hits = queries.Select(_ => new VectorHit[Hits]).ToArray();
        var times = new List<double>();
        for (var round = 0; round < 8; round++)
        {
            for (var q = 0; q < queries.Length; q++)
            {
                var start = Stopwatch.GetTimestamp();
                table.Nearest(queries[q], allowed, hits[q]);
                if (round >= 3)
                {
                    times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }
        }

        times.Sort();
        return (times[times.Count / 2], times[times.Count * 95 / 100], hits);
    }

    private static ulong[] Bits(int count, Func<int, bool> allowed)
    {
        var bits = new ulong[(count + 63) / 64];
        for (var i = 0; i < count; i++)
        {
            bits[i / 64] |= allowed(i) ? 1ul << (i % 64) : 0;
        }

        return bits;
    }

    private static float[] Gaussian(Random random, int dimensions, float[]? centre, float spread)
    {
        var vector = new float[dimensions];
        for (var i = 0; i < dimensions; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            vector[i] = (centre?[i] ?? 0) + (spread * (float)normal);
        }

        return vector;
    }
}
