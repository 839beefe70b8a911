using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Lists;
using Memoir.Server.Wire;

namespace Memoir.Server.Voice;

/// <summary>What was said, stored and retrieved as older clients do it. Their answers say what has taken these routes' place.</summary>
internal static class TurnRoutes
{
    private const int MostRetrieved = 500;

    /// <summary>Since 2026-11-22 (RFC 9745). No day is set on which they end.</summary>
    private const string Deprecated = "@1795305600";

    public static void MapTurns(this IEndpointRouteBuilder app)
    {
        var turns = app.MapGroup("/memory").WithTags("Memories");
        turns.MapPost("/store", StoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Deprecated: store something that was said; POST /v1/messages and POST /v1/memories do more.")
            .Describe<StoreTurnRequest, TurnStored>(StatusCodes.Status200OK).TakesIdempotencyKey().AnswersLocation().IsDeprecated();
        turns.MapPost("/retrieve", RetrieveAsync).RequireScope(Scopes.Read)
            .WithSummary("Deprecated: a user's memories, newest first; GET /v1/memories/user/{user_id} does more.")
            .Describe<RetrieveRequest, Retrieved>(StatusCodes.Status200OK).IsDeprecated();
    }

    private static async Task<IResult> StoreAsync(HttpContext http, MemoryService memories, Meters meters, CancellationToken ct)
    {
        Announce(http, "/v1/memories");
        using var body = await http.ReadBodyAsync();
        var item = MemoryChecks.Check(WireJson.Parse<StoreTurnRequest>(body.Span));
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        Answer Of(IReadOnlyList<Memory> stored) => VoiceRequests.Ok(new TurnStored(true, stored[0].Id, stored[0].Id), caller, tenant, stored[0]);

        var companion = http.Idempotently<IReadOnlyList<Memory>>(body.Span, Of);
        var stored = await memories.RememberAsync(tenant, [item], VoiceRequests.WriterOf(http), companion, ct);
        meters.MessagesCreated(stored.Count);
        return Of(stored);
    }

    private static async Task<IResult> RetrieveAsync(HttpContext http, MemoryLists lists, MemoryAnswers answers, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<RetrieveRequest>(body.Span);
        new FieldChecks().Length("user_id", request.UserId, 1, 255).Length("thread_id", request.ThreadId, 1, 255).Range("limit", request.Limit, 1, MostRetrieved).ThrowIfAny();
        Announce(http, $"/v1/memories/user/{Uri.EscapeDataString(request.UserId)}");
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var found = await lists.ListAsync(
            tenant, new MemoryFilter { UserId = request.UserId, ConversationId = request.ThreadId }, request.Limit ?? MostRetrieved, ct);
        return Answer.Ok(new Retrieved(true, [.. found.Items.Select(answers.Of)], found.Items.Count), WireJson.Of<Retrieved>());
    }

    private static void Announce(HttpContext http, string successor)
    {
        http.Response.Headers["Deprecation"] = Deprecated;
        http.Response.Headers.Link = $"<{successor}>; rel=\"successor-version\"";
    }
}
