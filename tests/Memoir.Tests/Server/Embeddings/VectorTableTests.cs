using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Tests.Server.Embeddings;

public sealed class VectorTableTests
{
    [Theory]
    [InlineData(384, 0, 10_000, 0)]
    [InlineData(384, 100, 10_000, 0)]
    [InlineData(384, 5, 10_000, 0.0005)]
    [InlineData(256, 50, 10_000, 0)]
    [InlineData(100, 0, 6_000, 0)]
    [InlineData(1536, 50, 5_000, 0)]
    public void The_nearest_are_those_that_brute_force_finds(int dimensions, int groups, int count, double rounding)
    {
        var random = new Random(11);
        var centres = Enumerable.Range(0, groups).Select(_ => TestVectors.Unit(random, dimensions)).ToArray();
        float[] Draw() => groups == 0
            ? TestVectors.Unit(random, dimensions)
            : TestVectors.Unit(random, dimensions, centres[random.Next(groups)], 0.5f);
        var table = new VectorTable(dimensions);
        var vectors = new float[count][];
        for (var i = 0; i < count; i++)
        {
            vectors[i] = Draw();
            table.Set(i, VectorCodec.Encode(vectors[i]));
        }

        var found = 0;
        const int Queries = 20;
        for (var q = 0; q < Queries; q++)
        {
            var query = Draw();
            var best = new VectorHit[10];
            Assert.Equal(10, table.Nearest(QueryVector.From(query)!, All(count), best));

            // In a dense group, vectors that differ by less than eight bits can tell are as good as each other.
            var tenth = vectors.Select(vector => TestVectors.Cosine(query, vector)).OrderDescending().ElementAt(9);
            found += best.Count(hit => TestVectors.Cosine(query, vectors[hit.Ordinal]) >= tenth - rounding);
            Assert.All(best, hit => Assert.Equal(TestVectors.Cosine(query, vectors[hit.Ordinal]), hit.Cosine, 0.01));
            Assert.Equal(best.OrderByDescending(hit => hit.Cosine), best);
        }

        Assert.True(found >= 0.95 * 10 * Queries, $"recall {found / (10.0 * Queries)}");
    }

    [Fact]
    public void Only_what_is_allowed_and_there_is_found()
    {
        const int Count = 9_000;
        var random = new Random(5);
        var table = new VectorTable(64);
        for (var i = 0; i < Count; i += 2)
        {
            table.Set(i, VectorCodec.Encode(TestVectors.Unit(random, 64)));
        }

        table.Clear(4);
        table.Clear(5);
        table.Clear(1_000_000);
        var query = QueryVector.From(TestVectors.Unit(random, 64))!;
        var allowed = All(Count);
        allowed[0] &= ~(1ul << 8);
        var best = new VectorHit[Count];

        var hits = best[..table.Nearest(query, allowed, best)];

        Assert.Equal((Count / 2) - 2, hits.Length);
        Assert.DoesNotContain(hits, hit => hit.Ordinal % 2 == 1 || hit.Ordinal is 4 or 8);
        Assert.Equal(5, table.Nearest(query, [0b1111_0001_0000_0100_0011ul], best)); // 0, 6, 12, 16 and 18
        Assert.Equal(0, table.Nearest(query, [], best));
        Assert.Equal(0, table.Nearest(query, allowed, []));
        Assert.Equal(0, new VectorTable(64).Nearest(query, allowed, best));
        Assert.True(table.Has(6));
        Assert.False(table.Has(4));
        Assert.False(table.Has(7));
        Assert.False(table.Has(-1));
        Assert.True(float.IsNaN(table.Cosine(7, query)));
        Assert.True(float.IsNaN(table.Cosine(int.MaxValue, query)));
        Assert.InRange(table.EstimatedBytes, Count * 64, Count * 64 * 4);
    }

    [Fact]
    public void Crowds_of_equal_vectors_are_no_trap()
    {
        const int Count = 30_000;
        var random = new Random(9);
        var (same, other) = (TestVectors.Unit(random, 128), TestVectors.Unit(random, 128));
        var table = new VectorTable(128);
        for (var i = 0; i < Count; i++)
        {
            table.Set(i, VectorCodec.Encode(i == 20_000 ? other : same));
        }

        var best = new VectorHit[5];
        Assert.Equal(5, table.Nearest(QueryVector.From(other)!, All(Count), best));
        Assert.Equal(20_000, best[0].Ordinal);
        Assert.Equal(5, table.Nearest(QueryVector.From(same)!, All(Count), best));
        Assert.All(best, hit => Assert.Equal(1, hit.Cosine, 0.001));
    }

