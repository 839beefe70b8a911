using System.Globalization;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Lists;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Wire;

namespace Memoir.Server.Quality.Quarantine;

/// <summary>Front door of this folder: what is doubted is listed, and let in by one call.</summary>
internal static class QuarantineFeature
{
    private const string Channel = "quarantine";

    public static void MapQuarantine(this IEndpointRouteBuilder app)
    {
        var quarantine = app.MapGroup("/v1/quarantine").WithTags("Quarantine");
        quarantine.MapGet("", ListAsync).RequireScope(Scopes.Read)
            .WithSummary("List what is kept and not recalled, newest first, each with its reasons.")
            .Describe<QuarantineList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        quarantine.MapPost("/{id:guid}/release", ReleaseAsync).RequireScope(Scopes.Write)
            .WithSummary("Let a memory out of the quarantine for good; it is found from the moment of the answer.")
            .Describe<MemoryReleased>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id"]));
    }

    private static async Task<IResult> ListAsync(HttpContext http, MemoryLists lists, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"quarantine\n{tenant}", values: 1);
        var below = page.After is { } values ? Cursor.Place(values[0]) : long.MaxValue;
        var found = await lists.ListAsync(tenant, new MemoryFilter { InQuarantine = true, Below = below }, page.Limit + 1, ct);
        var shown = found.Items.Take(page.Limit).ToList();
        var next = found.IsCut || found.Items.Count > page.Limit ? page.Next(shown[^1].Sequence.ToString(CultureInfo.InvariantCulture)) : null;
        return Answer.Ok(new QuarantineList([.. shown.Select(Of)], next), WireJson.Of<QuarantineList>());
    }

    private static async Task<IResult> ReleaseAsync(HttpContext http, Guid id, MemoryService memories, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var writer = new Writer(caller.Credential, Channel, RequestId.Of(http));
        var memory = await memories.ReleaseAsync(caller.ActIn(http, stated: null), id, writer, ct)
            ?? throw ProblemException.NotFound("There is no such memory in quarantine.");
        return Answer.Ok(new MemoryReleased { Id = memory.Id, ReleasedAt = memory.ReleasedAt!.Value }, WireJson.Of<MemoryReleased>());
    }

    private static QuarantinedMemory Of(Memory memory) => new()
    {
        Id = memory.Id,
        Type = memory.Type,
        UserId = memory.UserId,
        ConversationId = memory.ConversationId,
        Role = memory.Role,
        Content = memory.Content,
        Reasons = DoubtJudge.Read(memory.Quarantine)!,
        StoredAt = memory.StoredAt,
    };
}
