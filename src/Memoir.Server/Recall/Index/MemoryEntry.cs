namespace Memoir.Server.Recall.Index;

/// <summary>A memory whose terms are numbered already: what the writer appends, be it from a request or from a segment.</summary>
internal readonly ref struct MemoryEntry
{
    public required long Sequence { get; init; }

    public required string? ConversationId { get; init; }

    public string? UserId { get; init; }

    public string? Type { get; init; }

    public MemoryRole Role { get; init; }

    public bool Archived { get; init; }

    public bool Asks { get; init; }

    public bool TellsTime { get; init; }

    public long OccurredAtMicros { get; init; }

    public long ExpiresAtMicros { get; init; }

    public float Importance { get; init; }

    public float ImportanceOverride { get; init; }

    public required ReadOnlySpan<int> Numbers { get; init; }

    public required ReadOnlySpan<byte> Counts { get; init; }

    public required ReadOnlySpan<int> PassageEnds { get; init; }

    public required ReadOnlySpan<byte> PassageLengths { get; init; }
}
