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

    /// <summary>So many rows of the index are looked at, of all tenants; a search that met too few of its own by then compares.</summary>
    public const int MostScanned = 100_000;

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
    /// <param name="mostScanned">How much of the index is looked at.</param>
    public static async Task<Dictionary<long, float>> FindAsync(
        Session session, EmbeddingGeneration generation, float[] query, int count, IReadOnlyList<long> wanted, IReadOnlyList<long>? among, bool isLarge,
        int mostScanned = MostScanned)
    {
        var isByIndex = among is null && isLarge && Indexed.Contains(generation.Dimensions);
        var (cosines, near) = await AskAsync(among is not null ? Among : isByIndex ? ByIndex(generation.Dimensions, mostScanned) : All);
        return isByIndex && near < count ? (await AskAsync(All)).Cosines : cosines;

        async Task<(Dictionary<long, float> Cosines, long Near)> AskAsync(string nearest)
        {
            var sql = $"""
                WITH nearest AS MATERIALIZED ({nearest})
                SELECT sequence, cosine, 1 FROM nearest
                UNION ALL
                SELECT sequence, 1 - (vector <=> {Query}), 0 FROM embeddings
                WHERE tenant_id = @Tenant AND generation = @generation AND sequence IN @wanted
                """;

            var found = new Dictionary<long, float>();
            var near = 0L;
            await session.ScanAsync(sql, new { generation = generation.Key, query, count, wanted, among = among ?? [] }, row =>
            {
                found[row.Number(0)] = (float)row.Real(1);
                near += row.Number(2);
            });
            return (found, near);
        }
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
    private static string ByIndex(int dimensions, int mostScanned)
    {
        var type = string.Create(CultureInfo.InvariantCulture, $"{(dimensions > LongestVector ? "halfvec" : "vector")}({dimensions})");
        var distance = $"vector::{type} <=> {Query}::{type}";
        return $"""
            SELECT found.sequence, found.cosine FROM
                (SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '200', true),
                    set_config('hnsw.max_scan_tuples', '{mostScanned.ToString(CultureInfo.InvariantCulture)}', true) OFFSET 0) AS settings,
                LATERAL (
                    SELECT sequence, 1 - ({distance}) AS cosine FROM embeddings
                    WHERE tenant_id = @Tenant AND generation = @generation AND vector_dims(vector) = {dimensions.ToString(CultureInfo.InvariantCulture)}
                    ORDER BY {distance} LIMIT @count) AS found
            """;
    }
}
