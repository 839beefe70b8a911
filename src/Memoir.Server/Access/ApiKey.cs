using System.Text.Json.Serialization;

namespace Memoir.Server.Access;

/// <summary>A stored key of a tenant. The secret itself is not among what is kept.</summary>
internal sealed record ApiKey
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    public required string Prefix { get; init; }

    public required byte[] Hash { get; init; }

    public required string Name { get; init; }

    public required string Scopes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>The key's own limit of requests; null for none but its tenant's.</summary>
    public string? RateLimit { get; init; }
}

/// <summary>Body of <c>POST /v1/admin/keys</c>.</summary>
public sealed record CreateApiKeyRequest
{
    /// <summary>The tenant the key belongs to; the caller's or the default one when absent.</summary>
    public string? TenantId { get; init; }

    /// <summary>What the key is for, 1..128 characters.</summary>
    public required string Name { get; init; }

    /// <summary>Any of <c>memory:read</c>, <c>memory:write</c>, <c>admin</c>; the first two when absent.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>After this time the key is refused; never when absent.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>A limit of requests of this key alone, such as <c>60/minute</c>, beside its tenant's; none when absent.</summary>
    public string? RateLimit { get; init; }
}

/// <summary>A key as callers see it; <c>key</c> is there only in the answer that made it.</summary>
public sealed record ApiKeyResponse
{
    public required Guid Id { get; init; }

    /// <summary>The secret, shown this once.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    public required string Prefix { get; init; }

    public required string Name { get; init; }

    public required string TenantId { get; init; }

    public required IReadOnlyList<string> Scopes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Known to the minute.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>The key's own limit of requests; null for none but its tenant's.</summary>
    public required string? RateLimit { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/keys</c>.</summary>
public sealed record ApiKeyList(IReadOnlyList<ApiKeyResponse> Items, string? NextCursor);

[JsonSerializable(typeof(CreateApiKeyRequest))]
[JsonSerializable(typeof(ApiKeyResponse))]
[JsonSerializable(typeof(ApiKeyList))]
internal sealed partial class AccessJson : JsonSerializerContext;
