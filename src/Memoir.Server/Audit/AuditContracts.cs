using System.Text.Json.Serialization;

namespace Memoir.Server.Audit;

/// <summary>One change that somebody made, or a request that was denied.</summary>
public sealed record AuditRecordResponse
{
    public required Guid Id { get; init; }

    /// <summary>Its place in the tenant's chain, from 1; <c>null</c> for the last second's records.</summary>
    public required long? Position { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The credential: <c>operator:…</c>, <c>key:…</c>, <c>loopback</c>, or <c>stranger</c>.</summary>
    public required string Actor { get; init; }

    /// <summary>What was done, for example <c>memory.store</c>, or <c>denied.</c> and the problem.</summary>
    public required string Action { get; init; }

    /// <summary>The id of what changed, <c>null</c> when there are several; the method and route of what was denied.</summary>
    public required string? Subject { get; init; }

    /// <summary>How many things changed, or how many requests were denied.</summary>
    public required long Count { get; init; }

    public required string RequestId { get; init; }

    /// <summary>Where a denied request came from.</summary>
    public required string? Address { get; init; }

    /// <summary>SHA-256 over the hash before and this record, in hexadecimal digits; <c>null</c> without a place.</summary>
    public required string? Hash { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/audit</c>.</summary>
public sealed record AuditList(IReadOnlyList<AuditRecordResponse> Items, string? NextCursor);

/// <summary>Answer of <c>GET /v1/admin/audit/verify</c>.</summary>
/// <param name="Ok">All chains of this answer are as they were written.</param>
/// <param name="Items">A chain for each tenant.</param>
/// <param name="NextCursor">There are more tenants.</param>
public sealed record AuditVerification(bool Ok, IReadOnlyList<ChainResponse> Items, string? NextCursor);

/// <summary>Whether a tenant's audit records are as they were written.</summary>
public sealed record ChainResponse
{
    public required string TenantId { get; init; }

    public required bool Ok { get; init; }

    public required long Records { get; init; }

    /// <summary>Records with a place in the chain.</summary>
    public required long Sealed { get; init; }

    /// <summary>Records of the last second, which have none yet and which nothing protects.</summary>
    public required long Unsealed { get; init; }

    /// <summary>Signed checkpoints outside the database that were held against the chain.</summary>
    public required int Checkpoints { get; init; }

    /// <summary>The last place that a checkpoint confirms.</summary>
    public required long VouchedTo { get; init; }

    /// <summary>The first record that is not what it was; <c>null</c> when all is well.</summary>
    public required BadRecordResponse? FirstBad { get; init; }
}

/// <param name="Position">Its place in the chain.</param>
/// <param name="Id">What stands there; <c>null</c> when nothing does.</param>
/// <param name="Reason"><c>missing</c>, <c>changed</c>, <c>added</c>, <c>rewritten</c> or <c>checkpoint-signature</c>.</param>
public sealed record BadRecordResponse(long Position, Guid? Id, string Reason);

[JsonSerializable(typeof(AuditRecordResponse))]
[JsonSerializable(typeof(AuditList))]
[JsonSerializable(typeof(AuditVerification))]
internal sealed partial class AuditJson : JsonSerializerContext;
