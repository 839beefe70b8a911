using System.Text.Json.Serialization;

namespace Memoir.Server.Quality;

/// <summary>What was masked in one field before it was stored.</summary>
/// <param name="Field">The member of the request, such as <c>content</c> or <c>metadata</c>.</param>
/// <param name="Kind">What stood there, such as <c>github_token</c> or <c>payment_card</c>.</param>
/// <param name="Count">In how many places.</param>
public sealed record MaskedField(string Field, string Kind, int Count);

/// <summary>Body of <c>PUT /v1/admin/quality/policies/{tenant_id}</c>.</summary>
public sealed record PutQualityPolicyRequest
{
    /// <summary>With keys, tokens and passwords: <c>keep</c>, <c>mask</c> or <c>refuse</c>.</summary>
    public required string Secrets { get; init; }

    /// <summary>With card numbers, bank accounts, mail addresses and telephone numbers: <c>keep</c>, <c>mask</c> or <c>refuse</c>.</summary>
    public required string PersonalData { get; init; }
}

/// <summary>What a tenant does with what is sensitive in the texts that it stores.</summary>
public sealed record QualityPolicyResponse
{
    public required string Secrets { get; init; }

    public required string PersonalData { get; init; }

    public required string TenantId { get; init; }

    /// <summary><c>tenant</c> when it was stored for this tenant, <c>server</c> when it is that of the server's settings.</summary>
    public required string ChosenBy { get; init; }

    /// <summary>When it was stored; null for the server's.</summary>
    public required DateTimeOffset? UpdatedAt { get; init; }
}

[JsonSerializable(typeof(IReadOnlyList<MaskedField>))]
[JsonSerializable(typeof(PutQualityPolicyRequest))]
[JsonSerializable(typeof(QualityPolicyResponse))]
internal sealed partial class QualityJson : JsonSerializerContext;
