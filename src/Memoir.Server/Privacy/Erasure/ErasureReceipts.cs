using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Security;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>Names subjects without naming them, and signs what was done.</summary>
internal sealed class ErasureReceipts(InstanceKeys keys, IOptions<PrivacyOptions> options)
{
    /// <summary>What the signature is for; its bytes begin with this and a zero byte.</summary>
    public const string Purpose = "erasure-receipt";

    private static readonly TimeSpan Deadline = TimeSpan.FromHours(24);

    public string KeyId => keys.KeyId;

    /// <summary>The subject's pseudonym by the newest key.</summary>
    public string PseudonymOf(Tenant tenant, string userId) => PseudonymOf(keys, keys.KeyId, tenant, userId);

    /// <summary>All that the subject may be called in records: one by each key that is known.</summary>
    public IReadOnlyList<string> PseudonymsOf(Tenant tenant, string userId) =>
        [ErasureRow.WholeTenant, .. keys.PublicKeys.Select(key => PseudonymOf(keys, key.KeyId, tenant, userId))];

    public ErasureReceipt Sign(ErasureRow row, DateTimeOffset completedAt)
    {
        var unsigned = new ErasureReceipt
        {
            Id = row.Id,
            TenantId = row.TenantId,
            Subject = row.Subject,
            WholeTenant = row.IsWholeTenant == 1,
            Erased = ErasedCounts.Of(row.Erased).ByName(),
            RequestedAt = row.RequestedAt,
            CompletedAt = completedAt,
            FilesCleanBy = options.Value.ErasureRewriteHours == 0 ? null : completedAt + Deadline,
            Actor = row.Actor,
            RequestId = row.RequestId,
            KeyId = keys.KeyId,
            Signature = "",
        };
        return unsigned with { Signature = keys.Sign(Purpose, Encoding.UTF8.GetBytes(TextOf(unsigned))).Value };
    }

    public static string Serialize(ErasureReceipt receipt) => System.Text.Json.JsonSerializer.Serialize(receipt, WireJson.Of<ErasureReceipt>());

    /// <summary>Null when the row was damaged: that somebody was erased is to be known without it.</summary>
    public static ErasureReceipt? TryParse(string stored)
    {
        try
        {
            return Parse(stored);
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    public static ErasureReceipt Parse(string stored) => WireJson.Parse<ErasureReceipt>(Encoding.UTF8.GetBytes(stored));

    internal static string PseudonymOf(InstanceKeys keys, string keyId, Tenant tenant, string userId)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, keys.Derive("erasure-subject", keyId));
        hash.AppendData(Encoding.UTF8.GetBytes(tenant.Id));
        hash.AppendData([0]);
        hash.AppendData(Encoding.UTF8.GetBytes(userId));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What is signed: a line for each member, in this order, so that it can be put together from the receipt by hand.</summary>
    private static string TextOf(ErasureReceipt receipt)
    {
        var text = new StringBuilder("memoir-erasure-receipt 1\n");
        void Line(string name, string value) => text.Append(name).Append('=').Append(value).Append('\n');

        Line("id", receipt.Id.ToString());
        Line("tenant_id", receipt.TenantId);
        Line("subject", receipt.Subject);
        Line("whole_tenant", receipt.WholeTenant ? "true" : "false");
        foreach (var (name, count) in receipt.Erased.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            Line($"erased.{name}", count.ToString(CultureInfo.InvariantCulture));
        }

        Line("requested_at", WireInstant.Format(receipt.RequestedAt));
        Line("completed_at", WireInstant.Format(receipt.CompletedAt));
        Line("files_clean_by", receipt.FilesCleanBy is { } by ? WireInstant.Format(by) : "");
        Line("actor", receipt.Actor);
        Line("request_id", receipt.RequestId);
        Line("key_id", receipt.KeyId);
        return text.ToString();
    }
}
