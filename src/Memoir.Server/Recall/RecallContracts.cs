using System.Text.Json;
using System.Text.Json.Serialization;

namespace Memoir.Server.Recall;

/// <summary>Body of <c>POST /v1/memory/search</c>; <c>GET</c> takes the same names but <c>filter</c> and <c>weights</c>.</summary>
public sealed record SearchRequest
{
    /// <summary>The tenant to search; the caller's or the default one when absent.</summary>
    public string? TenantId { get; init; }

    /// <summary>The question, 1..4096 characters. It is data: no character of it is an operator.</summary>
    public required string Query { get; init; }

    /// <summary>How many items at most, 1..100; 5 when absent.</summary>
    public int? TopK { get; init; }

    public string? ConversationId { get; init; }

    public string? UserId { get; init; }

    /// <summary><c>user</c>, <c>assistant</c>, <c>system</c> or <c>tool</c>.</summary>
    public string? Role { get; init; }

    /// <summary>The type of memory, for example <c>message</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Least importance, 0..1.</summary>
    public double? ImportanceMin { get; init; }

    /// <summary>Said at this time or later.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Said before this time.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool? IncludeArchived { get; init; }

    /// <summary>What was true at this time; what is true now when absent, or was when <c>known_at</c> is given.</summary>
    public DateTimeOffset? AsOf { get; init; }

    /// <summary>As far as it had been told by this time; all that is known when absent.</summary>
    public DateTimeOffset? KnownAt { get; init; }

    /// <summary><c>hybrid</c> (when absent), <c>semantic</c> or <c>lexical</c>.</summary>
    public string? Mode { get; init; }

    /// <summary>Turns before and after each item to return with it, 0..10.</summary>
    public int? Neighbors { get; init; }

    /// <summary>Every scalar in it must stand at the same path of the memory's metadata; positions in arrays do not matter.</summary>
    public JsonElement? Filter { get; init; }

    public SearchWeights? Weights { get; init; }

    /// <summary>Adds to each item what made it rank.</summary>
    public bool? Explain { get; init; }
}

/// <summary>What the parts of a score count; 0.7 and 0.3 when absent. They are used as given, each 0..1.</summary>
public sealed record SearchWeights
{
    public double? Similarity { get; init; }

    public double? Importance { get; init; }
}

/// <summary>Answer of a search: items by <c>score</c> descending, ties newer first: later said, else later stored.</summary>
public sealed record SearchResponse
{
    /// <summary>The number of items in this answer.</summary>
    public required int Total { get; init; }

    public required IReadOnlyList<SearchItem> Items { get; init; }

    /// <summary>True when vectors could have no part in the answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Degraded { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DegradedReason { get; init; }

    /// <summary>True when the lowest items were left out because one answer holds about 2,000,000 characters of text.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Truncated { get; init; }
}

/// <summary>One memory that was found. Numbers are rounded to four decimals.</summary>
public sealed record SearchItem
{
    public required Guid MessageId { get; init; }

    public required string? ExternalId { get; init; }

    /// <summary>The speaker's display name.</summary>
    public required string? Name { get; init; }

    /// <summary>0.7 × similarity + 0.3 × importance, unless weights say otherwise.</summary>
    public required double Score { get; init; }

    /// <summary>Relevance over what a full match of this question would reach, 0..1.</summary>
    public required double Similarity { get; init; }

    /// <summary>0..1.</summary>
    public required double Importance { get; init; }

    public required string Content { get; init; }

    public required string? Role { get; init; }

    public required string Type { get; init; }

    public required string? ConversationId { get; init; }

    public required string? UserId { get; init; }

    public required JsonElement Metadata { get; init; }

    /// <summary>When it was said.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>From when on it is true, where that was said.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ValidFrom { get; init; }

    /// <summary>Until when, exclusive; absent while no end is known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>Until when it was taken to be so, of what was told otherwise later.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? KnownUntil { get; init; }

    /// <summary>When it was last confirmed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>True when it should be asked again whether it is still so.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? ReviewDue { get; init; }

    /// <summary>The turns around it, in order, when <c>neighbors</c> asks for them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SearchNeighbor>? Neighbors { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SearchExplanation? Explain { get; init; }
}

/// <summary>A turn next to one that was found.</summary>
public sealed record SearchNeighbor(Guid MessageId, string? Role, string? Name, string Content, DateTimeOffset CreatedAt);

/// <summary>What made an item rank.</summary>
public sealed record SearchExplanation
{
    /// <summary>The similarity of the vectors, -1..1; null without a vector.</summary>
    public required double? Semantic { get; init; }

    /// <summary>The normalised relevance of the words, 0..1.</summary>
    public required double Lexical { get; init; }

    public required double Importance { get; init; }

    /// <summary>What the lexical relevance is made of, before normalising.</summary>
    public required LexicalExplanation LexicalParts { get; init; }

    /// <summary>Words of the question that occur in the memory, its speaker or its date.</summary>
    public required IReadOnlyList<string> MatchedTerms { get; init; }

    /// <summary>The turns beside it whose words lifted it.</summary>
    public required IReadOnlyList<Guid> LiftedBy { get; init; }
}

/// <summary>The memory's own words; it read with its neighbours; the share of its neighbours' and of its conversation's best score.</summary>
public sealed record LexicalExplanation(double Own, double Window, double Neighbors, double Conversation);

[JsonSerializable(typeof(SearchRequest))]
[JsonSerializable(typeof(SearchResponse))]
internal sealed partial class RecallJson : JsonSerializerContext;
