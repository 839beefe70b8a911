using System.Text.Json;
using System.Text.Json.Serialization;
using Memoir.Server.Quality;

namespace Memoir.Server.Voice;

/// <summary>
/// A memory to store: either a <c>key</c> of a <c>type</c> with its <c>value</c>, or plain <c>content</c>. The same key of
/// the same type for the same user replaces what was said under it and keeps the older version.
/// </summary>
public sealed record StoreMemoryRequest
{
    /// <summary>Such as <c>person</c>, <c>preference</c>, <c>project</c>, <c>rule</c>, <c>moment</c>, <c>fact</c>: 1..64 of <c>A-Z a-z 0-9 . _ : -</c>. Of plain content <c>fact</c> when absent.</summary>
    public string? Type { get; init; }

    /// <summary>1..255 characters.</summary>
    public string? Key { get; init; }

    /// <summary>A JSON object of at most 32 KiB.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>1..100,000 characters; instead of <c>value</c>.</summary>
    public string? Content { get; init; }

    /// <summary>Whole days from now on until it is not returned any more, 1..36,500; <c>null</c> for never. Absent: 365 of a value, never of plain content.</summary>
    public JsonElement TtlDays { get; init; }

    /// <summary>From when on it is true, inclusive; absent: from now on.</summary>
    public DateTimeOffset? ValidFrom { get; init; }

    /// <summary>Until when, exclusive and later than <c>valid_from</c>; absent: until what is known to begin next under the key, or is said later.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>From when on it should be asked again whether it is still so.</summary>
    public DateTimeOffset? ReviewAfter { get; init; }

    /// <summary>1..255 characters; whom it is about. Absent: it is shared by all users.</summary>
    public string? UserId { get; init; }

    /// <summary>At most 32 texts of 1..64 characters.</summary>
    public IReadOnlyList<string>? Categories { get; init; }

    /// <summary>Any JSON object of at most 16 KiB and 64 members.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Replaces the computed importance, 0..1.</summary>
    public double? Importance { get; init; }

    /// <summary>Where it came from, 1..255 characters.</summary>
    public string? Source { get; init; }
}

/// <summary>Body of <c>PATCH</c> and <c>PUT /v1/memories/{id}</c>; what is absent stays as it is. The key stays always.</summary>
public sealed record ChangeMemoryRequest
{
    /// <summary>What the memory has, for those who send all of it; another one is 422.</summary>
    public string? Type { get; init; }

    /// <summary>What the memory has, for those who send all of it; another one is 422.</summary>
    public string? Key { get; init; }

    /// <summary>The new value, whole; of a memory that has a value.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>The new text; of a memory that has no value.</summary>
    public string? Content { get; init; }

    /// <summary>From now on, 1..36,500; <c>null</c> for never.</summary>
    public JsonElement TtlDays { get; init; }

    /// <summary>A time; <c>null</c> for when it was said.</summary>
    public JsonElement ValidFrom { get; init; }

    /// <summary>A time later than <c>valid_from</c>; <c>null</c> for no end.</summary>
    public JsonElement ValidUntil { get; init; }

    /// <summary>A time; <c>null</c> for none.</summary>
    public JsonElement ReviewAfter { get; init; }

    public IReadOnlyList<string>? Categories { get; init; }

    /// <summary>The new metadata, whole.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>0..1; <c>null</c> goes back to the computed importance.</summary>
    public JsonElement Importance { get; init; }

    public string? Source { get; init; }
}

/// <summary>A stored memory.</summary>
public sealed record MemoryResponse
{
    public required Guid Id { get; init; }

    public required string Type { get; init; }

    public required string? Key { get; init; }

    /// <summary>An object; of plain content <c>{"content": …}</c>.</summary>
    public required JsonElement Value { get; init; }

    /// <summary>The words by which it is recalled.</summary>
    public required string Content { get; init; }

    public required string? UserId { get; init; }

    /// <summary><c>user</c> or <c>shared</c>.</summary>
    public required string Scope { get; init; }

