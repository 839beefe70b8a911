namespace Memoir.Kit.Audit;

/// <summary>A record as it is stored.</summary>
public sealed record AuditEntry
{
    public required Guid Id { get; init; }

    public required DateTimeOffset At { get; init; }

    public required string Actor { get; init; }

    public required string Action { get; init; }

    public string? Subject { get; init; }

    public required long Count { get; init; }

    public required string RequestId { get; init; }

    public string? Address { get; init; }

    /// <summary>Its place in the tenant's chain, from 1; null until it is sealed, within a second of its commit.</summary>
    public long? Position { get; init; }

    /// <summary>SHA-256 over the hash before and the record; null until it is sealed.</summary>
    public byte[]? Hash { get; init; }
}
