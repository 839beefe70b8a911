using Memoir.Kit.Hosting;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Wire;

namespace Memoir.Server.Analytics;

/// <summary>Front door of this folder: what searches leave behind, and the route that sums a tenant up.</summary>
internal static class AnalyticsFeature
{
    public static void AddAnalytics(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<SearchLogOptions, SearchLogOptionsValidator>();
        builder.Services.AddSingleton<SearchLog>();
        builder.Services.AddSingleton<SearchLogExpiry>();
        builder.Services.AddSingleton<IUpkeep>(services => services.GetRequiredService<SearchLogExpiry>());
        builder.Services.AddSingleton<AnalyticsService>();
        builder.AddBackground<SearchLogWriter>(ServerRole.Api);
    }

    public static void MapAnalytics(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/admin/analytics", SumUpAsync).RequireScope(Scopes.Admin).WithTags("Analytics")
            .WithSummary("What a tenant's memory holds and what it is asked: counts by day, importance, topics, repeated questions, searches without a result.")
            .Describe<AnalyticsResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "since"]));

    private static async Task<IResult> SumUpAsync(HttpContext http, AnalyticsService analytics, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var since = QueryValues.Time(http.Request, "since");
        return Answer.Ok(await analytics.SumUpAsync(tenant, since, ct), WireJson.Of<AnalyticsResponse>());
    }
}
