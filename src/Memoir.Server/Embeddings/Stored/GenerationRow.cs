namespace Memoir.Server.Embeddings.Stored;

/// <summary>A generation of vectors that a tenant has, as stored.</summary>
internal sealed record GenerationRow
{
    public const string Current = "current";
    public const string Previous = "previous";
    public const string Retired = "retired";

    public required string Generation { get; init; }

    public required string Provider { get; init; }

    public required string Model { get; init; }

    public required long Dimensions { get; init; }

    /// <summary><c>current</c>, <c>previous</c> (kept, can be gone back to) or <c>retired</c> (being deleted).</summary>
    public required string Role { get; init; }

    /// <summary>1 when the tenant chose it, 0 when it is what the server's settings said.</summary>
    public required long IsChosen { get; init; }

    /// <summary>When it took its role.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Memories up to here have been visited since it became the current one.</summary>
    public required long EmbeddedTo { get; init; }

    /// <summary>Memories after here were stored since; each has a job of its own.</summary>
    public required long EmbedUntil { get; init; }

    public EmbeddingGeneration ToGeneration() => new(Provider, Model, (int)Dimensions);
}

/// <summary>What a tenant's vectors are at one moment.</summary>
/// <param name="Generation">The one in use: the tenant's choice, else the server's.</param>
/// <param name="Rows">What is recorded; the current row may still be of another generation right after the settings changed.</param>
/// <param name="Change">The tenant's counter of such changes at that moment.</param>
internal sealed record TenantVectors(EmbeddingGeneration Generation, IReadOnlyList<GenerationRow> Rows, long Change)
{
    /// <summary>Vectors are made from the text where they are needed, and never stored.</summary>
    public bool AreComputed => Generation.Provider == ProviderNames.Builtin;

    /// <summary>The record of the generation in use; null until it is made.</summary>
    public GenerationRow? Current => Rows.FirstOrDefault(row => row.Role == GenerationRow.Current && row.Generation == Generation.Key);

    /// <summary>The generation that can be gone back to.</summary>
    public GenerationRow? Previous => Rows.FirstOrDefault(row => row.Role == GenerationRow.Previous);

    /// <summary>Whether every memory has been visited since this generation is in use.</summary>
    public bool IsComplete => AreComputed || (Current is { } current && current.EmbeddedTo >= current.EmbedUntil);

    /// <summary>Whether the status that is stored with a memory may be of another generation.</summary>
    public bool IsUnvisited(long sequence) =>
        !AreComputed && (Current is not { } current || (sequence > current.EmbeddedTo && sequence <= current.EmbedUntil));
}

/// <summary>How far the vectors of a tenant are.</summary>
/// <param name="Total">Memories with something to embed.</param>
/// <param name="Embedded">Those whose vector is there.</param>
/// <param name="Failed">Those that the provider refuses, or that were given up.</param>
/// <param name="Pending">The rest.</param>
internal sealed record EmbeddingCounts(long Total, long Embedded, long Failed, long Pending);
