using Memoir.Server.Wire;

namespace Memoir.Server.Recall;

/// <summary>From what was recalled to the wire's answer.</summary>
internal static class SearchAnswer
{
    public static SearchResponse Of(RecallAnswer answer, RecallQuestion question, DateTimeOffset now) => new()
    {
        Total = answer.Items.Count,
        Items = [.. answer.Items.Select(item => ItemOf(item, question, now))],
        Degraded = answer.DegradedReason is null ? null : true,
        DegradedReason = answer.DegradedReason,
        Truncated = answer.IsCut ? true : null,
    };

    private static SearchItem ItemOf(RecalledMemory item, RecallQuestion question, DateTimeOffset now)
    {
        var memory = item.Memory;
        return new SearchItem
        {
            MessageId = memory.Id,
            ExternalId = memory.ExternalId,
            Name = memory.Name,
            Score = Rounded(item.Hit.Score),
            Similarity = Rounded(item.Hit.Similarity),
            Importance = Rounded(item.Hit.Importance),
            Content = memory.Content,
            Role = memory.Role,
            Type = memory.Type,
            ConversationId = memory.ConversationId,
            UserId = memory.UserId,
            Metadata = StoredJson.Element(memory.Metadata),
            CreatedAt = memory.OccurredAt,
            ValidFrom = memory.ValidFrom,
            ValidUntil = memory.ValidUntil,
            KnownUntil = memory.KnownUntil,
            VerifiedAt = memory.VerifiedAt,
            ReviewDue = memory.ReviewAfter <= now ? true : null,
            Neighbors = question.Neighbours == 0
                ? null
                : [.. item.Neighbours.Select(n => new SearchNeighbor(n.Id, n.Role, n.Name, n.Content, n.OccurredAt))],
            Explain = question.Explain ? Explanation(item) : null,
        };
    }

    private static SearchExplanation Explanation(RecalledMemory item)
    {
        var parts = item.Hit.Lexical;
        return new SearchExplanation
        {
            Semantic = float.IsNaN(item.Hit.Semantic) ? null : Rounded(item.Hit.Semantic),
            Lexical = Rounded(parts.Similarity),
            Importance = Rounded(item.Hit.Importance),
            LexicalParts = new LexicalExplanation(Rounded(parts.Own), Rounded(parts.Window), Rounded(parts.Neighbours), Rounded(parts.Conversation)),
            MatchedTerms = item.Hit.MatchedTerms,
            LiftedBy = item.LiftedBy,
        };
    }

    private static double Rounded(float value) => Math.Round((double)value, 4);
}
