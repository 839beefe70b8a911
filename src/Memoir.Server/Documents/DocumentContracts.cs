using System.Text.Json.Serialization;
using Memoir.Server.Documents.Merging;

namespace Memoir.Server.Documents;

/// <summary>A user's structured memory; its <c>ETag</c> is the version.</summary>
public sealed record MemoryDocument : StructuredMemory
{
    public required string UserId { get; init; }
}

/// <summary>A structured memory as it was in one version.</summary>
public sealed record MemoryDocumentVersion : StructuredMemory
{
    public required string UserId { get; init; }

    public required long Version { get; init; }

    public required string Action { get; init; }

    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    public required string Diff { get; init; }
}

/// <summary>One version as the history lists it.</summary>
public sealed record DocumentHistoryItem
{
    public required long Version { get; init; }

    /// <summary><c>create</c>, <c>replace</c>, <c>patch</c>, <c>delete</c> or <c>restore</c>; <c>lost</c> where it was found missing.</summary>
    public required string Action { get; init; }

    /// <summary>The credential that wrote it.</summary>
    public required string Actor { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>What it changed, a line for each change, such as <c>profile.name: "Ann" → "Anna"</c>; at most 100.</summary>
    public required string Diff { get; init; }

    /// <summary>Its content was found not to match its checksum; absent while it was not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Damaged { get; init; }
}

/// <summary>A page of a document's versions, newest first.</summary>
public sealed record DocumentHistory(IReadOnlyList<DocumentHistoryItem> Items, string? NextCursor);

/// <summary>A user who has a structured memory.</summary>
public sealed record DocumentEntry(string UserId, long Version, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>A page of those who have a structured memory, by their ids.</summary>
public sealed record DocumentList(IReadOnlyList<DocumentEntry> Items, string? NextCursor);

/// <summary>Body of <c>POST /memory/{user_id}/restore</c>.</summary>
public sealed record RestoreDocumentRequest
{
    /// <summary>The version whose content becomes the newest one.</summary>
    public required long Version { get; init; }
}

[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(StructuredMemory))]
[JsonSerializable(typeof(PatchDocumentRequest))]
[JsonSerializable(typeof(IReadOnlyList<JsonPatchOperation>))]
[JsonSerializable(typeof(MemoryDocument))]
[JsonSerializable(typeof(MemoryDocumentVersion))]
[JsonSerializable(typeof(DocumentHistory))]
[JsonSerializable(typeof(DocumentList))]
[JsonSerializable(typeof(RestoreDocumentRequest))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonObject))]
internal sealed partial class DocumentsJson : JsonSerializerContext;
