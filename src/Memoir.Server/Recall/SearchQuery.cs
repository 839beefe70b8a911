using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Recall.Search;
using Memoir.Server.Wire;

namespace Memoir.Server.Recall;

/// <summary>From the wire's search parameters to a checked question.</summary>
internal static class SearchQuery
{
    private const int MaxFilterBytes = 16 * 1024;

    public static readonly string[] Names =
    [
        "tenant_id", "query", "top_k", "conversation_id", "user_id", "role", "type", "importance_min", "since", "until",
        "include_archived", "mode", "neighbors", "explain", "as_of", "known_at",
    ];

    public static SearchRequest Read(HttpRequest request)
    {
        return new SearchRequest
        {
            TenantId = QueryValues.Text(request, "tenant_id"),
            Query = QueryValues.Text(request, "query") ?? "",
            TopK = QueryValues.Whole(request, "top_k", 1, 100),
            ConversationId = QueryValues.Text(request, "conversation_id"),
            UserId = QueryValues.Text(request, "user_id"),
            Role = QueryValues.Text(request, "role"),
            Type = QueryValues.Text(request, "type"),
            ImportanceMin = QueryValues.Number(request, "importance_min"),
            Since = QueryValues.Time(request, "since"),
            Until = QueryValues.Time(request, "until"),
            IncludeArchived = QueryValues.Flag(request, "include_archived"),
            Mode = QueryValues.Text(request, "mode"),
            Neighbors = QueryValues.Whole(request, "neighbors", 0, 10),
            Explain = QueryValues.Flag(request, "explain"),
            AsOf = QueryValues.Time(request, "as_of"),
            KnownAt = QueryValues.Time(request, "known_at"),
        };
    }

    /// <exception cref="ProblemException">422 with every field that breaks its rule.</exception>
    public static RecallQuestion Check(SearchRequest request, int mostResults, DateTimeOffset now)
    {
        var checks = new FieldChecks()
            .Length("query", request.Query, 1, 4096)
            .Range("top_k", request.TopK, 1, 100)
            .Length("conversation_id", request.ConversationId, 1, 255)
            .Length("user_id", request.UserId, 1, 255)
            .OneOf("role", request.Role, "user", "assistant", "system", "tool")
            .Length("type", request.Type, 1, 64)
            .Range("importance_min", request.ImportanceMin, 0, 1)
            .OneOf("mode", request.Mode, "hybrid", "semantic", "lexical")
            .Range("neighbors", request.Neighbors, 0, 10)
            .Range("weights.similarity", request.Weights?.Similarity, 0, 1)
            .Range("weights.importance", request.Weights?.Importance, 0, 1);
        if (request.Since >= request.Until)
        {
            checks.Add("until", "must be later than since");
        }

        if (request.Filter is { } filter)
        {
            CheckFilter(checks, filter);
        }

        checks.ThrowIfAny();
        return new RecallQuestion(request.Query)
        {
            TopK = Math.Min(request.TopK ?? 5, mostResults),
            Mode = request.Mode switch { "semantic" => RecallMode.Semantic, "lexical" => RecallMode.Lexical, _ => RecallMode.Hybrid },
            ConversationId = request.ConversationId,
            UserId = request.UserId,
            Role = request.Role,
            Type = request.Type,
            ImportanceMin = request.ImportanceMin,
            Since = request.Since,
            Until = request.Until,
            IncludeArchived = request.IncludeArchived ?? false,
            Moment = Moment.Of(request.AsOf, request.KnownAt, now),
            Neighbours = request.Neighbors ?? 0,
            Filter = request.Filter,
            SimilarityWeight = request.Weights?.Similarity ?? 0.7,
            ImportanceWeight = request.Weights?.Importance ?? 0.3,
            Explain = request.Explain ?? false,
        };
    }

    private static void CheckFilter(FieldChecks checks, JsonElement filter)
    {
        if (filter.ValueKind is not JsonValueKind.Object)
        {
            throw ProblemException.Body("filter", "must be an object");
        }

        if (System.Text.Encoding.UTF8.GetByteCount(filter.GetRawText()) > MaxFilterBytes)
        {
            checks.Add("filter", "must have at most 16 KiB");
        }

        BoundedNumbers.Require("filter", filter);
    }
}
