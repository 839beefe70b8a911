namespace Memoir.Kit.Jobs;

/// <summary>A job as its tenant sees it: how it stands, not what it is about.</summary>
public sealed record JobRecord
{
    public required Guid Id { get; init; }

    public required string Kind { get; init; }

    public required string Status { get; init; }

    public required long Attempts { get; init; }

    public required DateTimeOffset DueAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public string? LastError { get; init; }
}

/// <summary>How a job stands, as stored and as spelt on the wire.</summary>
public static class JobStatus
{
    public const string Queued = "queued";
    public const string Running = "running";

    /// <summary>Its last attempt failed; it is tried again.</summary>
    public const string Failed = "failed";
    public const string Succeeded = "succeeded";

    /// <summary>It failed too often or for good, and waits for a person.</summary>
    public const string Dead = "dead";

    public static IReadOnlyList<string> All { get; } = [Queued, Running, Failed, Succeeded, Dead];
}
