using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Hosting;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Retention.Archive;
using Memoir.Server.Retention.Holds;
using Memoir.Server.Wire;

namespace Memoir.Server.Retention;

/// <summary>Front door of this folder: policies, runs and legal holds.</summary>
internal static class RetentionFeature
{
    private const int MostItems = 10_000;

    public static void AddRetention(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<RetentionOptions, RetentionOptionsValidator>();
        builder.Services.AddSettings<ArchiveOptions, ArchiveOptionsValidator>();
        builder.Services.AddSingleton<ArchiveFolder>();
        builder.Services.AddSingleton<RetentionArchive>();
        builder.Services.AddSingleton<RetentionClock>();
        builder.Services.AddSingleton<RetentionRunner>();
        builder.Services.AddSingleton<RetentionService>();
        builder.Services.AddSingleton<RetentionRound>();
        builder.Services.AddSingleton<LegalHolds>();
        builder.Services.AddSingleton<IJobHandler, RetentionJob>();
        builder.Services.AddSingleton<IJobHandler, EraseArchivedJob>();
        builder.AddBackground<RetentionSchedule>(ServerRole.Worker);
    }

    public static void MapRetention(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/admin/retention").WithTags("Retention").RequireScope(Scopes.Admin);

        group.MapPost("/run", RunAsync)
            .WithSummary("Archive and delete by the tenant's policy, or list what would be; 409 while a run is under way.")
            .Describe<RunRetentionRequest, RetentionRunResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict, Problem.DependencyUnavailable, Problem.InvalidCursor);
        group.MapGet("/policies/{tenantId}", GetPolicyAsync)
            .WithSummary("A tenant's policy, or the server's where it has none of its own.")
            .Describe<RetentionPolicyResponse>(StatusCodes.Status200OK);
        group.MapPut("/policies/{tenantId}", PutPolicyAsync)
            .WithSummary("Give a tenant a policy of its own; the schedule runs for it from now on.")
            .Describe<PutRetentionPolicyRequest, RetentionPolicyResponse>(StatusCodes.Status200OK);
        group.MapDelete("/policies/{tenantId}", DropPolicyAsync)
            .WithSummary("Go back to the server's policy.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.NotFound);
        group.MapGet("/holds", ListHoldsAsync)
            .WithSummary("List a tenant's legal holds by name.")
            .Describe<LegalHoldList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        group.MapPut("/holds/{name}", PlaceHoldAsync)
            .WithSummary("Place a legal hold: what it covers is neither archived nor deleted until it is lifted.")
            .Describe<PlaceHoldRequest, LegalHoldResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict, Problem.NotFound);
        group.MapDelete("/holds/{name}", LiftHoldAsync)
            .WithSummary("Lift a legal hold.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.NotFound);
    }

    private static async Task<IResult> RunAsync(HttpContext http, RetentionService retention, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<RunRetentionRequest>(body.Span);
        Check(request);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, request.TenantId);
        if (!request.DryRun)
        {
            var run = await retention.RunAsync(tenant, request.Actions, WriterOf(http, caller), ct);
            return ToAnswer(new RetentionRunResponse { Archived = run.Archived, Deleted = run.Deleted, DryRun = false });
        }