    public required string? Source { get; init; }

    public required IReadOnlyList<string> Categories { get; init; }

    public required JsonElement Metadata { get; init; }

    /// <summary>0..1 at this moment, rounded to four decimals.</summary>
    public required double Importance { get; init; }

    /// <summary>Counts from 1; each change makes another.</summary>
    public required long Version { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>From when on it is true; absent where nobody said so: then since it was said.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ValidFrom { get; init; }

    /// <summary>Until when it is true, exclusive; absent while no end is known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>Until when it was taken to be so, of what was told otherwise later; absent of what still is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? KnownUntil { get; init; }

    /// <summary>When it was last confirmed; absent when that never was since it was stated.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? VerifiedAt { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ReviewAfter { get; init; }

    /// <summary>True from <c>review_after</c> on; else absent.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? ReviewDue { get; init; }

    /// <summary>Since when it is in the archive; absent while it is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>The memory that said the same before; absent where there is none. This one is kept, and not found beside it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DuplicateOf { get; init; }

    /// <summary>Why it is not recalled before somebody releases it; absent where it is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Quarantine { get; init; }

    /// <summary>0..1, of what was searched for; absent in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Similarity { get; init; }

    /// <summary>What was masked before it was stored; absent when nothing was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<MaskedField>? Masked { get; init; }
}

/// <summary>What every answer to a store says of what became of it.</summary>
public abstract record Stored
{
    /// <summary>What was masked before it was stored; absent when nothing was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<MaskedField>? Masked { get; init; }

    /// <summary>The memory that said the same before; absent where there is none. Of what is no message it is the one that the answer names: nothing was stored beside it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DuplicateOf { get; init; }

    /// <summary>Why it is not recalled before somebody releases it; absent where it is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Quarantine { get; init; }
}

/// <summary>Answer of <c>POST /v1/memories</c>; the same id twice, for clients read one or the other.</summary>
public sealed record MemoryStored(bool Success, Guid Id, Guid MemoryId, string Message) : Stored;

/// <summary>Answer of <c>POST /v1/memories/user</c>.</summary>
public sealed record UserMemoryStored(bool Success, Guid MemoryId, string UserId, string Message) : Stored;

/// <summary>Answer of <c>POST /v1/memories/shared</c>.</summary>
public sealed record SharedMemoryStored(bool Success, Guid MemoryId, string Scope, string Message) : Stored;

/// <summary>Answer of <c>DELETE /v1/memories/{id}</c>.</summary>
public sealed record MemoryDeleted(bool Success, string Message);

/// <summary>How many memories there are, archived and expired ones included, and of which types.</summary>
public sealed record MemoryStats(long Total, IReadOnlyDictionary<string, long> ByType);

/// <summary>What all lists say that can be searched.</summary>
public abstract record ListOrSearch
{
    /// <summary>Vectors could have no part in the search; absent when they had, and in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Degraded { get; init; }

