using Memoir.Server.Memories.Periods;

namespace Memoir.Server.Memories.Lists;

/// <summary>Which memories a list shows: what is neither archived, nor expired, nor in quarantine, newest first.</summary>
internal sealed record MemoryFilter
{
    public string? UserId { get; init; }

    /// <summary>Only what is shared by all.</summary>
    public bool SharedAlone { get; init; }

    public string? Type { get; init; }

    public string? ConversationId { get; init; }

    /// <summary>What was true at another moment, or was known then; null for what is true now.</summary>
    public Moment? Moment { get; init; }

    /// <summary>What is in quarantine, and nothing else.</summary>
    public bool InQuarantine { get; init; }

    /// <summary>Only what stands before this place in the tenant's order.</summary>
    public long Below { get; init; } = long.MaxValue;
}

/// <summary>How many memories there are of a type, archived ones included.</summary>
internal sealed record TypeCount
{
    public required string Type { get; init; }

    public required long Count { get; init; }
}