        var filter = $"retention\n{tenant}\n{string.Join(',', request.Actions.Order(StringComparer.Ordinal))}";
        var limit = request.Limit ?? 1000;
        var preview = await retention.PreviewAsync(tenant, request.Actions, After(request.Cursor, filter), limit, ct);
        return ToAnswer(new RetentionRunResponse
        {
            Archived = preview.Archived,
            Deleted = preview.Deleted,
            DryRun = true,
            Items = [.. preview.Items.Take(limit).Select(item => item.Item)],
            NextCursor = preview.Items.Count > limit
                ? Cursor.Encode(filter, preview.Items[limit - 1].Sequence.ToString(CultureInfo.InvariantCulture))
                : null,
        });
    }

    private static async Task<IResult> GetPolicyAsync(HttpContext http, string tenantId, RetentionService retention, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, tenantId);
        var (policy, storedAt) = await retention.FindPolicyAsync(tenant, ct);
        return ToAnswer(policy, tenant, storedAt);
    }

    private static async Task<IResult> PutPolicyAsync(HttpContext http, string tenantId, RetentionService retention, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var policy = Check(WireJson.Parse<PutRetentionPolicyRequest>(body.Span));
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, tenantId);
        return ToAnswer(policy, tenant, await retention.PutPolicyAsync(tenant, policy, WriterOf(http, caller), ct));
    }

    private static async Task<IResult> DropPolicyAsync(HttpContext http, string tenantId, RetentionService retention, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        return await retention.DropPolicyAsync(caller.ActIn(http, tenantId), WriterOf(http, caller), ct)
            ? Answer.NoContent
            : throw ProblemException.NotFound("This tenant has no policy of its own.");
    }

    private static async Task<IResult> ListHoldsAsync(HttpContext http, LegalHolds holds, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"holds\n{tenant}", values: 1);
        var found = await holds.ListAsync(tenant, page.After?[0] ?? "", page.Limit + 1, ct);
        var items = found.Take(page.Limit).Select(hold => ToResponse(hold, tenant)).ToList();
        var next = found.Count > page.Limit ? page.Next(items[^1].Name) : null;
        return Answer.Ok(new LegalHoldList(items, next), WireJson.Of<LegalHoldList>());
    }

    private static async Task<IResult> PlaceHoldAsync(HttpContext http, string name, LegalHolds holds, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<PlaceHoldRequest>(body.Span);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, request.TenantId);
        var hold = await holds.PlaceAsync(tenant, name, request, WriterOf(http, caller), ct) ?? throw ProblemException.NotFound("There is no such message.");
        return Answer.Ok(ToResponse(hold, tenant), WireJson.Of<LegalHoldResponse>());
    }

    private static async Task<IResult> LiftHoldAsync(HttpContext http, string name, LegalHolds holds, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        return await holds.LiftAsync(caller.ActIn(http, stated: null), name, WriterOf(http, caller), ct)
            ? Answer.NoContent
            : throw ProblemException.NotFound("There is no such hold.");
    }

    private static void Check(RunRetentionRequest request)
    {
        var checks = new FieldChecks();
        if (request.Actions.Count == 0 || request.Actions.Any(action => !RetentionAction.All.Contains(action)))
        {
            checks.Add("actions", $"must be one or more of {string.Join(", ", RetentionAction.All)}");
        }

        checks.Range("limit", request.Limit, 1, MostItems);
        if (!request.DryRun && (request.Limit ?? (object?)request.Cursor) is not null)
        {
            checks.Add(request.Limit is null ? "cursor" : "limit", "is for dry runs, which list what they find");
        }

        checks.ThrowIfAny();
    }

    private static RetentionPolicy Check(PutRetentionPolicyRequest request)
    {
        new FieldChecks()
            .Range("max_age_days", request.MaxAgeDays, 0, RetentionPolicy.LongestDays)
            .Range("importance_threshold", request.ImportanceThreshold, 0, 1)
            .Range("delete_after_days", request.DeleteAfterDays, 0, RetentionPolicy.LongestDays)
            .Range("max_items", request.MaxItems, 0, 1e12)
            .Range("keep_important_factor", request.KeepImportantFactor, 1, 1000)
            .ThrowIfAny();
        return new RetentionPolicy
        {
            MaxAgeDays = request.MaxAgeDays,
            ImportanceThreshold = request.ImportanceThreshold,
            DeleteAfterDays = request.DeleteAfterDays,
            MaxItems = request.MaxItems,
            KeepImportantFactor = request.KeepImportantFactor,
        };
    }

    private static long After(string? cursor, string filter) =>
        cursor is null ? 0 : Cursor.Place(Cursor.Decode(cursor, filter, values: 1)[0]);

    private static Answer ToAnswer(RetentionRunResponse run) => Answer.Ok(run, WireJson.Of<RetentionRunResponse>());

    private static Answer ToAnswer(RetentionPolicy policy, Tenant tenant, DateTimeOffset? storedAt) => Answer.Ok(
        new RetentionPolicyResponse
        {
            MaxAgeDays = policy.MaxAgeDays,
            ImportanceThreshold = policy.ImportanceThreshold,
            DeleteAfterDays = policy.DeleteAfterDays,
            MaxItems = policy.MaxItems,
            KeepImportantFactor = policy.KeepImportantFactor,
            TenantId = tenant.Id,
            ChosenBy = storedAt is null ? "server" : "tenant",
            UpdatedAt = storedAt,
        },
        WireJson.Of<RetentionPolicyResponse>());

    private static LegalHoldResponse ToResponse(LegalHold hold, Tenant tenant) => new()
    {
        Name = hold.Name,
        TenantId = tenant.Id,
        Covers = hold.Kind,
        UserId = hold.Kind == HoldKind.User ? hold.Subject : null,
        ConversationId = hold.Kind == HoldKind.Conversation ? hold.Subject : null,
        MessageId = hold.MemoryId,
        Reason = hold.Reason,
        PlacedBy = hold.PlacedBy,
        CreatedAt = hold.CreatedAt,
    };

    private static Writer WriterOf(HttpContext http, Caller caller) => new(caller.Credential, "rest", RequestId.Of(http));
}
