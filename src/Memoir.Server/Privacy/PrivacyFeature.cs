using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Security;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Privacy.Erasure;
using Memoir.Server.Privacy.Exchange;
using Memoir.Server.Wire;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Net.Http.Headers;

namespace Memoir.Server.Privacy;

/// <summary>Front door of this folder: what a person may ask about what is known of them.</summary>
internal static class PrivacyFeature
{
    public static void AddPrivacy(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<PrivacyOptions, PrivacyOptionsValidator>();
        builder.Services.AddSingleton<RunningExports>();
        builder.Services.AddSingleton<ErasureReceipts>();
        builder.Services.AddSingleton<ErasureLedger>();
        builder.Services.AddSingleton<ErasureRecords>();
        builder.Services.AddSingleton<SubjectEraser>();
        builder.Services.AddSingleton<SubjectErasure>();
        builder.Services.AddSingleton<IJobHandler>(services => services.GetRequiredService<SubjectErasure>());
        builder.Services.AddSingleton<TenantErasure>();
        builder.Services.AddSingleton<ErasedFiles>();
        builder.Services.AddSingleton<ErasureUpkeep>();
        builder.Services.AddSingleton<IUpkeep>(services => services.GetRequiredService<ErasureUpkeep>());
        builder.Services.AddSingleton<ExportService>();
        builder.Services.AddSingleton<ImportService>();
    }

