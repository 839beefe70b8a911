using System.Text.Json.Serialization;

namespace Memoir.Server.Retention.Holds;

/// <summary>What must not go, whatever its age: all of a tenant, of a user, of a conversation, or one message.</summary>
internal sealed record LegalHold
{
    public required string Name { get; init; }

    /// <summary>One of <see cref="HoldKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>The user, the conversation or the message; empty for the whole tenant.</summary>
    public required string Subject { get; init; }

    public Guid? MemoryId { get; init; }

    public string? Reason { get; init; }

    /// <summary>The credential that placed it.</summary>
    public required string PlacedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>What a hold covers, as stored and as spelt on the wire.</summary>
internal static class HoldKind
{
    public const string Tenant = "tenant";
    public const string User = "user";
    public const string Conversation = "conversation";
    public const string Message = "message";
}

/// <summary>Body of <c>PUT /v1/admin/retention/holds/{name}</c>; it covers what it names, and the whole tenant when it names nothing.</summary>
public sealed record PlaceHoldRequest
{
    /// <summary>The tenant to act in; the caller's or the default one when absent.</summary>
    public string? TenantId { get; init; }

    /// <summary>All that this user said or was told, 1..255 characters.</summary>
    public string? UserId { get; init; }

    /// <summary>All of this conversation, 1..255 characters.</summary>
    public string? ConversationId { get; init; }

    /// <summary>This message alone.</summary>
    public Guid? MessageId { get; init; }

    /// <summary>Why, 1..500 characters.</summary>
    public string? Reason { get; init; }
}

/// <summary>A legal hold.</summary>
public sealed record LegalHoldResponse
{
    public required string Name { get; init; }

    public required string TenantId { get; init; }

    /// <summary><c>tenant</c>, <c>user</c>, <c>conversation</c> or <c>message</c>.</summary>
    public required string Covers { get; init; }

    public required string? UserId { get; init; }

    public required string? ConversationId { get; init; }

    public required Guid? MessageId { get; init; }

    public required string? Reason { get; init; }

    /// <summary>The credential that placed it.</summary>
    public required string PlacedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A page of holds, ordered by name.</summary>
public sealed record LegalHoldList(IReadOnlyList<LegalHoldResponse> Items, string? NextCursor);

[JsonSerializable(typeof(PlaceHoldRequest))]
[JsonSerializable(typeof(LegalHoldResponse))]
[JsonSerializable(typeof(LegalHoldList))]
internal sealed partial class HoldsJson : JsonSerializerContext;
