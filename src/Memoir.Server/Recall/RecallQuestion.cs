using System.Text.Json;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Recall.Search;

namespace Memoir.Server.Recall;

/// <summary>A checked question to a tenant's memory.</summary>
internal sealed record RecallQuestion(string Query)
{
    public int TopK { get; init; } = 5;

    public RecallMode Mode { get; init; } = RecallMode.Hybrid;

    public string? ConversationId { get; init; }

    public string? UserId { get; init; }

    /// <summary>Together with <see cref="UserId"/>: also what is shared by all.</summary>
    public bool IncludeShared { get; init; }

    /// <summary>Only what is shared by all.</summary>
    public bool SharedAlone { get; init; }

    public string? Role { get; init; }

    public string? Type { get; init; }

    public double? ImportanceMin { get; init; }

    /// <summary>Inclusive.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool IncludeArchived { get; init; }

    /// <summary>What was true, and known, at another moment; null for what is true now.</summary>
    public Moment? Moment { get; init; }

    /// <summary>Turns before and after each hit to return with it.</summary>
    public int Neighbours { get; init; }

    public JsonElement? Filter { get; init; }

    public double SimilarityWeight { get; init; } = 0.7;

    public double ImportanceWeight { get; init; } = 0.3;

    public bool Explain { get; init; }
}

/// <summary>What was recalled, best first.</summary>
/// <param name="Items">The hits.</param>
/// <param name="DegradedReason">Why vectors had no part in it; null when all went as asked.</param>
/// <param name="IsCut">The lowest had no room in one answer.</param>
internal sealed record RecallAnswer(IReadOnlyList<RecalledMemory> Items, string? DegradedReason, bool IsCut);

/// <summary>One hit: the memory, why it ranks where it does, and the turns around it.</summary>
internal sealed record RecalledMemory(Memory Memory, RecallHit Hit, IReadOnlyList<Memory> Neighbours, IReadOnlyList<Guid> LiftedBy);
