using System.Text.Json.Serialization;

namespace Memoir.Server.Limits;

/// <summary>An address that was refused too often, as it is stored.</summary>
internal sealed record BlockedAddress
{
    public required string Address { get; init; }

    public required DateTimeOffset BlockedAt { get; init; }

    public required DateTimeOffset Until { get; init; }
}

/// <summary>A blocked address as operators see it.</summary>
public sealed record BlockedAddressResponse
{
    /// <summary>An IPv4 address, or the first of the /64 of an IPv6 one.</summary>
    public required string Address { get; init; }

    public required DateTimeOffset BlockedAt { get; init; }

    /// <summary>When it is let in again by itself.</summary>
    public required DateTimeOffset BlockedUntil { get; init; }
}

/// <summary>Answer of <c>GET /v1/admin/blocked-addresses</c>.</summary>
public sealed record BlockedAddressList(IReadOnlyList<BlockedAddressResponse> Items, string? NextCursor);

[JsonSerializable(typeof(BlockedAddressList))]
internal sealed partial class LimitsJson : JsonSerializerContext;
