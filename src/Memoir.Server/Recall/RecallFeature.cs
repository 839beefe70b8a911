using Memoir.Kit.Data;
using Memoir.Kit.Hosting;
using Memoir.Kit.Http;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Recall.Questions;
using Memoir.Server.Tenants;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Recall;

/// <summary>Front door of this folder: the index, and the routes that search it.</summary>
internal static class RecallFeature
{
    public static void AddRecall(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<RecallOptions, RecallOptionsValidator>();
        builder.Services.AddSingleton<IndexLoader>();
        builder.Services.AddSingleton<IndexMergeQueue>();
        builder.Services.AddSingleton<CounterReservations>();
        builder.Services.AddSingleton<RecallIndexes>();
        builder.Services.AddSingleton<QuestionVectors>();
        builder.Services.AddSingleton<RecallRanking>();
        builder.Services.AddSingleton<RecallService>();
        builder.AddBackground<IndexMerger>(ServerRole.Api);
        builder.AddBackground<IndexWarmer>(ServerRole.Api);
        builder.AddBackground<IndexFollower>(ServerRole.Api);
    }

    public static void MapRecall(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/memory/search").WithTags("Search").RequireScope(Scopes.Read);

        group.MapGet("", SearchByQueryAsync)
            .WithSummary("Find the memories that answer a question.")
            .Describe<SearchResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(SearchQuery.Names));
        group.MapPost("", SearchByBodyAsync)
            .WithSummary("Find the memories that answer a question, with a filter on metadata and weights.")
            .Describe<SearchRequest, SearchResponse>(StatusCodes.Status200OK);
    }

    private static Task<IResult> SearchByQueryAsync(HttpContext http, RecallService recall, MemoryReader memories, CancellationToken ct) =>
        SearchAsync(http, SearchQuery.Read(http.Request), recall, memories, ct);

    private static async Task<IResult> SearchByBodyAsync(HttpContext http, RecallService recall, MemoryReader memories, CancellationToken ct)
    {
        SearchRequest request;
        using (var body = await http.ReadBodyAsync())
        {
            request = WireJson.Parse<SearchRequest>(body.Span); // Whoever waits for a turn holds no body meanwhile.
        }

        return await SearchAsync(http, request, recall, memories, ct);
    }

    private static async Task<IResult> SearchAsync(
        HttpContext http, SearchRequest request, RecallService recall, MemoryReader memories, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, request.TenantId);
        if (await recall.ForeseeAsync(tenant, ct) is { } refusal)
        {
            return ProblemAnswer.AsResult(refusal);
        }

        var most = http.RequestServices.GetRequiredService<IOptions<RecallOptions>>().Value.MaxResults;
        var now = http.RequestServices.GetRequiredService<TimeProvider>().Now();
        var question = SearchQuery.Check(request, most, now);
        var answer = await recall.SearchAsync(tenant, question, ct);
        return Answer.Ok(SearchAnswer.Of(answer, question, now), WireJson.Of<SearchResponse>());
    }
}
