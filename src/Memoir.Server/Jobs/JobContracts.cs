using System.Text.Json.Serialization;

namespace Memoir.Server.Jobs;

/// <summary>A piece of deferred work as callers see it.</summary>
public sealed record JobResponse
{
    public required Guid Id { get; init; }

    /// <summary>What it does, for example <c>embed-memories</c>.</summary>
    public required string Kind { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>failed</c> (tried again at <c>next_attempt_at</c>), <c>succeeded</c> or <c>dead</c>.</summary>
    public required string Status { get; init; }

    /// <summary>How often it was begun, without the times when the server itself broke off.</summary>
    public required long Attempts { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its last attempt began.</summary>
    public required DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it succeeded or died.</summary>
    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>There while the job is <c>failed</c>: when it is tried again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>Why its last attempt failed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; init; }
}

/// <summary>Answer of <c>GET /v1/jobs</c>.</summary>
public sealed record JobList(IReadOnlyList<JobResponse> Items, string? NextCursor);

[JsonSerializable(typeof(JobResponse))]
[JsonSerializable(typeof(JobList))]
internal sealed partial class JobsJson : JsonSerializerContext;
