using System.Globalization;
using System.Text.Json;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;
using Memoir.Server.Wire;

namespace Memoir.Server.Voice;

/// <summary>What a memory said before, making it say that again, and confirming that it is still so.</summary>
internal static class HistoryRoutes
{
    public static void MapHistory(this IEndpointRouteBuilder memories)
    {
        memories.MapGet("/{id:guid}/history", ListVersionsAsync).RequireScope(Scopes.Read)
            .WithSummary("What a memory was before its changes, newest first.")
            .Describe<MemoryHistory>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        memories.MapPost("/{id:guid}/restore", RestoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Make what an older version said what the memory says; what it said until then is kept.")
            .Describe<RestoreMemoryRequest, MemoryResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict);
        memories.MapPost("/{id:guid}/confirm", ConfirmAsync).RequireScope(Scopes.Write)
            .WithSummary("Say that a memory is still so; its words and its history stay.")
            .Describe<ConfirmMemoryRequest, MemoryResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict);
    }

    private static async Task<IResult> ListVersionsAsync(HttpContext http, Guid id, MemoryService memories, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"memory\n{tenant}\n{id}", values: 1);
        var below = page.After is { } values ? Cursor.Place(values[0]) : long.MaxValue;
        var found = await memories.ListVersionsAsync(tenant, id, below, page.Limit + 1, ct) ?? throw VoiceRequests.NoSuchMemory();
        var items = found.Items.Take(page.Limit)
            .Select(v => new MemoryVersionResponse(v.Version, v.Action, v.Actor, v.At, StoredJson.Element(v.Snapshot), [.. v.Periods.Select(Of)])).ToList();
        var next = found.IsCut || found.Items.Count > page.Limit ? page.Next(items[^1].Version.ToString(CultureInfo.InvariantCulture)) : null;
        return Answer.Ok(new MemoryHistory(items, next), WireJson.Of<MemoryHistory>());
    }

    private static async Task<IResult> RestoreAsync(HttpContext http, Guid id, MemoryService memories, MemoryAnswers answers, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<RestoreMemoryRequest>(body.Span);
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var memory = await memories.RestoreVersionAsync(tenant, id, request.Version, VoiceRequests.WriterOf(http), ct)
            ?? throw ProblemException.NotFound("There is no such memory, or it has no such version.");
        return Answer.Ok(answers.Of(memory), WireJson.Of<MemoryResponse>());
    }

    private static async Task<IResult> ConfirmAsync(
        HttpContext http, Guid id, MemoryService memories, MemoryAnswers answers, TimeProvider time, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var given = WireJson.Parse<ConfirmMemoryRequest>(body.Span).ReviewAfter;
        var next = MemoryChecks.Time("review_after", given);
        var now = time.GetUtcNow();
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var memory = await memories.ConfirmAsync(
            tenant, id, old => given.ValueKind is not JsonValueKind.Undefined ? next : old > now ? old : null, VoiceRequests.WriterOf(http), ct)
            ?? throw VoiceRequests.NoSuchMemory();
        return Answer.Ok(answers.Of(memory), WireJson.Of<MemoryResponse>());
    }

    private static PeriodResponse Of(Period period) => new(period.ValidFrom, period.ValidUntil, period.KnownFrom, period.KnownUntil);
}
