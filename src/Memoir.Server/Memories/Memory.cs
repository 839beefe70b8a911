using Memoir.Kit.Data;
using Memoir.Server.Memories.Periods;

namespace Memoir.Server.Memories;

/// <summary>A piece of text that can be recalled, as stored: the one row behind messages, facts, summaries and items.</summary>
internal sealed record Memory
{
    public required Guid Id { get; init; }

    /// <summary>The order of writing within the tenant; ids order nothing.</summary>
    public required long Sequence { get; init; }

    public required long Version { get; init; }

    public required string Type { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    public string? Role { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    /// <summary>What of the user, or of all, it says: of one type each key has one current memory.</summary>
    public string? Key { get; init; }

    public required string Content { get; init; }

    /// <summary>What was given beside a key, a JSON object; its words are the content.</summary>
    public string? Value { get; init; }

    public required Json Metadata { get; init; }

    /// <summary>Its categories, a JSON list of texts.</summary>
    public string? Tags { get; init; }

    /// <summary>Whom it concerns: see <see cref="MemoryScope"/>.</summary>
    public string Scope { get; init; } = MemoryScope.User;

    /// <summary>Importance without its recency part; see <see cref="Importance"/>.</summary>
    public required double ImportanceBase { get; init; }

    public double? ImportanceOverride { get; init; }

    public string? Source { get; init; }

    /// <summary>Where the words came from: <c>user</c>, <c>assistant</c>, <c>system</c>, <c>tool</c>, <c>imported</c>, <c>derived</c>. Set by the server.</summary>
    public required string SourceClass { get; init; }

    /// <summary>The credential that wrote it. Set by the server.</summary>
    public required string Writer { get; init; }

    /// <summary>The door it came through. Set by the server.</summary>
    public required string Channel { get; init; }

    /// <summary>When it was said.</summary>
    public required DateTimeOffset OccurredAt { get; init; }

    /// <summary>When Memoir learned it.</summary>
    public required DateTimeOffset StoredAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>From when on it is true, where that was said; else since it was said.</summary>
    public DateTimeOffset? ValidFrom { get; init; }

    /// <summary>Until when it is true, exclusive; null while no end is known.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>When somebody last said that it is still so.</summary>
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>From when on it should be asked again whether it is still so.</summary>
    public DateTimeOffset? ReviewAfter { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Until when we took it to be so, exclusive; of a row null, for it is what was told last.</summary>
    public DateTimeOffset? KnownUntil { get; init; }

    /// <summary>These are the words of an older version, with the place and the dates of one of its periods.</summary>
    public bool IsOfPeriod { get; init; }

    /// <summary>By which the index knows what it has of this place: another one whenever the entry would be another.</summary>
    public long IndexVersion => !IsOfPeriod ? Version : (KnownUntil is null ? 1 : 2) + (IsHidden ? 4 : 0);

    /// <summary>It is stored and can be read, but takes no part in recall.</summary>
    public bool IsHidden => DuplicateOf is not null || Quarantine is not null;

    /// <summary>It says what is true now. What was said without a beginning is true, whatever it is dated.</summary>
    public bool IsTrueAt(DateTimeOffset now) => !(ValidFrom > now) && !(ValidUntil <= now);

    /// <summary>Its time is over: it is not returned any more, until its key is stated anew.</summary>
    public bool IsOverAt(DateTimeOffset now) => ExpiresAt <= now;

    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>The file of the archive that has its text, which is then empty here; null when it is here.</summary>
    public string? ArchiveFile { get; init; }

    /// <summary>When it came back from the archive; its age counts from then.</summary>
    public DateTimeOffset? RestoredAt { get; init; }

    public required string EmbeddingStatus { get; init; }

    /// <summary>What of it was masked before it was stored, a JSON list; null when nothing was.</summary>
    public string? Masked { get; init; }

    /// <summary>Of its normalised words with whose they are; null where repetitions are not looked for.</summary>
    public long? ContentHash { get; init; }

    /// <summary>The memory that said the same before; this one is not recalled beside it.</summary>
    public Guid? DuplicateOf { get; init; }

    /// <summary>Why it is in doubt and not recalled, a JSON list of reasons; null when it is not.</summary>
    public string? Quarantine { get; init; }

    /// <summary>When somebody let it out of the quarantine; it is not doubted again.</summary>
    public DateTimeOffset? ReleasedAt { get; init; }
}

/// <summary>What a caller wants to be remembered, already checked.</summary>
internal sealed record NewMemory
{
    /// <summary>The tenant's policy for what is sensitive has had its say.</summary>
    public bool IsScreened { get; init; }

    public required string Type { get; init; }

    public string? UserId { get; init; }

    public string? ConversationId { get; init; }

    public string? Role { get; init; }

    public string? Name { get; init; }

    public string? ExternalId { get; init; }

    public string? Key { get; init; }

    public required string Content { get; init; }

    public string? Value { get; init; }

    public required Json Metadata { get; init; }

    public string? Tags { get; init; }

    public string Scope { get; init; } = MemoryScope.User;

    public double? ImportanceOverride { get; init; }

    public string? Source { get; init; }

    /// <summary>When it was said; now when null.</summary>
    public DateTimeOffset? OccurredAt { get; init; }

    /// <inheritdoc cref="Memory.ValidFrom"/>
    public DateTimeOffset? ValidFrom { get; init; }

    /// <inheritdoc cref="Memory.ValidUntil"/>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <inheritdoc cref="Memory.ReviewAfter"/>
    public DateTimeOffset? ReviewAfter { get; init; }

    /// <summary>From when on it is not returned any more; never when null.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <inheritdoc cref="Memory.Masked"/>
    public string? Masked { get; init; }
}

/// <summary>Types that the core itself knows; callers name others as they like.</summary>
internal static class MemoryType
{
    /// <summary>Something that was said in a conversation: what most memories are.</summary>
    public const string Message = "message";
}

/// <summary>Whom a memory concerns.</summary>
internal static class MemoryScope
{
    /// <summary>One user, or what was said in a conversation.</summary>
    public const string User = "user";

    /// <summary>Every user of the tenant.</summary>
    public const string Shared = "shared";
}

/// <summary>Who writes, through which door, in which request: the provenance that callers cannot choose.</summary>
internal sealed record Writer(string Credential, string Channel, string RequestId);

/// <summary>A memory as it was before a change.</summary>
internal sealed record MemoryVersion
{
    public required long Version { get; init; }

    /// <summary>What ended this version: <c>replace</c>, <c>patch</c>, <c>restore</c>, <c>confirm</c> or <c>release</c>.</summary>
    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The fields as they were, JSON.</summary>
    public required Json Snapshot { get; init; }

    /// <summary>When what it says was true, and known, the oldest first; none of one from before there were periods.</summary>
    public IReadOnlyList<Period> Periods { get; init; } = [];
}

/// <summary>A conversation as a list shows it.</summary>
internal sealed record Conversation
{
    public required string ConversationId { get; init; }

    public required long Messages { get; init; }

    public required DateTimeOffset FirstAt { get; init; }

    public required DateTimeOffset LastAt { get; init; }
}
