using System.Text.Json;

namespace Memoir.Server.Recall;

/// <summary>What the index needs to know of a memory: its text, who said it where and when, and what searches may filter on.</summary>
/// <param name="Sequence">Its place in the order of writing.</param>
/// <param name="ConversationId">Null or empty for a memory that is a conversation of its own.</param>
/// <param name="Content">What was said.</param>
/// <param name="OccurredAt">When.</param>
internal sealed record IndexedMemory(long Sequence, string? ConversationId, string Content, DateTimeOffset OccurredAt)
{
    /// <summary>In place of a user: every user of the tenant. No user id has such a character.</summary>
    public const string Everybody = "\0";

    public string? UserId { get; init; }

    public string? Name { get; init; }

    public MemoryRole Role { get; init; }

    public string? Type { get; init; }

    public JsonElement? Metadata { get; init; }

    public bool Archived { get; init; }

    /// <summary>It is kept and not recalled: nothing of it is in the index but its place.</summary>
    public bool Hidden { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When we learned it.</summary>
    public DateTimeOffset? KnownFrom { get; init; }

    /// <summary>Until when we took it to be so, exclusive; null while we do.</summary>
    public DateTimeOffset? KnownUntil { get; init; }

    /// <summary>From when on it is true, where that is said.</summary>
    public DateTimeOffset? ValidFrom { get; init; }

    /// <summary>Until when, exclusive.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>The importance that does not age, in [0,1].</summary>
    public float Importance { get; init; } = 0.5f;

    public float? ImportanceOverride { get; init; }
}
