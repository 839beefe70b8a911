using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Recognises callers by tokens that another service has signed for its customers.</summary>
internal sealed class ForeignTokens(IOptions<TokenOptions> options, TimeProvider time)
{
    /// <summary>As the older service spells reading and writing in one.</summary>
    private const string ReadAndWrite = "memory:read:write";

    private readonly SignedTokens _tokens = new([.. options.Value.Secrets().Select(Encoding.UTF8.GetBytes)], time);

    /// <returns>
    /// The tenant is the claim <c>customer_id</c>, what it may do is <c>scope</c>; an administrator of Memoir it never is. Null for
    /// a token that is not right, whatever is wrong with it.
    /// </returns>
    public Caller? Recognise(string token) =>
        _tokens.Check(token) is { } claims && IsMeantForUs(claims) && TenantOf(claims) is { } tenant && ScopesOf(claims) is { } scopes
            ? new Caller(tenant, NameOf(claims), scopes)
            : null;

    private bool IsMeantForUs(JsonElement claims)
    {
        var (issuer, audience) = (options.Value.JwtIssuer, options.Value.JwtAudience);
        return (issuer.Length == 0 || Text(claims, "iss") == issuer)
            && (audience.Length == 0 || Text(claims, "aud") == audience
                || (claims.TryGetProperty("aud", out var several) && several.ValueKind is JsonValueKind.Array
                    && several.EnumerateArray().Any(one => one.ValueKind is JsonValueKind.String && one.GetString() == audience)));
    }

    /// <summary>A whole number or a text: 17 and "17" are one customer, 17.0 is none.</summary>
    private static Tenant? TenantOf(JsonElement claims)
    {
        var id = claims.TryGetProperty("customer_id", out var value) && value.ValueKind is JsonValueKind.Number
            ? value.TryGetInt64(out var number) && value.GetRawText() == number.ToString(System.Globalization.CultureInfo.InvariantCulture) ? value.GetRawText() : null
            : Text(claims, "customer_id");
        return id is not null && TenantId.IsValid(id) ? new Tenant(id) : null;
    }

    /// <returns>Null where it is no text; names that are not ours give nothing.</returns>
    private static Scopes? ScopesOf(JsonElement claims) => Text(claims, "scope")?.Split(' ')
        .Aggregate(Scopes.None, (scopes, name) => scopes | (name is ReadAndWrite ? Scopes.Read | Scopes.Write : ScopeNames.Parse(name)))
        & (Scopes.Read | Scopes.Write);

    /// <summary>Whose token it is, for the audit: by a hash, since many services put an address there.</summary>
    private static string NameOf(JsonElement claims) =>
        Text(claims, "sub") is { Length: > 0 } subject ? "jwt:" + Convert.ToHexStringLower(Secrets.Hash(subject).AsSpan(0, 8)) : "jwt";

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;
}
