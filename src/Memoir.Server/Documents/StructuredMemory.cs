using System.Text.Json;

namespace Memoir.Server.Documents;

/// <summary>
/// What an assistant knows of a user, in sections; everything is optional. Moments are dates (<c>2026-01-31</c>) or times
/// (<c>2026-01-31T09:30:00Z</c>, the offset may be left out) and are kept as they were sent.
/// </summary>
public record StructuredMemory
{
    public UserProfile? Profile { get; init; }

    public WorkingMemory? WorkingMemory { get; init; }

    public LongTermKnowledge? LongTermKnowledge { get; init; }

    /// <summary>Any JSON values.</summary>
    public IReadOnlyList<JsonElement>? SessionSnapshots { get; init; }

    public IReadOnlyList<MemoryEvent>? Events { get; init; }
}

/// <summary>Body of <c>PATCH /memory/{user_id}</c> as <c>application/json</c>: what is absent or <c>null</c> stays as it is.</summary>
public sealed record PatchDocumentRequest : StructuredMemory
{
    /// <summary>The list of events takes the place of the stored one, instead of being added to it.</summary>
    public bool? EventsOverwrite { get; init; }
}

/// <summary>Who the user is and how they like to work.</summary>
public sealed record UserProfile
{
    public string? Name { get; init; }

    public string? Role { get; init; }

    /// <summary>Any JSON object.</summary>
    public JsonElement? Preferences { get; init; }

    public WeeklyPlanning? WeeklyPlanning { get; init; }
}

/// <summary>When the user plans the week.</summary>
public sealed record WeeklyPlanning
{
    /// <summary><c>monday</c> to <c>sunday</c>.</summary>
    public string? PlanningDay { get; init; }

    /// <summary><c>HH:MM</c>, 00:00 to 23:59.</summary>
    public string? PlanningTimeLocal { get; init; }

    public string? CalendarLink { get; init; }

    /// <summary>A name of the IANA time zone database, such as <c>Europe/Berlin</c>.</summary>
    public string? Timezone { get; init; }
}

/// <summary>What the user is at.</summary>
public sealed record WorkingMemory
{
    public string? CurrentFocusThread { get; init; }

    public IReadOnlyList<string>? ActivePriorities { get; init; }

    public IReadOnlyList<string>? OpenLoops { get; init; }

    /// <summary>Any JSON objects.</summary>
    public IReadOnlyList<JsonElement>? DecisionsMade { get; init; }

    /// <summary>Any JSON objects.</summary>
    public IReadOnlyList<JsonElement>? PendingFollowUps { get; init; }

    public IReadOnlyList<TaskItem>? Tasks { get; init; }

    public IReadOnlyList<Decision>? Decisions { get; init; }

    public IReadOnlyList<Timeblock>? Timeblocks { get; init; }
}

/// <summary>Something to do.</summary>
public sealed record TaskItem
{
    /// <summary>1..255 characters, once per list; an item with a known id takes its place.</summary>
    public string? Id { get; init; }

    public required string Title { get; init; }

    /// <summary><c>todo</c>, <c>in_progress</c>, <c>done</c> or <c>delegated</c>.</summary>
    public string? Status { get; init; }

    /// <summary>A date or a time.</summary>
    public string? DueAt { get; init; }

    public IReadOnlyList<string>? Notes { get; init; }
}

/// <summary>Something that was decided.</summary>
public sealed record Decision
{
    /// <summary>1..255 characters, once per list.</summary>
    public string? Id { get; init; }

    public required string Summary { get; init; }

    public string? Rationale { get; init; }

    /// <summary><c>strategic</c>, <c>tactical</c> or <c>process</c>.</summary>
    public string? DecisionType { get; init; }

    /// <summary>A date or a time.</summary>
    public string? DecidedAt { get; init; }
}

/// <summary>Time that is set aside.</summary>
public sealed record Timeblock
{
    /// <summary>1..255 characters, once per list.</summary>
    public string? Id { get; init; }

    public required string Label { get; init; }

    /// <summary><c>focus</c>, <c>meeting</c>, <c>break</c> or <c>admin</c>.</summary>
    public string? BlockType { get; init; }

    /// <summary>A date or a time.</summary>
    public required string StartAt { get; init; }

    /// <summary>A date or a time after <see cref="StartAt"/>.</summary>
    public required string EndAt { get; init; }
}

/// <summary>What stays true for long.</summary>
public sealed record LongTermKnowledge
{
    public IReadOnlyList<Project>? Projects { get; init; }

    public IReadOnlyList<Stakeholder>? Stakeholders { get; init; }

    public IReadOnlyList<KnownSystem>? Systems { get; init; }
}

/// <summary>A project of the user's.</summary>
public sealed record Project
{
    /// <summary>1..255 characters, once per list.</summary>
    public string? Id { get; init; }

    public required string Name { get; init; }

    public IReadOnlyList<string>? Objectives { get; init; }

    /// <summary><c>planning</c>, <c>in_progress</c>, <c>blocked</c> or <c>done</c>.</summary>
    public string? Status { get; init; }
}

/// <summary>Somebody the user works with.</summary>
public sealed record Stakeholder
{
    /// <summary>1..255 characters, once per list.</summary>
    public string? Id { get; init; }

    public required string Name { get; init; }

    public string? Role { get; init; }

    public string? Contact { get; init; }
}

/// <summary>A system the user works with.</summary>
public sealed record KnownSystem
{
    /// <summary>1..255 characters, once per list.</summary>
    public string? Id { get; init; }

    public required string Name { get; init; }

    public IReadOnlyList<string>? Notes { get; init; }
}

/// <summary>Something that happened: a meeting, a snapshot of the work, a note.</summary>
public sealed record MemoryEvent
{
    /// <summary>Once per list. Of a meeting <c>meeting-YYYYMMDD-slug</c>, of a snapshot <c>snapshot-YYYYMMDD-HHMMSS</c>, else 1..255 characters.</summary>
    public string? Id { get; init; }

    /// <summary><c>meeting</c>, <c>snapshot</c> or <c>note</c>.</summary>
    public string? Type { get; init; }

    public string? Title { get; init; }

    public string? Summary { get; init; }

    /// <summary>A date or a time.</summary>
    public string? OccurredAt { get; init; }

    /// <summary>A date or a time.</summary>
    public string? CapturedAt { get; init; }

    /// <summary>Any JSON values.</summary>
    public IReadOnlyList<JsonElement>? Decisions { get; init; }

    /// <summary>Any JSON values.</summary>
    public IReadOnlyList<JsonElement>? Tasks { get; init; }

    /// <summary>Any JSON values.</summary>
    public IReadOnlyList<JsonElement>? Notes { get; init; }

    /// <summary>Any JSON object.</summary>
    public JsonElement? Metadata { get; init; }
}
