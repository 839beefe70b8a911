using System.Text.Json;
using Memoir.Server.Memories.Periods;

namespace Memoir.Server.Recall.Search;

/// <summary>Which memories may contribute to an answer at all, be it as a hit, as a neighbour or as part of a conversation's weight.</summary>
internal sealed record RecallScope(DateTimeOffset Now)
{
    public string? UserId { get; init; }

    /// <summary>Together with <see cref="UserId"/>: also what is shared by all.</summary>
    public bool IncludeShared { get; init; }

    public string? ConversationId { get; init; }

    /// <summary>Inclusive.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool IncludeArchived { get; init; }

    /// <summary>What was true then, as far as it was known by then; null for what is true now.</summary>
    public Moment? Moment { get; init; }

    /// <summary>Every scalar leaf of this object must occur at the same path of the memory's metadata.</summary>
    public JsonElement? Filter { get; init; }
}
