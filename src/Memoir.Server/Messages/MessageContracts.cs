using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Server.Quality;

namespace Memoir.Server.Messages;

/// <summary>Body of <c>POST /v1/messages</c>, and an item of a batch.</summary>
public sealed record StoreMessageRequest
{
    /// <summary>Whose message it is, 1..128 of <c>A-Z a-z 0-9 . _ : @ + -</c>.</summary>
    public required string TenantId { get; init; }

    /// <summary>1..255 characters.</summary>
    public required string ConversationId { get; init; }

    /// <summary><c>user</c>, <c>assistant</c>, <c>system</c> or <c>tool</c>.</summary>
    public required string Role { get; init; }

    /// <summary>1..100,000 characters.</summary>
    public required string Content { get; init; }

    /// <summary>Any JSON object of at most 16 KiB and 64 members.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Replaces the computed importance, 0..1.</summary>
    public double? ImportanceOverride { get; init; }

    /// <summary>1..255 characters.</summary>
    public string? UserId { get; init; }

    /// <summary>The speaker's display name, 1..128 characters.</summary>
    public string? Name { get; init; }

    /// <summary>The caller's own id, unique per tenant; the same id again replaces the message and keeps the old version.</summary>
    public string? ExternalId { get; init; }

    /// <summary>When it was said, for imports; now when absent.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Where it came from, 1..255 characters.</summary>
    public string? Source { get; init; }
}

/// <summary>A stored message.</summary>
public sealed record MessageResponse
{
    public required Guid Id { get; init; }

    public required string? ExternalId { get; init; }

    public required string TenantId { get; init; }

    public required string? ConversationId { get; init; }

    public required string? UserId { get; init; }

    public required string? Name { get; init; }

    public required string? Role { get; init; }

    public required string Content { get; init; }

    public required JsonElement Metadata { get; init; }

    /// <summary>0..1 at this moment, rounded to four decimals.</summary>
    public required double ImportanceScore { get; init; }

    /// <summary><c>pending</c>, <c>completed</c>, <c>failed</c> or <c>skipped</c>.</summary>
    public required string EmbeddingStatus { get; init; }

    /// <summary>When it was said.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When Memoir learned it.</summary>
    public required DateTimeOffset StoredAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Since when it is in the archive; absent while it is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>What was masked before it was stored; absent when nothing was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<MaskedField>? Masked { get; init; }

    /// <summary>The memory that said the same before; absent where there is none. This one is kept, and not found beside it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DuplicateOf { get; init; }

    /// <summary>Why it is not recalled before somebody releases it; absent where it is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Quarantine { get; init; }
}

/// <summary>Body of <c>PATCH /v1/messages/{id}</c>; what is absent stays as it is.</summary>
public sealed record PatchMessageRequest
{
    /// <summary>The new metadata, whole: an object of at most 16 KiB and 64 members.</summary>
    public JsonElement Metadata { get; init; }

    /// <summary>The new override, 0..1; <c>null</c> goes back to the computed importance.</summary>
    public JsonElement ImportanceOverride { get; init; }
}

/// <summary>Body of <c>POST /v1/messages/batch</c>: at most 1000 messages and 8 MiB.</summary>
public sealed record StoreBatchRequest(IReadOnlyList<StoreMessageRequest> Items);

/// <summary>A page of a conversation.</summary>
public sealed record MessageList(IReadOnlyList<MessageResponse> Items, string? NextCursor);

/// <summary>A conversation with its extent.</summary>
public sealed record ConversationResponse(string ConversationId, long MessageCount, DateTimeOffset FirstAt, DateTimeOffset LastAt);

/// <summary>A page of conversations, ordered by id.</summary>
public sealed record ConversationList(IReadOnlyList<ConversationResponse> Items, string? NextCursor);

/// <summary>A message as it was before a change.</summary>
public sealed record MessageVersionResponse(long Version, string Action, string Actor, DateTimeOffset At, JsonElement Message);

/// <summary>A page of a message's earlier versions, newest first.</summary>
public sealed record MessageHistory(IReadOnlyList<MessageVersionResponse> Items, string? NextCursor);

[JsonSerializable(typeof(StoreMessageRequest))]
[JsonSerializable(typeof(MessageResponse))]
[JsonSerializable(typeof(PatchMessageRequest))]
[JsonSerializable(typeof(StoreBatchRequest))]
[JsonSerializable(typeof(Wire.RawBatchRequest))]
[JsonSerializable(typeof(Wire.StoreBatchResponse))]
[JsonSerializable(typeof(MessageList))]
[JsonSerializable(typeof(ConversationList))]
[JsonSerializable(typeof(MessageHistory))]
internal sealed partial class MessagesJson : JsonSerializerContext;
