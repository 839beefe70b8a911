using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Wire;

namespace Memoir.Server.Quality;

/// <summary>Front door of this folder: what tenants do with what is sensitive in the texts that they store.</summary>
internal static class QualityFeature
{
    public static void AddQuality(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<QualityOptions, QualityOptionsValidator>();
        builder.Services.AddSingleton<QualityPolicies>();
        builder.Services.AddSingleton<Intake>();
        builder.Services.AddSettings<QuarantineOptions, QuarantineOptionsValidator>();
        builder.Services.AddSingleton<RecentlyRecalled>();
        builder.Services.AddSingleton<DoubtJudge>();
        builder.Services.AddSingleton<MemoryGate>();
    }

    public static void MapQuality(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/admin/quality").WithTags("Quality").RequireScope(Scopes.Admin);

        group.MapGet("/policies/{tenantId}", GetPolicyAsync)
            .WithSummary("What a tenant does with secrets and personal data, or what the server does where it has no policy of its own.")
            .Describe<QualityPolicyResponse>(StatusCodes.Status200OK);
        group.MapPut("/policies/{tenantId}", PutPolicyAsync)
            .WithSummary("Give a tenant a policy of its own for secrets and personal data: keep, mask or refuse.")
            .Describe<PutQualityPolicyRequest, QualityPolicyResponse>(StatusCodes.Status200OK);
        group.MapDelete("/policies/{tenantId}", DropPolicyAsync)
            .WithSummary("Go back to the server's policy for secrets and personal data.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.NotFound);
    }

    private static async Task<IResult> GetPolicyAsync(HttpContext http, string tenantId, QualityPolicies policies, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, tenantId);
        var (policy, storedAt) = await policies.FindAsync(tenant, ct);
        return ToAnswer(policy, tenant, storedAt);
    }

    private static async Task<IResult> PutPolicyAsync(HttpContext http, string tenantId, QualityPolicies policies, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<PutQualityPolicyRequest>(body.Span);
        new FieldChecks()
            .OneOf("secrets", request.Secrets, [.. SensitiveAction.All])
            .OneOf("personal_data", request.PersonalData, [.. SensitiveAction.All])
            .ThrowIfAny();
        var policy = new SensitivePolicy(request.Secrets, request.PersonalData);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, tenantId);
        return ToAnswer(policy, tenant, await policies.PutAsync(tenant, policy, WriterOf(http, caller), ct));
    }

    private static async Task<IResult> DropPolicyAsync(HttpContext http, string tenantId, QualityPolicies policies, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        return await policies.DropAsync(caller.ActIn(http, tenantId), WriterOf(http, caller), ct)
            ? Answer.NoContent
            : throw ProblemException.NotFound("This tenant has no policy of its own.");
    }

    private static Answer ToAnswer(SensitivePolicy policy, Tenant tenant, DateTimeOffset? storedAt) => Answer.Ok(
        new QualityPolicyResponse
        {
            Secrets = policy.Secrets,
            PersonalData = policy.PersonalData,
            TenantId = tenant.Id,
            ChosenBy = storedAt is null ? "server" : "tenant",
            UpdatedAt = storedAt,
        },
        WireJson.Of<QualityPolicyResponse>());

    private static Writer WriterOf(HttpContext http, Caller caller) => new(caller.Credential, "rest", RequestId.Of(http));
}
