using System.Numerics;
using Memoir.Kit.Data;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Embeddings.Vectors;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall.Questions;

internal sealed partial class QuestionVectors
{
    /// <summary>How many that the words find are asked for their cosine.</summary>
    private const int ByWords = 200;

    /// <summary>Beyond so many allowed places their list would cost more than it saves.</summary>
    private const int LongestList = 4096;

    /// <summary>
    /// What the tenant's vectors say about a question, wherever they are: in memory beside the index, or in PostgreSQL,
    /// which then finds the nearest itself. Ranking is the same for both.
    /// </summary>
    /// <returns>Null when the tenant uses another generation by now.</returns>
    public async Task<SemanticEvidence?> AskAsync(
        Tenant tenant, LoadedIndex index, TenantVectors inUse, QuestionVector question, RecallQuery query, RecallRequest request, bool isFallback,
        CancellationToken ct)
    {
        var count = Math.Max(100, request.Limit * 4);
        if (!database.IsShared || inUse.AreComputed)
        {
            var table = await indexes.GetVectorsAsync(tenant, index, inUse.Generation, ct);
            return table is null ? null : Evidence(table, question.Prepared, RecallEngine.AllowedOrdinals(index.Lexical, request), count, isFallback);
        }

        var allowed = RecallEngine.AllowedOrdinals(index.Lexical, request);
        var view = index.Lexical.View();
        var allowedCount = allowed.Sum(BitOperations.PopCount);
        var live = Math.Max(1, index.Lexical.LiveCount);
        var isNarrow = allowedCount <= LongestList && allowedCount < live;
        var among = isNarrow ? Sequences(view.Columns.Sequence, allowed) : null;
        var byWords = RecallEngine.Search(index.Lexical, query, request with { Mode = RecallMode.Lexical, Limit = ByWords });

        // Of the nearest some are out of scope: so many more are asked for.
        var asked = isNarrow ? count : (int)Math.Min(10L * count, (long)count * live / Math.Max(1, allowedCount));
        var cosines = await database.ReadAsync(
            tenant,
            session => NearestVectors.FindAsync(
                session, inUse.Generation, question.Values, asked, [.. byWords.Select(hit => hit.Sequence)], among, isLarge: live > NearestVectors.ExactLimit),
            ct);

        var byOrdinal = new Dictionary<int, float>(cosines.Count);
        var nearest = new List<(int Ordinal, float Cosine)>(cosines.Count);
        foreach (var (sequence, cosine) in cosines.OrderByDescending(found => found.Value))
        {
            if (index.Lexical.OrdinalOf(sequence) is >= 0 and var ordinal)
            {
                byOrdinal[ordinal] = cosine;
                if (nearest.Count < count && ordinal >> 6 < allowed.Length && (allowed[ordinal >> 6] >> (ordinal & 63) & 1) == 1)
                {
                    nearest.Add((ordinal, cosine));
                }
            }
        }

        return Evidence(nearest, ordinal => byOrdinal.TryGetValue(ordinal, out var cosine) ? cosine : float.NaN);
    }

    private static List<long> Sequences(long[] sequences, ulong[] allowed)
    {
        var list = new List<long>();
        for (var word = 0; word < allowed.Length; word++)
        {
            for (var bits = allowed[word]; bits != 0; bits &= bits - 1)
            {
                list.Add(sequences[(word << 6) + BitOperations.TrailingZeroCount(bits)]);
            }
        }

        return list;
    }
}

/// <summary>A question's vector as its provider gave it, and prepared for comparing in memory.</summary>
internal sealed record QuestionVector(float[] Values, QueryVector Prepared);
