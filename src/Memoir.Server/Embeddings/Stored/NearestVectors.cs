using System.Globalization;
using Memoir.Kit.Data;

namespace Memoir.Server.Embeddings.Stored;

/// <summary>
/// The nearest of a tenant's stored vectors, found by PostgreSQL: exactly where there are few, through an HNSW index where
/// there are many. An index is of one number of dimensions, so that generations of different models never share one.
/// </summary>
internal static class NearestVectors
{
    /// <summary>Up to so many rows every one is compared: measured to cost less than an index that most tenants are rare in.</summary>
    public const int ExactLimit = 10_000;

    /// <summary>The dimensions that a migration made an index for; others are always compared one by one.</summary>
    private static readonly int[] Indexed = [256, 384, 512, 768, 1024, 1536, 3072];

    private const string Query = "CAST(@query AS real[])::vector";

    /// <summary>The longest vectors that an index of full floats takes.</summary>
    private const int LongestVector = 2000;

    /// <summary>Cosines of the nearest, and of those that are wanted in any case, in one trip.</summary>
    /// <param name="session">The tenant's.</param>
    /// <param name="generation">Whose vectors.</param>
    /// <param name="query">The question's vector, of the generation's dimensions.</param>
    /// <param name="count">How many of the nearest.</param>
    /// <param name="wanted">Places whose cosine is wanted however far they are.</param>
    /// <param name="among">The only places that may be near; null for all.</param>
    /// <param name="isLarge">More vectors than <see cref="ExactLimit"/> may be near.</param>
    public static async Task<Dictionary<long, float>> FindAsync(
        Session session, EmbeddingGeneration generation, float[] query, int count, IReadOnlyList<long> wanted, IReadOnlyList<long>? among, bool isLarge)
    {
        var nearest = among is not null ? Among : isLarge && Indexed.Contains(generation.Dimensions) ? ByIndex(generation.Dimensions) : All;
        var sql = $"""
            WITH nearest AS MATERIALIZED ({nearest})
            SELECT sequence, cosine FROM nearest
            UNION ALL
            SELECT sequence, 1 - (vector <=> {Query}) FROM embeddings
            WHERE tenant_id = @Tenant AND generation = @generation AND sequence IN @wanted
            """;

        var cosines = new Dictionary<long, float>();
        await session.ScanAsync(
            sql,
            new { generation = generation.Key, query, count, wanted, among = among ?? [] },
            row => cosines[row.Number(0)] = (float)row.Real(1));
        return cosines;
    }

    private const string All = $"""
        SELECT sequence, 1 - (vector <=> {Query}) AS cosine FROM embeddings
        WHERE tenant_id = @Tenant AND generation = @generation
        ORDER BY vector <=> {Query} LIMIT @count
        """;

    private const string Among = $"""
        SELECT sequence, 1 - (vector <=> {Query}) AS cosine FROM embeddings
        WHERE tenant_id = @Tenant AND generation = @generation AND sequence IN @among
        ORDER BY vector <=> {Query} LIMIT @count
        """;

    /// <summary>The settings are made where the scan begins: without them an index scan ends before it has met enough rows of this tenant.</summary>
    private static string ByIndex(int dimensions)
    {
        var type = string.Create(CultureInfo.InvariantCulture, $"{(dimensions > LongestVector ? "halfvec" : "vector")}({dimensions})");
        var distance = $"vector::{type} <=> {Query}::{type}";
        return $"""
            SELECT found.sequence, found.cosine FROM
                (SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '200', true),
                    set_config('hnsw.max_scan_tuples', '100000', true) OFFSET 0) AS settings,
                LATERAL (
                    SELECT sequence, 1 - ({distance}) AS cosine FROM embeddings
                    WHERE tenant_id = @Tenant AND generation = @generation AND vector_dims(vector) = {dimensions.ToString(CultureInfo.InvariantCulture)}
                    ORDER BY {distance} LIMIT @count) AS found
            """;
    }
}
