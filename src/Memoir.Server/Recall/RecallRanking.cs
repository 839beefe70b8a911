using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Server.Memories;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Questions;
using Memoir.Server.Recall.Search;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Recall;

/// <summary>The hits of a question, and why they may be fewer or others than they should be.</summary>
internal sealed record RankedHits(IReadOnlyList<RecallHit> Hits, string? DegradedReason, long GenerationChange);

/// <summary>Ranks what is in memory: by words, by vectors where they see more, or by both.</summary>
internal sealed class RecallRanking(MemoryReader memories, QuestionVectors vectors, IOptions<DatabaseOptions> options)
{
    private const string NewModel = "vectors of a new embedding model are still being made; words cover what has none yet";

    private readonly TenantTurns _turns = new(Environment.ProcessorCount, options.Value.LongestWait);

    /// <summary>The refusal that a search of the tenant would end with now; null when it may go on.</summary>
    public ValueTask<ProblemException?> ForeseeAsync(Tenant tenant, CancellationToken ct) => _turns.ForeseeAsync(tenant, ct);

    public async Task<RankedHits> RankAsync(
        Tenant tenant, LoadedIndex index, RecallQuestion question, RecallScope scope, CancellationToken ct)
    {
        var query = RecallQuery.Parse(question.Query);
        var request = RequestOf(question, scope);
        var inUse = vectors.Of(tenant);
        var seeOnlyLetters = vectors.SeeOnlyLetters(inUse);
        if (question.Mode is RecallMode.Lexical || (question.Mode is RecallMode.Hybrid && seeOnlyLetters))
        {
            var byWords = await SearchAsync(tenant, index, query, request with { Mode = RecallMode.Lexical }, ct);
            if (question.Mode is RecallMode.Lexical || byWords.Count > 0)
            {
                return new RankedHits(byWords, null, inUse.Change);
            }
        }

        var (vector, reason) = await vectors.EmbedAsync(inUse, question.Query, ct);
        var isFallback = seeOnlyLetters && question.Mode is RecallMode.Hybrid;
        var evidence = vector is null ? null : await vectors.AskAsync(tenant, index, inUse, vector, query, request, isFallback, ct);
        if (vector is null || evidence is null)
        {
            // Even a semantic search then answers by words: a degraded answer is better than none.
            var lexical = await SearchAsync(tenant, index, query, request with { Mode = RecallMode.Lexical }, ct);
            return new RankedHits(lexical, vector is null ? reason : NewModel, inUse.Change);
        }

        // While a new model's vectors are being made, the words speak for the memories that have none yet.
        var isComplete = inUse.IsComplete || index.Lexical.LiveCount == 0;
        var mode = !isComplete ? RecallMode.Hybrid : seeOnlyLetters ? RecallMode.Semantic : question.Mode;
        var hits = await SearchAsync(tenant, index, query, request with { Mode = mode, Semantic = evidence }, ct);
        return new RankedHits(hits, isComplete ? null : NewModel, inUse.Change);
    }

    /// <inheritdoc cref="QuestionVectors.LearnAsync"/>
    public Task LearnAsync(Session session, long change, long known) => vectors.LearnAsync(session, change, known);

    /// <summary>A search fills a processor as long as it runs, so as many run as there are, by turns of their tenants.</summary>
    private async Task<IReadOnlyList<RecallHit>> SearchAsync(Tenant tenant, LoadedIndex index, RecallQuery query, RecallRequest request, CancellationToken ct)
    {
        await _turns.EnterAsync(tenant, ct);
        try
        {
            // Behind what the threads have yet to begin: else the requests that wait would wait where nobody counts them.
            await Task.Yield();
            return RecallEngine.Search(index.Lexical, query, request);
        }
        finally
        {
            _turns.Leave();
        }
    }

    private RecallRequest RequestOf(RecallQuestion question, RecallScope scope) => new(scope, question.TopK)
    {
        Role = question.Role is null ? null : MemoryReader.RoleOf(question.Role),
        Type = question.Type,
        ImportanceMin = (float?)question.ImportanceMin,
        SimilarityWeight = (float)question.SimilarityWeight,
        ImportanceWeight = (float)question.ImportanceWeight,
        ImportanceOf = (parts, at) => (float)memories.ImportanceAt(
            parts.Importance, parts.ImportanceOverride, Instants.FromMicroseconds(parts.OccurredAtMicros), Instants.FromMicroseconds(at)),
    };
}