    [Fact]
    public void A_set_vector_replaces_the_old_one()
    {
        var table = new VectorTable(2);
        table.Set(3, VectorCodec.Encode([1, 0]));
        table.Set(3, VectorCodec.Encode([0, 1]));

        Assert.Equal(1, table.Cosine(3, QueryVector.From([0, 2])!), 0.001);
        Assert.Equal(-1, table.Cosine(3, QueryVector.From([0, -2])!), 0.001);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(1000)]
    [InlineData(1025)]
    [InlineData(4096)]
    public void Every_number_of_dimensions_works(int dimensions)
    {
        var random = new Random(dimensions);
        var vector = TestVectors.Unit(random, dimensions);
        var table = new VectorTable(dimensions);
        table.Set(0, VectorCodec.Encode(vector));

        Assert.Equal(1, table.Cosine(0, QueryVector.From(vector)!), 0.001);

        var rotated = (float[])vector.Clone();
        VectorSketch.Of(dimensions).Rotate(rotated);
        Assert.Equal(1, TestVectors.Cosine(rotated, rotated), 0.001);
    }

    [Fact]
    public void Both_forms_of_the_kernels_agree()
    {
        var random = new Random(2);
        var block = new byte[32 * 96];
        random.NextBytes(block);
        var lookup = new byte[64 * 96];
        for (var half = 0; half < lookup.Length; half += 32)
        {
            for (var i = 0; i < 16; i++)
            {
                lookup[half + i] = lookup[half + 16 + i] = (byte)random.Next(64);
            }
        }

        var (fast, portable) = (new ushort[32], new ushort[32]);
        VectorKernel.Score(block, lookup, fast);
        VectorKernel.ScorePortable(block, lookup, portable);
        Assert.Equal(portable, fast);

        var values = new sbyte[4096];
        var query = new short[4096];
        Array.Fill(values, (sbyte)-127);
        Array.Fill(query, (short)2047);
        Assert.Equal(VectorKernel.DotPortable(values, query), VectorKernel.Dot(values, query));
        Assert.Equal(-127L * 2047 * 4096, VectorKernel.Dot(values, query));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(0f)]
    [InlineData(float.NegativeInfinity)]
    public void A_query_without_direction_is_none(float value) => Assert.Null(QueryVector.From([value, 0]));

    [Fact]
    public void A_query_of_other_dimensions_is_refused() =>
        Assert.Throws<ArgumentException>(() => new VectorTable(8).Cosine(0, QueryVector.From([1, 0])!));

    [Fact]
    public async Task Readers_never_see_a_half_written_vector()
    {
        const int Dimensions = 384;
        var (a, b) = (new float[Dimensions], new float[Dimensions]);
        Array.Fill(a, 1f);
        Array.Fill(b, -1f);
        var (encodedA, encodedB) = (VectorCodec.Encode(a), VectorCodec.Encode(b));
        var query = QueryVector.From(a)!;
        var table = new VectorTable(Dimensions);
        using var done = new CancellationTokenSource();

        var readers = Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(
            () =>
            {
                var best = new VectorHit[3];
                while (!done.IsCancellationRequested)
                {
                    var cosine = table.Cosine(7, query);
                    Assert.True(float.IsNaN(cosine) || Math.Abs(Math.Abs(cosine) - 1) < 0.001, $"{cosine}");
                    foreach (var hit in best.AsSpan(0, table.Nearest(query, All(20_000), best)))
                    {
                        Assert.InRange(Math.Abs(hit.Cosine), 0.999f, 1.001f);
                    }
                }
            },
            done.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();

        for (var i = 0; i < 20_000; i++)
        {
            table.Set(7, i % 2 == 0 ? encodedA : encodedB);
            table.Set(i, i % 3 == 0 ? encodedA : encodedB);
            if (i % 50 == 0)
            {
                table.Clear(7);
            }
        }

        await done.CancelAsync();
        await Task.WhenAll(readers);
    }

    private static ulong[] All(int count)
    {
        var bits = new ulong[(count + 63) / 64];
        for (var i = 0; i < count; i++)
        {
            bits[i / 64] |= 1ul << (i % 64);
        }

        return bits;
    }
}
