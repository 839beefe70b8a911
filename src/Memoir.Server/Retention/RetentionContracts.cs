using System.Text.Json.Serialization;

namespace Memoir.Server.Retention;

/// <summary>Body of <c>POST /v1/admin/retention/run</c>.</summary>
public sealed record RunRetentionRequest
{
    /// <summary>The tenant to act in; the caller's or the default one when absent.</summary>
    public string? TenantId { get; init; }

    /// <summary><c>archive</c>, <c>delete</c>, or both.</summary>
    public required IReadOnlyList<string> Actions { get; init; }

    /// <summary>True: nothing is changed, and the answer lists what would be.</summary>
    public required bool DryRun { get; init; }

    /// <summary>How many items a dry run lists at most, 1..10,000; 1,000 when absent.</summary>
    public int? Limit { get; init; }

    /// <summary>Where a dry run's list goes on: <c>next_cursor</c> of the answer before.</summary>
    public string? Cursor { get; init; }
}

/// <summary>Answer of <c>POST /v1/admin/retention/run</c>.</summary>
public sealed record RetentionRunResponse
{
    /// <summary>How many memories were archived, or would be.</summary>
    public required long Archived { get; init; }

    /// <summary>How many memories were deleted, or would be.</summary>
    public required long Deleted { get; init; }

    public required bool DryRun { get; init; }

    /// <summary>A dry run: what would be done, in the order in which the memories were stored.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RetentionItem>? Items { get; init; }

    /// <summary>A dry run that has more items than it listed: where its list goes on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? NextCursor { get; init; }
}

/// <summary>What would become of one memory.</summary>
/// <param name="Id">The memory.</param>
/// <param name="Action"><c>archive</c> or <c>delete</c>.</param>
/// <param name="Reason"><c>age</c>, <c>important_age</c>, <c>max_items</c>, <c>archived</c> (long enough) or <c>expired</c>.</param>
public sealed record RetentionItem(Guid Id, string Action, string Reason);

/// <summary>Body of <c>PUT /v1/admin/retention/policies/{tenant_id}</c>.</summary>
public sealed record PutRetentionPolicyRequest
{
    /// <summary>Memories below the threshold are archived at this age, 0..36,500.</summary>
    public required int MaxAgeDays { get; init; }

    /// <summary>Importance, without its recency part, from which on a memory is kept, 0..1.</summary>
    public required double ImportanceThreshold { get; init; }

    /// <summary>How long a memory stays in the archive, 0..36,500.</summary>
    public required int DeleteAfterDays { get; init; }

    /// <summary>Beyond so many memories the oldest of those below the threshold are archived; any number when absent.</summary>
    public long? MaxItems { get; init; }

    /// <summary>Memories at or above the threshold are archived at this many times <c>max_age_days</c>, 1..1,000; never when absent.</summary>
    public double? KeepImportantFactor { get; init; }
}

/// <summary>A tenant's policy.</summary>
public sealed record RetentionPolicyResponse
{
    public required long MaxAgeDays { get; init; }

    public required double ImportanceThreshold { get; init; }

    public required long DeleteAfterDays { get; init; }

    public required long? MaxItems { get; init; }

    public required double? KeepImportantFactor { get; init; }

    public required string TenantId { get; init; }

    /// <summary><c>tenant</c> when it was stored for this tenant, <c>server</c> when it is that of the server's settings.</summary>
    public required string ChosenBy { get; init; }

    /// <summary>When it was stored; null for the server's.</summary>
    public required DateTimeOffset? UpdatedAt { get; init; }
}

[JsonSerializable(typeof(RunRetentionRequest))]
[JsonSerializable(typeof(RetentionRunResponse))]
[JsonSerializable(typeof(PutRetentionPolicyRequest))]
[JsonSerializable(typeof(RetentionPolicyResponse))]
internal sealed partial class RetentionJson : JsonSerializerContext;
