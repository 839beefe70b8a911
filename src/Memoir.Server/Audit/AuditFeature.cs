using System.Globalization;
using Memoir.Kit.Audit;
using Memoir.Kit.Audit.Chain;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Wire;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Memoir.Server.Audit;

/// <summary>Front door of this folder: who did what, and whether the records of it are as they were written.</summary>
internal static class AuditFeature
{
    private const string LinesType = "application/x-ndjson";

    public static void AddAudit(this IHostApplicationBuilder builder) => builder.Services.AddSingleton<LongReads>();

    /// <summary>Before the requests that the server asks itself, which are nobody's.</summary>
    public static void UseDenialWatch(this IApplicationBuilder app) => app.UseMiddleware<DenialWatch>();

    public static void MapAudit(this IEndpointRouteBuilder app)
    {
        var audit = app.MapGroup("/v1/admin/audit").WithTags("Audit").RequireScope(Scopes.Admin);
        audit.MapGet("", ListAsync)
            .WithSummary("List a tenant's audit records, newest first, or export all of them as JSON lines.")
            .Describe<AuditList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(
                ["tenant_id", "actor", "action", "subject", "request_id", "since", "until", "limit", "cursor", "format"]))
            .MayRefuse(Problem.Conflict, Problem.Overloaded);
        audit.MapGet("/verify", VerifyAsync)
            .WithSummary("Verify a tenant's audit records against their chain and its checkpoints; operators may ask for all tenants.")
            .Describe<AuditVerification>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "all", "limit", "cursor"]))
            .MayRefuse(Problem.Conflict, Problem.Overloaded);
    }

    public static AuditRecordResponse ToResponse(AuditEntry entry) => new()
    {
        Id = entry.Id,
        Position = entry.Position,
        At = entry.At,
        Actor = entry.Actor,
        Action = entry.Action,
        Subject = entry.Subject,
        Count = entry.Count,
        RequestId = entry.RequestId,
        Address = entry.Address,
        Hash = entry.Hash is null ? null : Convert.ToHexStringLower(entry.Hash),
    };

    public static ChainResponse ToResponse(ChainReport report) => new()
    {
        TenantId = report.Tenant,
        Ok = report.IsOk,
        Records = report.Sealed + report.Unsealed,
        Sealed = report.Sealed,
        Unsealed = report.Unsealed,
        Checkpoints = report.Checkpoints,
        VouchedTo = report.Vouched,
        FirstBad = report.FirstBad is { } bad ? new BadRecordResponse(bad.Position, bad.Id, bad.Reason) : null,
    };

    private static async Task<IResult> ListAsync(HttpContext http, AuditTrail trail, LongReads reads, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var filter = FilterOf(http.Request);
        if (WantsLines(http.Request))
        {
            return http.Request.Query.ContainsKey("limit") || http.Request.Query.ContainsKey("cursor")
                ? throw new ProblemException(Problem.InvalidRequest, "An export has no pages: leave limit and cursor away.")
                : new AuditExport(trail, reads, tenant, filter, LinesType);
        }

        var page = Page.From(http.Request, $"audit\n{tenant}\n{filter}", values: 2);
        var found = await trail.ListAsync(tenant, filter, Before(page), page.Limit + 1, ct);
        var items = found.Take(page.Limit).ToList();
        var next = found.Count <= page.Limit ? null : page.Next(
            items[^1].At.ToMicroseconds().ToString(CultureInfo.InvariantCulture), items[^1].Id.ToString());
        return Answer.Ok(new AuditList([.. items.Select(ToResponse)], next), WireJson.Of<AuditList>());
    }

    private static async Task<IResult> VerifyAsync(HttpContext http, AuditVerifier verifier, LongReads reads, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var own = caller.ActIn(http, stated: null);
        var isAll = QueryValues.Flag(http.Request, "all") ?? false;
        if (isAll && caller.Tenant is not null)
        {
            throw new ProblemException(Problem.InsufficientScope, "All tenants are verified for operators alone.");
        }

        var page = Page.From(http.Request, $"audit-verify\n{isAll}\n{own}", values: 1);
        using var place = reads.Enter("verify"); // Each reads whole tables.
        http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
        var files = verifier.OwnFiles;
        IReadOnlyList<Tenant> tenants = isAll ? await verifier.ListTenantsAsync(files, page.After?[0] ?? "", page.Limit + 1, ct) : [own];
        var reports = await verifier.VerifyAsync([.. tenants.Take(page.Limit)], files, ct);
        return Answer.Ok(
            new AuditVerification(
                reports.All(report => report.IsOk), [.. reports.Select(ToResponse)], tenants.Count > page.Limit ? page.Next(reports[^1].Tenant) : null),
            WireJson.Of<AuditVerification>());
    }

    private static AuditFilter FilterOf(HttpRequest request)
    {
        var checks = new FieldChecks();
        string? Text(string name, int longest)
        {
            var text = QueryValues.Text(request, name);
            if (text is not null)
            {
                checks.Length(name, text, 1, longest);
            }

            return text;
        }

        var filter = new AuditFilter(
            Text("actor", 255), Text("action", 64), Text("subject", 255), Text("request_id", 64),
            QueryValues.Time(request, "since"), QueryValues.Time(request, "until"));
        checks.ThrowIfAny();
        return filter;
    }

    private static bool WantsLines(HttpRequest request) => QueryValues.Text(request, "format") switch
    {
        null => request.Headers.Accept.Any(accept => accept?.Contains(LinesType, StringComparison.OrdinalIgnoreCase) ?? false),
        "json" => false,
        "ndjson" => true,
        _ => throw ProblemException.Field("format", "must be one of json, ndjson"),
    };

    private static (DateTimeOffset At, Guid Id)? Before(Page page)
    {
        if (page.After is not { } values)
        {
            return null;
        }

        return long.TryParse(values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var at) && Guid.TryParse(values[1], out var id)
            ? (Instants.FromMicrosecondsClamped(at), id)
            : throw Cursor.Invalid();
    }
}
