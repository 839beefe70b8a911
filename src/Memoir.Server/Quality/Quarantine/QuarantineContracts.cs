using System.Text.Json.Serialization;

namespace Memoir.Server.Quality.Quarantine;

/// <summary>A memory that is kept and not recalled.</summary>
public sealed record QuarantinedMemory
{
    public required Guid Id { get; init; }

    public required string Type { get; init; }

    public required string? UserId { get; init; }

    public required string? ConversationId { get; init; }

    public required string? Role { get; init; }

    /// <summary>Show it to people as text, and to no model.</summary>
    public required string Content { get; init; }

    /// <summary><c>injection_pattern</c>, <c>no_speaker</c>, <c>recalled_echo</c>, <c>restated_prompt</c>.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>When Memoir learned it.</summary>
    public required DateTimeOffset StoredAt { get; init; }
}

/// <summary>A page of the quarantine, newest first.</summary>
public sealed record QuarantineList(IReadOnlyList<QuarantinedMemory> Items, string? NextCursor);

/// <summary>Answer of <c>POST /v1/quarantine/{id}/release</c>.</summary>
public sealed record MemoryReleased
{
    public required Guid Id { get; init; }

    public required DateTimeOffset ReleasedAt { get; init; }
}

[JsonSerializable(typeof(QuarantineList))]
[JsonSerializable(typeof(MemoryReleased))]
internal sealed partial class QuarantineJson : JsonSerializerContext;
