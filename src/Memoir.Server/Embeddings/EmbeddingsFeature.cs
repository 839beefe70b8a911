using Memoir.Kit.Hosting;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Embeddings.Stored;
using Memoir.Server.Wire;

namespace Memoir.Server.Embeddings;

/// <summary>Front door of this folder: the providers that the options configure, and the routes that choose among them.</summary>
internal static class EmbeddingsFeature
{
    public static void AddEmbeddings(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<EmbeddingOptions, EmbeddingOptionsValidator>();
        builder.Services.AddSingleton<Embedders>();
        builder.Services.AddSingleton<TenantGenerations>();
        builder.Services.AddSingleton<MemoryVectors>();
        builder.Services.AddSingleton<EmbeddingService>();
        builder.Services.AddSingleton<IJobHandler, DropGenerationJob>();
        builder.AddBackground<GenerationResumer>(ServerRole.Worker);
    }

    public static void MapEmbeddings(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/admin/embeddings").WithTags("Embeddings").RequireScope(Scopes.Admin);

        group.MapGet("", DescribeAsync)
            .WithSummary("What makes the tenant's vectors, how far they are, and what was there before.")
            .Describe<EmbeddingsResponse>(StatusCodes.Status200OK);
        group.MapPut("", ChooseAsync)
            .WithSummary("Choose provider and model; what is stored is embedded anew in the background.")
            .Describe<ChooseEmbeddingsRequest, EmbeddingChoiceResponse>(StatusCodes.Status200OK).MayRefuse(Problem.DependencyUnavailable);
        group.MapPost("/rollback", RollBackAsync)
            .WithSummary("Go back to the previous generation, whose vectors were kept; 409 when there is none.")
            .Describe<EmbeddingChoiceResponse>(StatusCodes.Status200OK).TakesIdempotencyKey().MayRefuse(Problem.Conflict);
    }

    private static async Task<IResult> DescribeAsync(HttpContext http, EmbeddingService embeddings, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        return Answer.Ok(await embeddings.DescribeAsync(tenant, ct), WireJson.Of<EmbeddingsResponse>());
    }

    private static async Task<IResult> ChooseAsync(HttpContext http, EmbeddingService embeddings, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<ChooseEmbeddingsRequest>(body.Span);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        return ToAnswer(await embeddings.ChooseAsync(tenant, request, caller.Credential, RequestId.Of(http), ct));
    }

    private static async Task<IResult> RollBackAsync(HttpContext http, EmbeddingService embeddings, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        var companion = http.Idempotently<EmbeddingChoiceResponse>([], ToAnswer);
        return ToAnswer(await embeddings.RollBackAsync(tenant, caller.Credential, RequestId.Of(http), companion, ct));
    }

    private static Answer ToAnswer(EmbeddingChoiceResponse choice) => Answer.Ok(choice, WireJson.Of<EmbeddingChoiceResponse>());
}
