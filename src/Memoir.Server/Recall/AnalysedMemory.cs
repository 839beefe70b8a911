namespace Memoir.Server.Recall;

/// <summary>A memory reduced to terms and filter fields, ready to be put into an index without further work on its text.</summary>
internal sealed class AnalysedMemory
{
    /// <summary>Known only in the write; set there.</summary>
    public required long Sequence { get; set; }

    /// <summary>Null for a memory that is a conversation of its own.</summary>
    public required string? ConversationId { get; init; }

    public string? UserId { get; init; }

    public string? Type { get; init; }

    public MemoryRole Role { get; init; }

    public bool Archived { get; init; }

    /// <summary>It is kept and not recalled: it has no terms, and is no neighbour.</summary>
    public bool Hidden { get; init; }

    /// <summary>Its text could not be read: what is known of it here must not be taken for all that there is to know.</summary>
    public bool LacksText { get; set; }

    /// <summary>Whether its text ends in a question.</summary>
    public bool Asks { get; init; }

    public long OccurredAtMicros { get; init; }

    /// <summary>Unix microseconds; <see cref="long.MaxValue"/> when it never expires.</summary>
    public long ExpiresAtMicros { get; init; } = long.MaxValue;

    /// <summary>Unix microseconds.</summary>
    public long KnownFromMicros { get; init; }

    /// <summary>Unix microseconds; <see cref="long.MaxValue"/> while it is known so.</summary>
    public long KnownUntilMicros { get; init; } = long.MaxValue;

    /// <summary>Unix microseconds; <see cref="long.MinValue"/> when no beginning was said.</summary>
    public long ValidFromMicros { get; init; } = long.MinValue;

    /// <summary>Unix microseconds; <see cref="long.MaxValue"/> when no end is known.</summary>
    public long ValidUntilMicros { get; init; } = long.MaxValue;

    public float Importance { get; init; }

    /// <summary>NaN when there is none.</summary>
    public float ImportanceOverride { get; init; } = float.NaN;

    /// <summary>Whether it says when something was, is or will be.</summary>
    public bool TellsTime { get; init; }

    /// <summary>Distinct terms, passage after passage, ascending within one, so that content words come first, then stop words, then filters.</summary>
    public required ulong[] Terms { get; init; }

    /// <summary>How often each term occurs in its passage (1..63).</summary>
    public required byte[] Counts { get; init; }

    /// <summary>Where each passage ends in <see cref="Terms"/>.</summary>
    public required int[] PassageEnds { get; init; }

    /// <summary>Content words of each passage, at most 255.</summary>
    public required byte[] PassageLengths { get; init; }
}