    /// <summary>Why.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DegradedReason { get; init; }
}

/// <summary>A page of memories, newest first; of a search the best first, without a further page.</summary>
public sealed record MemoryList(IReadOnlyList<MemoryResponse> Memories, int Count, MemoryStats Stats, string? NextCursor) : ListOrSearch;

/// <summary>Answer of <c>GET /v1/memories/user/{user_id}</c>.</summary>
public sealed record UserMemoryList(string UserId, IReadOnlyList<MemoryResponse> Memories, int Count) : ListOrSearch;

/// <summary>Answer of <c>GET /v1/memories/shared</c>.</summary>
public sealed record SharedMemoryList(IReadOnlyList<MemoryResponse> Memories, int Count) : ListOrSearch;

/// <summary>Body of <c>POST /v1/memories/batch</c>: 1..1000 memories, 8 MiB.</summary>
public sealed record StoreMemoriesRequest(IReadOnlyList<StoreMemoryRequest> Items);

/// <summary>Body of <c>POST /v1/memories/{id}/restore</c>.</summary>
public sealed record RestoreMemoryRequest
{
    /// <summary>The version, from the history, whose words become the current ones.</summary>
    public required long Version { get; init; }
}

/// <summary>A memory as it was before a change.</summary>
/// <param name="Version">Counts from 1.</param>
/// <param name="Action">What ended it.</param>
/// <param name="Actor">The credential that ended it.</param>
/// <param name="At">When it was ended.</param>
/// <param name="Memory">What it said.</param>
/// <param name="Periods">When that was true and known, the oldest first; none of versions before there were periods.</param>
public sealed record MemoryVersionResponse(
    long Version, string Action, string Actor, DateTimeOffset At, JsonElement Memory, IReadOnlyList<PeriodResponse> Periods);

/// <summary>What was said was true from <c>valid_from</c> until <c>valid_until</c>, as we knew from <c>known_from</c> until <c>known_until</c>; <c>null</c> for no end.</summary>
public sealed record PeriodResponse(DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil, DateTimeOffset KnownFrom, DateTimeOffset? KnownUntil);

/// <summary>Body of <c>POST /v1/memories/{id}/confirm</c>.</summary>
public sealed record ConfirmMemoryRequest
{
    /// <summary>From when on it should be asked again; <c>null</c> for never. Absent: as it was, unless that time has come.</summary>
    public JsonElement ReviewAfter { get; init; }
}

/// <summary>A page of a memory's earlier versions, newest first.</summary>
public sealed record MemoryHistory(IReadOnlyList<MemoryVersionResponse> Items, string? NextCursor);

/// <summary>Body of <c>POST /memory/store</c>.</summary>
public sealed record StoreTurnRequest
{
    /// <summary>1..255 characters.</summary>
    public required string UserId { get; init; }

    /// <summary><c>user</c> (when absent), <c>assistant</c>, <c>system</c> or <c>tool</c>.</summary>
    public string? Role { get; init; }

    /// <summary>1..100,000 characters.</summary>
    public required string Content { get; init; }

    /// <summary>At most 16 KiB and 64 members; its <c>thread_id</c>, a text of 1..255 characters, names the conversation.</summary>
    public JsonElement? Metadata { get; init; }
}

/// <summary>Answer of <c>POST /memory/store</c>.</summary>
public sealed record TurnStored(bool Success, Guid Id, Guid MemoryId) : Stored;

/// <summary>Body of <c>POST /memory/retrieve</c>.</summary>
public sealed record RetrieveRequest
{
    /// <summary>1..255 characters.</summary>
    public required string UserId { get; init; }

    /// <summary>1..500; 500 when absent.</summary>
    public int? Limit { get; init; }

    /// <summary>Only of this conversation.</summary>
    public string? ThreadId { get; init; }
}

/// <summary>Answer of <c>POST /memory/retrieve</c>: newest first.</summary>
public sealed record Retrieved(bool Success, IReadOnlyList<MemoryResponse> Memories, int Count);

[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(StoreMemoryRequest))]
[JsonSerializable(typeof(StoreMemoriesRequest))]
[JsonSerializable(typeof(ChangeMemoryRequest))]
[JsonSerializable(typeof(MemoryResponse))]
[JsonSerializable(typeof(MemoryStored))]
[JsonSerializable(typeof(UserMemoryStored))]
[JsonSerializable(typeof(SharedMemoryStored))]
[JsonSerializable(typeof(MemoryDeleted))]
[JsonSerializable(typeof(MemoryList))]
[JsonSerializable(typeof(UserMemoryList))]
[JsonSerializable(typeof(SharedMemoryList))]
[JsonSerializable(typeof(ConfirmMemoryRequest))]
[JsonSerializable(typeof(RestoreMemoryRequest))]
[JsonSerializable(typeof(MemoryHistory))]
[JsonSerializable(typeof(StoreTurnRequest))]
[JsonSerializable(typeof(TurnStored))]
[JsonSerializable(typeof(RetrieveRequest))]
[JsonSerializable(typeof(Retrieved))]
internal sealed partial class VoiceJson : JsonSerializerContext;
