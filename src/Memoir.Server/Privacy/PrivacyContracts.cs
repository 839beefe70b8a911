using System.Text.Json.Serialization;

namespace Memoir.Server.Privacy;

/// <summary>Says what was erased, when and at whose wish, signed by the installation.</summary>
public sealed record ErasureReceipt
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    /// <summary>HMAC-SHA256 of tenant and user under a key of the installation, never the id itself; <c>*</c> for a whole tenant.</summary>
    public required string Subject { get; init; }

    public required bool WholeTenant { get; init; }

    /// <summary>How many of what.</summary>
    public required IReadOnlyDictionary<string, long> Erased { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>From then on nothing of it can be read through the server.</summary>
    public required DateTimeOffset CompletedAt { get; init; }

    /// <summary>From then on the database's files hold no byte of it; null where the operator writes them anew himself.</summary>
    public required DateTimeOffset? FilesCleanBy { get; init; }

    public required string Actor { get; init; }

    public required string RequestId { get; init; }

    /// <summary>One of <c>GET /v1/admin/signing-keys</c>.</summary>
    public required string KeyId { get; init; }

    /// <summary>ECDSA, P-256 and SHA-256, r and s of 32 bytes each, base64url, over the text that docs/privacy.md describes.</summary>
    public required string Signature { get; init; }
}

/// <summary>How an erasure stands.</summary>
public sealed record ErasureResponse
{
    public required Guid Id { get; init; }

    public required string TenantId { get; init; }

    public required string Subject { get; init; }

    public required bool WholeTenant { get; init; }

    /// <summary><c>running</c> or <c>completed</c>.</summary>
    public required string Status { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>The job that goes on with it, in the answer that queued it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? JobId { get; init; }

    /// <summary>When the files were written anew after it; null until then.</summary>
    public required DateTimeOffset? FilesRewrittenAt { get; init; }

    /// <summary>Null until it is completed.</summary>
    public required ErasureReceipt? Receipt { get; init; }
}

/// <summary>Answer of <c>GET /v1/erasures</c>.</summary>
public sealed record ErasureList(IReadOnlyList<ErasureResponse> Items, string? NextCursor);

/// <summary>A public key of the installation.</summary>
/// <param name="KeyId">How signatures name it.</param>
/// <param name="Pem">SubjectPublicKeyInfo in PEM.</param>
/// <param name="Current">New signatures are made with it.</param>
public sealed record SigningKey(string KeyId, string Pem, bool Current);

/// <summary>Answer of <c>GET /v1/admin/signing-keys</c>, the newest first.</summary>
public sealed record SigningKeyList(IReadOnlyList<SigningKey> Items);

/// <summary>What became of an import.</summary>
public sealed record ImportReport
{
    public required string TenantId { get; init; }

    /// <summary>Memories that are there now and were not before.</summary>
    public required long Imported { get; init; }

    /// <summary>Their versions.</summary>
    public required long Versions { get; init; }

    /// <summary>Memories that were there already, as they are in the file.</summary>
    public required long Unchanged { get; init; }

    /// <summary>Documents that are there now and were not before.</summary>
    public required long Documents { get; init; }

    /// <summary>Versions of documents that are there now and were not before.</summary>
    public required long DocumentVersions { get; init; }

    /// <summary>Recorded searches that are there now and were not before.</summary>
    public required long Searches { get; init; }

    /// <summary>Lines that were refused.</summary>
    public required long Refused { get; init; }

    /// <summary>The end line was there, with the right counts and checksum.</summary>
    public required bool Complete { get; init; }

    /// <summary>The first thousand refusals.</summary>
    public required IReadOnlyList<ImportError> Errors { get; init; }
}

/// <param name="Line">The line's number, from 1.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record ImportError(long Line, string Reason);

[JsonSerializable(typeof(ErasureReceipt))]
[JsonSerializable(typeof(ErasureResponse))]
[JsonSerializable(typeof(ErasureList))]
[JsonSerializable(typeof(SigningKeyList))]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(string))]
internal sealed partial class PrivacyJson : JsonSerializerContext;