    public static void MapPrivacy(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("").WithTags("Privacy");
        group.MapDelete("/v1/users/{userId}/data", EraseUserAsync).RequireScope(Scopes.Admin)
            .WithSummary("Erase everything of one user; the answer is the signed receipt, or 202 while a job does it.")
            .Describe<ErasureReceipt>(StatusCodes.Status200OK).Describe<ErasureResponse>(StatusCodes.Status202Accepted).MayRefuse(Problem.Conflict);
        group.MapGet("/v1/users/{userId}/export", ExportUserAsync).RequireScope(Scopes.Admin)
            .WithSummary("Everything of one user, as JSON lines; nobody else is in it.")
            .Produces<string>(StatusCodes.Status200OK, ExchangeLines.MediaType).MayRefuse(Problem.Conflict);
        group.MapGet("/v1/erasures", ListErasuresAsync).RequireScope(Scopes.Admin)
            .WithSummary("List a tenant's erasures, newest first.")
            .Describe<ErasureList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        group.MapGet("/v1/erasures/{id:guid}", FindErasureAsync).RequireScope(Scopes.Admin)
            .WithSummary("Read how an erasure stands, with its receipt.")
            .Describe<ErasureResponse>(StatusCodes.Status200OK);
        group.MapGet("/v1/admin/signing-keys", ListKeys).RequireScope(Scopes.Admin)
            .WithSummary("The public keys by which receipts can be checked.")
            .Describe<SigningKeyList>(StatusCodes.Status200OK);

        app.MapDelete("/v1/tenants/{tenantId}/data", EraseTenantAsync).RequireOperator(Scopes.Admin).WithTags("Tenants")
            .WithSummary("Erase everything of a tenant; 409 when it has a legal hold.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.Conflict);
        app.MapGet("/v1/tenants/{tenantId}/export", ExportTenantAsync).RequireOperator(Scopes.Admin).WithTags("Tenants")
            .WithSummary("Everything of a tenant, as JSON lines.")
            .Produces<string>(StatusCodes.Status200OK, ExchangeLines.MediaType).MayRefuse(Problem.Conflict);
        app.MapPost("/v1/admin/import", ImportAsync).RequireOperator(Scopes.Admin).WithTags("Tenants")
            .WithSummary("Bring an export back, with history and provenance; what is there already is left as it is.")
            .Accepts<string>(ExchangeLines.MediaType).Describe<ImportReport>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id"]));
    }

    private static async Task<IResult> EraseUserAsync(HttpContext http, string userId, SubjectErasure erasure, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        var (erased, job) = await erasure.EraseAsync(tenant, UserOf(http, userId), WriterOf(http), ct);
        return erased.Receipt is { } receipt
            ? Answer.Ok(ErasureReceipts.Parse(receipt), WireJson.Of<ErasureReceipt>())
            : Answer.Of(
                StatusCodes.Status202Accepted, ToResponse(erased) with { JobId = job }, WireJson.Of<ErasureResponse>(),
                caller.Locate($"/v1/erasures/{erased.Id}", tenant));
    }

    private static async Task<IResult> EraseTenantAsync(HttpContext http, string tenantId, TenantErasure erasure, CancellationToken ct)
    {
        await erasure.EraseAsync(Caller.Of(http).ActIn(http, tenantId), WriterOf(http), ct);
        return Answer.NoContent;
    }

    private static Task ExportUserAsync(HttpContext http, string userId, ExportService exports) =>
        ExportAsync(http, exports, Caller.Of(http).ActIn(http, stated: null), UserOf(http, userId));

    private static Task ExportTenantAsync(HttpContext http, string tenantId, ExportService exports) =>
        ExportAsync(http, exports, Caller.Of(http).ActIn(http, tenantId), userId: null);

    private static async Task ExportAsync(HttpContext http, ExportService exports, Tenant tenant, string? userId)
    {
        var export = await exports.BeginAsync(tenant, userId, WriterOf(http), http.RequestAborted);
        using var turn = export.Turn;
        http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // The rest is the reader's pace.
        http.Response.ContentType = ExchangeLines.MediaType;
        try
        {
            await exports.WriteAsync(export, http.Response.BodyWriter);
        }
        catch (OperationCanceledException)
        {
            http.Abort(); // Half an export must not look like a whole one.
        }
    }

    private static async Task<IResult> ListErasuresAsync(HttpContext http, ErasureRecords erasures, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"erasures\n{tenant}", values: 2);
        var (at, id) = (DateTimeOffset.MaxValue.ToStored(), Guid.AllBitsSet);
        if (page.After is [var microseconds, var last])
        {
            at = long.TryParse(microseconds, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? Instants.FromMicrosecondsClamped(number)
                : throw Cursor.Invalid();
            id = Guid.TryParse(last, out var named) ? named : throw Cursor.Invalid();
        }

        var found = await erasures.ListAsync(tenant, at, id, page.Limit + 1, ct);
        var items = found.Take(page.Limit).ToList();
        var next = found.Count <= page.Limit ? null : page.Next(
            items[^1].RequestedAt.ToMicroseconds().ToString(CultureInfo.InvariantCulture), items[^1].Id.ToString());
        return Answer.Ok(new ErasureList([.. items.Select(ToResponse)], next), WireJson.Of<ErasureList>());
    }

    private static async Task<IResult> FindErasureAsync(HttpContext http, Guid id, ErasureRecords erasures, CancellationToken ct)
    {
        var found = await erasures.FindAsync(Caller.Of(http).ActIn(http, stated: null), id, ct) ?? throw ProblemException.NotFound("There is no such erasure.");
        return Answer.Ok(ToResponse(found), WireJson.Of<ErasureResponse>());
    }

    private static Answer ListKeys(InstanceKeys keys) => Answer.Ok(
        new SigningKeyList([.. keys.PublicKeys.Select(key => new SigningKey(key.KeyId, key.Pem, key.IsCurrent))]), WireJson.Of<SigningKeyList>());

    private static async Task<IResult> ImportAsync(HttpContext http, ImportService import, CancellationToken ct)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) || !type.MediaType.Equals(ExchangeLines.MediaType, StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(Problem.UnsupportedMediaType, $"Send the lines of an export as {ExchangeLines.MediaType} (UTF-8).");
        }

        var tenant = Caller.Of(http).ActIn(http, stated: null);
        http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // As long as there are lines.
        return Answer.Ok(await import.RunAsync(tenant, http.Request.Body, WriterOf(http), http.RequestAborted), WireJson.Of<ImportReport>());
    }

    private static string UserOf(HttpContext http, string userId)
    {
        userId = PathText.Of(http, segment: 2, userId);
        new FieldChecks().Length("user_id", userId, 1, 255).ThrowIfAny();
        return userId;
    }

    private static Writer WriterOf(HttpContext http) => new(Caller.Of(http).Credential, "rest", RequestId.Of(http));

    private static ErasureResponse ToResponse(ErasureRow row) => new()
    {
        Id = row.Id,
        TenantId = row.TenantId,
        Subject = row.Subject,
        WholeTenant = row.IsWholeTenant == 1,
        Status = row.CompletedAt is null ? "running" : "completed",
        RequestedAt = row.RequestedAt,
        FilesRewrittenAt = row.RewrittenAt,
        Receipt = row.Receipt is { } receipt ? ErasureReceipts.Parse(receipt) : null,
    };
}
