namespace Memoir.Server.Documents;

/// <summary>Which document: of one kind every name is one document, and the subject whose it is can be erased with it.</summary>
/// <param name="Kind">What sort of document it is, such as <see cref="StructuredMemoryKind"/>.</param>
/// <param name="Name">Its name among those of the kind, 1..255 characters.</param>
/// <param name="UserId">Whose it is; null where it is nobody's.</param>
internal sealed record DocumentKey(string Kind, string Name, string? UserId)
{
    /// <summary>What an assistant knows of a user.</summary>
    public const string StructuredMemoryKind = "memory";

    /// <summary>Paths below <c>/memory</c> that are no user's.</summary>
    private static readonly string[] Reserved = ["store", "retrieve"];

    public static DocumentKey OfMemory(string userId) => new(StructuredMemoryKind, userId, userId);

    /// <summary>Whether a user of this id may have a structured memory.</summary>
    public static bool IsMemoryName(string userId)
    {
        var length = userId.EnumerateRunes().Count();
        return length is >= 1 and <= 255 && !IsReserved(userId);
    }

    public static bool IsReserved(string userId) => Reserved.Contains(userId);
}

/// <summary>A document as it is served.</summary>
internal sealed record Document
{
    public required Guid Id { get; init; }

    /// <summary>The version that is served.</summary>
    public required long Version { get; init; }

    public required string Content { get; init; }

    /// <summary>Newer versions that are not what was written; the served one stands in for them.</summary>
    public required IReadOnlyList<long> Damaged { get; init; }

    /// <summary>What of it was masked in the write that answers with it, as a header says it; null when nothing was.</summary>
    public string? Masked { get; init; }
}

/// <summary>A document's row: it names the newest version.</summary>
internal sealed record DocumentRow
{
    public required Guid Id { get; init; }

    public required string Kind { get; init; }

    public required string Name { get; init; }

    public string? UserId { get; init; }

    public required long Version { get; init; }

    /// <summary>1 when the newest version is a deletion.</summary>
    public required long IsDeleted { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>One version, as it is listed.</summary>
internal sealed record DocumentVersionInfo
{
    public required long Version { get; init; }

    /// <summary><c>create</c>, <c>replace</c>, <c>patch</c>, <c>delete</c> or <c>restore</c>; <c>lost</c> where it was found missing.</summary>
    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>What it changed, for people.</summary>
    public required string Diff { get; init; }

    /// <summary>When it was found not to be what was written.</summary>
    public DateTimeOffset? DamagedAt { get; init; }
}

/// <summary>One version with its content, which is empty where it is a deletion.</summary>
internal sealed record DocumentVersion
{
    public const string Deletion = "delete";

    /// <summary>Stands where a version is not there any more; what it was is not known.</summary>
    public const string Lost = "lost";

    public required Guid DocumentId { get; init; }

    public required long Version { get; init; }

    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    public required string Diff { get; init; }

    public required string Content { get; init; }

    /// <summary>SHA-256 in hexadecimal digits over document, version and content.</summary>
    public required string Checksum { get; init; }

    public DateTimeOffset? DamagedAt { get; init; }

    public bool IsDeletion => Action == Deletion;

    public bool IsGood => Checksum == DocumentChecksum.Of(DocumentId, Version, Content);
}
