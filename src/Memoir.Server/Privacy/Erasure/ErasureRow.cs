using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Documents;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>An erasure as stored: first what keeps a crash from leaving it half done, then its proof, always a tombstone.</summary>
internal sealed record ErasureRow
{
    /// <summary>In place of a subject where a whole tenant is erased.</summary>
    public const string WholeTenant = "*";

    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    /// <summary>The subject's pseudonym, or <see cref="WholeTenant"/>.</summary>
    public required string Subject { get; init; }

    /// <summary>The key from which the pseudonym was made.</summary>
    public required string KeyId { get; init; }

    public required long IsWholeTenant { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>The tenant's last place when it was requested: what is stored behind it stays.</summary>
    public required long UpTo { get; init; }

    public required string Actor { get; init; }

    public required string RequestId { get; init; }

    /// <summary>The subject itself, until it is done.</summary>
    public string? UserId { get; init; }

    /// <summary>How much of what went so far.</summary>
    public required Json Erased { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The tenant's counter of changes when it was done: while it stands there, asking again has nothing to do.</summary>
    public required long LastChange { get; init; }

    /// <summary>The signed receipt, JSON.</summary>
    public string? Receipt { get; init; }

    /// <summary>When the files were written anew.</summary>
    public DateTimeOffset? RewrittenAt { get; init; }

    public Tenant Tenant => new(TenantId);
}

/// <summary>How much of what an erasure took.</summary>
internal sealed record ErasedCounts
{
    public long Memories { get; init; }

    public long Versions { get; init; }

    public long Vectors { get; init; }

    public long IdempotencyKeys { get; init; }

    public long Jobs { get; init; }

    public long Keys { get; init; }

    public long Searches { get; init; }

    public long Documents { get; init; }

    public long DocumentVersions { get; init; }

    public static ErasedCounts operator +(ErasedCounts a, ErasedCounts b) => new()
    {
        Memories = a.Memories + b.Memories,
        Versions = a.Versions + b.Versions,
        Vectors = a.Vectors + b.Vectors,
        IdempotencyKeys = a.IdempotencyKeys + b.IdempotencyKeys,
        Jobs = a.Jobs + b.Jobs,
        Keys = a.Keys + b.Keys,
        Searches = a.Searches + b.Searches,
        Documents = a.Documents + b.Documents,
        DocumentVersions = a.DocumentVersions + b.DocumentVersions,
    };

    /// <summary>By their names on the wire, in the order of these.</summary>
    public SortedDictionary<string, long> ByName() => new(StringComparer.Ordinal)
    {
        ["api_keys"] = Keys,
        ["document_versions"] = DocumentVersions,
        ["documents"] = Documents,
        ["idempotency_keys"] = IdempotencyKeys,
        ["jobs"] = Jobs,
        ["memories"] = Memories,
        ["searches"] = Searches,
        ["vectors"] = Vectors,
        ["versions"] = Versions,
    };

    public static ErasedCounts Of(SubjectDocuments.Gone gone) =>
        new() { Documents = gone.Documents, DocumentVersions = gone.Versions, IdempotencyKeys = gone.Answers };

    public Json ToJson() => new(JsonSerializer.Serialize(this));

    public static ErasedCounts Of(Json stored) => JsonSerializer.Deserialize<ErasedCounts>(stored.Text) ?? new ErasedCounts();
}
