using System.Text.Json.Serialization;

namespace Memoir.Server.Admin;

/// <summary>Answer of <c>GET /health</c>: the process answers.</summary>
public sealed record LivenessResponse(string Status);

/// <summary>Answer of <c>GET /version</c>.</summary>
public sealed record VersionResponse(string Version);

/// <summary>Answer of <c>GET /v1/admin/health</c>; strangers get <c>status</c> alone.</summary>
public sealed record HealthResponse
{
    /// <summary><c>ok</c>, or <c>degraded</c> when something that is needed does not work.</summary>
    public required string Status { get; init; }

    /// <summary><c>ok</c> or <c>error</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Database { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>What the database took to answer, in milliseconds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LatencyMs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? UptimeSeconds { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Environment { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Version { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/readiness</c>; strangers get <c>status</c> alone.</summary>
public sealed record ReadinessResponse
{
    /// <summary><c>ready</c>, <c>degraded</c>, <c>draining</c> or <c>error</c>.</summary>
    public required string Status { get; init; }

    /// <summary>One entry per dependency: database, embeddings, queue, disk.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, DependencyResponse>? Dependencies { get; init; }
}

/// <summary>How one dependency is doing: <c>ok</c>, <c>degraded</c> or <c>error</c>.</summary>
public sealed record DependencyResponse(string Status, string? Detail, double LatencyMs);

[JsonSerializable(typeof(Isolation.IsolationReport))]
[JsonSerializable(typeof(LivenessResponse))]
[JsonSerializable(typeof(VersionResponse))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(ReadinessResponse))]
internal sealed partial class AdminJson : JsonSerializerContext;
