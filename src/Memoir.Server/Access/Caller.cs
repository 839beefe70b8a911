using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;

namespace Memoir.Server.Access;

/// <summary>What a credential may do.</summary>
[Flags]
internal enum Scopes
{
    None = 0,
    Read = 1,
    Write = 2,
    Admin = 4,
    All = Read | Write | Admin,
}

/// <summary>The one identity that every kind of credential leads to.</summary>
/// <param name="Tenant">The tenant it belongs to; null for an operator, who may act in any.</param>
/// <param name="Credential">Names the credential in audit records and idempotency keys; never a secret.</param>
/// <param name="Scopes">What it may do.</param>
internal sealed record Caller(Tenant? Tenant, string Credential, Scopes Scopes)
{
    private const string Item = "memoir.caller";

    /// <summary>The credential's own limit of requests, beside its tenant's.</summary>
    public RateLimit? Limit { get; init; }

    public static Caller Of(HttpContext http) =>
        http.Items[Item] as Caller ?? throw new InvalidOperationException("This route runs without authentication.");

    public static Caller? TryOf(HttpContext http) => http.Items[Item] as Caller;

    public void AttachTo(HttpContext http) => http.Items[Item] = this;

    /// <summary>The tenant this request acts in: header, query and body must agree with each other and with the credential.</summary>
    /// <param name="http">The request.</param>
    /// <param name="stated">The tenant named in the path or body, or null where the contract has none.</param>
    /// <exception cref="ProblemException">400 when they disagree or break the form, 403 for a foreign tenant.</exception>
    public Tenant ActIn(HttpContext http, string? stated)
    {
        var named = Agree(Agree(stated, Single(http.Request.Query["tenant_id"])), Single(http.Request.Headers["X-Tenant-ID"]));
        if (named is null)
        {
            return Tenant ?? http.RequestServices.GetRequiredService<DefaultTenant>().Tenant;
        }

        if (!TenantId.IsValid(named))
        {
            throw ProblemException.Field("tenant_id", TenantId.Rule);
        }

        return Tenant is null || Tenant.Value.Id == named
            ? new Tenant(named)
            : throw new ProblemException(Problem.TenantMismatch, "This credential belongs to another tenant.");
    }

    /// <summary>
    /// The tenant that this request counts for, before its body is read: the credential's, else the one that header or query
    /// name, else the default one. Whether it may act there is <see cref="ActIn"/>'s to say.
    /// </summary>
    public Tenant CountsFor(HttpContext http)
    {
        if (Tenant is { } own)
        {
            return own;
        }

        var named = http.Request.Headers["X-Tenant-ID"] is [{ } header] ? header : http.Request.Query["tenant_id"] is [{ } query] ? query : null;
        return named is not null && TenantId.IsValid(named) ? new Tenant(named) : http.RequestServices.GetRequiredService<DefaultTenant>().Tenant;
    }

    /// <summary>Tenant for a stored row's <c>Location</c>: an operator must name it to read it back.</summary>
    public string Locate(string path, Tenant tenant) => Tenant is null ? $"{path}?tenant_id={Uri.EscapeDataString(tenant.Id)}" : path;

    private static string? Agree(string? one, string? other) =>
        one is null || other is null || one == other
            ? one ?? other
            : throw new ProblemException(Problem.InvalidRequest, "The request names two different tenants.");

    private static string? Single(Microsoft.Extensions.Primitives.StringValues values) => values.Count switch
    {
        0 => null,
        1 => values[0],
        _ => throw new ProblemException(Problem.InvalidRequest, "The request names its tenant more than once."),
    };
}

/// <summary>Where callers act who name no tenant.</summary>
internal sealed record DefaultTenant(Tenant Tenant);
