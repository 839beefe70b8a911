namespace Memoir.Server.Retention;

/// <summary>What becomes of memories as they grow old. Pure, so that it can be argued about in tests.</summary>
internal sealed record RetentionPolicy
{
    /// <summary>A hundred years.</summary>
    public const int LongestDays = 36_500;

    public required long MaxAgeDays { get; init; }

    /// <summary>Compared with the importance without its recency part.</summary>
    public required double ImportanceThreshold { get; init; }

    public required long DeleteAfterDays { get; init; }

    /// <summary>How many memories may stay out of the archive, as far as enough of them are unimportant; null for any number.</summary>
    public long? MaxItems { get; init; }

    /// <summary>Important ones are archived at this many times <see cref="MaxAgeDays"/>; null for never.</summary>
    public double? KeepImportantFactor { get; init; }

    /// <summary>What was said then or before is old.</summary>
    public DateTimeOffset OldAt(DateTimeOffset now) => Before(now, MaxAgeDays);

    /// <summary>What was said then or before is old even if it is important.</summary>
    public DateTimeOffset OldAtIfImportant(DateTimeOffset now) =>
        KeepImportantFactor is { } factor ? Before(now, factor * MaxAgeDays) : DateTimeOffset.MinValue;

    /// <summary>What was archived then or before has been in the archive long enough.</summary>
    public DateTimeOffset OverAt(DateTimeOffset now) => Before(now, DeleteAfterDays);

    /// <summary>At most one thing becomes of a memory in one run. What is held stays whatever else is true of it.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="now">The run's moment.</param>
    /// <param name="excessTo">Unimportant memories up to this place are more than may stay; null when there are not too many.</param>
    public RetentionDecision Decide(RetentionFacts memory, DateTimeOffset now, RetentionPlace? excessTo)
    {
        if (memory.IsHeld > 0)
        {
            return RetentionDecision.Keep;
        }

        if (memory.ExpiresAt <= now)
        {
            return RetentionDecision.Expired;
        }

        if (memory.ArchivedAt is { } archivedAt)
        {
            // Not what this same run has archived: a run does one thing to a memory.
            return archivedAt < now && archivedAt <= OverAt(now) ? RetentionDecision.Over : RetentionDecision.Keep;
        }

        if (memory.Importance >= ImportanceThreshold)
        {
            return KeepImportantFactor is not null && memory.Since <= OldAtIfImportant(now) ? RetentionDecision.OldThoughImportant : RetentionDecision.Keep;
        }

        return memory.Since <= OldAt(now) ? RetentionDecision.Old
            : excessTo is { } last && memory.Place.CompareTo(last) <= 0 ? RetentionDecision.TooMany
            : RetentionDecision.Keep;
    }

    private static DateTimeOffset Before(DateTimeOffset now, double days) =>
        days >= (now - DateTimeOffset.MinValue).TotalDays ? DateTimeOffset.MinValue : now - TimeSpan.FromDays(days);
}

/// <summary>What retention has to know of a memory.</summary>
internal sealed record RetentionFacts
{
    public required Guid Id { get; init; }

    public required long Sequence { get; init; }

    public required long Version { get; init; }

    /// <summary>From when its age counts: when it was said, or when it was brought back from the archive if that was later.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Without its recency part.</summary>
    public required double Importance { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>The file in which its text stands; null when that is in the database.</summary>
    public string? ArchiveFile { get; init; }

    /// <summary>1 when a legal hold covers it.</summary>
    public required long IsHeld { get; init; }

    public RetentionPlace Place => new(Since, Importance, Sequence);
}

/// <summary>The order in which unimportant memories go when there are too many: the oldest first, of these the least important, then the one stored first.</summary>
internal readonly record struct RetentionPlace(DateTimeOffset Since, double Importance, long Sequence) : IComparable<RetentionPlace>
{
    public int CompareTo(RetentionPlace other) => (Since, Importance, Sequence).CompareTo((other.Since, other.Importance, other.Sequence));
}

/// <summary>What becomes of a memory, and why.</summary>
/// <param name="Action">What is done; null for nothing.</param>
/// <param name="Reason">Why, as the wire spells it.</param>
internal sealed record RetentionDecision(string? Action, string Reason)
{
    public static RetentionDecision Keep { get; } = new(null, "");

    public static RetentionDecision Old { get; } = new(RetentionAction.Archive, "age");

    public static RetentionDecision OldThoughImportant { get; } = new(RetentionAction.Archive, "important_age");

    public static RetentionDecision TooMany { get; } = new(RetentionAction.Archive, "max_items");

    public static RetentionDecision Over { get; } = new(RetentionAction.Delete, "archived");

    public static RetentionDecision Expired { get; } = new(RetentionAction.Delete, "expired");
}

/// <summary>What a run may do, as the wire spells it.</summary>
internal static class RetentionAction
{
    public const string Archive = "archive";
    public const string Delete = "delete";

    public static IReadOnlyList<string> All { get; } = [Archive, Delete];
}
