using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Recognises callers by tokens that another service has signed for its customers.</summary>
internal sealed class ForeignTokens(IOptions<TokenOptions> options, InstanceKeys keys, TimeProvider time)
{
    /// <summary>As the older service spells reading and writing in one.</summary>
    private const string ReadAndWrite = "memory:read:write";

    private readonly SignedTokens _tokens = new([.. options.Value.Secrets().Select(Encoding.UTF8.GetBytes)], time);
    private readonly Lazy<byte[]> _names = new(() => keys.Derive("token-subject", keyId: null));

    /// <returns>
    /// The tenant is the claim <c>customer_id</c>, what it may do is <c>scope</c>; an administrator of Memoir it never is. Null for
    /// a token that is not right, whatever is wrong with it.
    /// </returns>
    public Caller? Recognise(string token) =>
        _tokens.Check(token) is { } claims && IsMeantForUs(claims) && TenantOf(claims) is { } tenant && ScopesOf(claims) is { } scopes
            ? new Caller(tenant, NameOf(claims, tenant), scopes)
            : null;

    /// <inheritdoc cref="SignedTokens.IsGenuine"/>
    public bool IsGenuine(string token) => _tokens.IsGenuine(token);

    private bool IsMeantForUs(JsonElement claims)
    {
        var (issuer, audience) = (options.Value.JwtIssuer, options.Value.JwtAudience);
        return (issuer.Length == 0 || SignedTokens.Text(claims, "iss") == issuer)
            && (audience.Length == 0 || SignedTokens.Text(claims, "aud") == audience
                || (claims.TryGetProperty("aud", out var several) && several.ValueKind is JsonValueKind.Array
                    && several.EnumerateArray().Any(one => one.ValueKind is JsonValueKind.String && one.GetString() == audience)));
    }

    /// <summary>A whole number or a text: 17 and "17" are one customer, 17.0 is none.</summary>
    private static Tenant? TenantOf(JsonElement claims)
    {
        var id = claims.TryGetProperty("customer_id", out var value) && value.ValueKind is JsonValueKind.Number
            ? value.TryGetInt64(out var number) && value.GetRawText() == number.ToString(System.Globalization.CultureInfo.InvariantCulture) ? value.GetRawText() : null
            : SignedTokens.Text(claims, "customer_id");
        return id is not null && TenantId.IsValid(id) ? new Tenant(id) : null;
    }

    /// <returns>Null where it is no text; names that are not ours give nothing.</returns>
    private static Scopes? ScopesOf(JsonElement claims) => SignedTokens.Text(claims, "scope")?.Split(' ')
        .Aggregate(Scopes.None, (scopes, name) => scopes | (name is ReadAndWrite ? Scopes.Read | Scopes.Write : ScopeNames.Parse(name)))
        & (Scopes.Read | Scopes.Write);

    /// <summary>
    /// Whose token it is, for the audit and for idempotency keys: by an HMAC, since many services put an address there, and whoever
    /// reads the audit must not be able to try addresses against it.
    /// </summary>
    private string NameOf(JsonElement claims, Tenant tenant)
    {
        var subject = claims.TryGetProperty("sub", out var value) && value.ValueKind is JsonValueKind.Number ? value.GetRawText() : SignedTokens.Text(claims, "sub");
        if (string.IsNullOrEmpty(subject))
        {
            return "jwt";
        }

        var bytes = Encoding.UTF8.GetBytes($"{tenant.Id}\0{SignedTokens.Text(claims, "iss")}\0{subject}");
        return "jwt:" + Convert.ToHexStringLower(HMACSHA256.HashData(_names.Value, bytes).AsSpan(0, 8));
    }
}
