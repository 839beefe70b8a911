using Memoir.Kit.Data;
using Memoir.Server.Embeddings;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Tests.Server.Postgres;

/// <summary>What PostgreSQL finds near, with and without an index, is what comparing every vector finds.</summary>
public sealed class NearestVectorsTests
{
    private static readonly Tenant Acme = new("acme");
    private static readonly Tenant Globex = new("globex");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(256, 300)]
    [InlineData(3072, 40)]
    public async Task The_index_finds_what_comparing_finds_and_of_the_own_tenant_alone(int dimensions, int count)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var generation = new EmbeddingGeneration("openai", "test", dimensions);
        var random = new Random(17);
        var own = await FillAsync(database, Acme, generation, random, count);
        await FillAsync(database, Globex, generation, random, count);
        var query = Vector(random, dimensions);
        var expected = own.OrderByDescending(item => Cosine(item.Value, query)).Take(10).Select(item => item.Key).ToList();

        var compared = await FindAsync(database, generation, query, 10, isLarge: false);
        var indexed = await FindAsync(database, generation, query, 10, isLarge: true);

        Assert.Equal(expected, compared.OrderByDescending(found => found.Value).Select(found => found.Key));
        Assert.Equal(10, indexed.Count);
        Assert.InRange(indexed.Keys.Intersect(expected).Count(), 9, 10);
        Assert.All(indexed, found => Assert.Equal(Cosine(own[found.Key], query), found.Value, 0.01));
    }

    [Fact]
    public async Task Whose_vectors_the_index_meets_too_late_among_those_of_others_compares_all_of_its_own()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var generation = new EmbeddingGeneration("openai", "test", 256);
        var random = new Random(11);
        var query = Vector(random, 256);
        var own = await FillAsync(database, Acme, generation, random, 30, [.. query.Select(x => -x)]);
        await FillAsync(database, Globex, generation, random, 1000, query);

        var found = await database.ReadAsync(Acme, async session =>
        {
            await session.ScalarAsync("SELECT length(set_config('enable_sort', 'off', true))", new { }); // So few rows would be sorted.
            return await NearestVectors.FindAsync(session, generation, query, count: 30, wanted: [], among: null, isLarge: true, mostScanned: 1);
        }, Ct);

        Assert.Equal(own.Keys.Order(), found.Keys.Order());
    }

    [Fact]
    public async Task Only_listed_places_are_near_and_wanted_ones_have_their_cosine_however_far_they_are()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var generation = new EmbeddingGeneration("openai", "test", 64);
        var own = await FillAsync(database, Acme, generation, new Random(3), 50);
        var query = own[7];

        var found = await database.ReadAsync(
            Acme, session => NearestVectors.FindAsync(session, generation, query, count: 2, wanted: [30], among: [7, 8], isLarge: false), Ct);

        Assert.Equal([7, 8, 30], found.Keys.Order());
        Assert.Equal(1, found[7], 0.001);
        Assert.Equal(Cosine(own[30], query), found[30], 0.01);
    }

    [Fact]
    public async Task A_vector_comes_back_as_the_bytes_that_were_stored()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var encoded = VectorCodec.Encode(Vector(new Random(5), 384));
        await database.WriteAsync(Acme, session => EmbeddingStore.PutAsync(session, "g", 1, encoded, 1), Ct);

        var read = await database.ReadAsync(Acme, session => EmbeddingStore.FindAsync(session, "g", 1), Ct);

        Assert.Equal(encoded, read);
    }

    private static Task<Dictionary<long, float>> FindAsync(Database database, EmbeddingGeneration generation, float[] query, int count, bool isLarge) =>
        database.ReadAsync(Acme, session => NearestVectors.FindAsync(session, generation, query, count, wanted: [], among: null, isLarge), Ct);

    private static async Task<Dictionary<long, float[]>> FillAsync(Database database, Tenant tenant, EmbeddingGeneration generation, Random random, int count, float[]? around = null)
    {
        var center = around ?? new float[generation.Dimensions];
        var vectors = Enumerable.Range(1, count).ToDictionary(
            i => (long)i, _ => Vector(random, generation.Dimensions).Zip(center, (x, c) => x + (4 * c)).ToArray());
        await database.WriteAsync(tenant, async session =>
        {
            foreach (var (sequence, vector) in vectors)
            {
                await EmbeddingStore.PutAsync(session, generation.Key, sequence, VectorCodec.Encode(vector), 1);
            }
        }, Ct);
        return vectors;
    }

    private static float[] Vector(Random random, int dimensions) => [.. Enumerable.Range(0, dimensions).Select(_ => random.NextSingle() - 0.5f)];

    private static float Cosine(float[] a, float[] b) => Product(a, b) / MathF.Sqrt(Product(a, a) * Product(b, b));

    private static float Product(float[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
