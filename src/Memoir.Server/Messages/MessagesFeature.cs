using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Wire;

namespace Memoir.Server.Messages;

/// <summary>Front door of this folder: messages and conversations, the core's own dialect.</summary>
internal static class MessagesFeature
{
    private const string Channel = "rest";

    public static void AddMessages(this IHostApplicationBuilder builder) => builder.Services.AddSingleton<MessageAnswers>();

    public static void MapMessages(this IEndpointRouteBuilder app)
    {
        var messages = app.MapGroup("/v1/messages").WithTags("Messages");
        messages.MapPost("", StoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Store a message; it can be found from the moment of the answer.")
            .Describe<StoreMessageRequest, MessageResponse>(StatusCodes.Status202Accepted).TakesIdempotencyKey().AnswersLocation();
        messages.MapPost("/batch", StoreBatchAsync).RequireScope(Scopes.Write)
            .WithSummary("Store up to 1000 messages of one tenant; each is judged alone, the accepted ones are stored together.")
            .Describe<StoreBatchRequest, StoreBatchResponse>(StatusCodes.Status202Accepted).TakesIdempotencyKey();
        messages.MapGet("/{id:guid}", FindAsync).RequireScope(Scopes.Read)
            .WithSummary("Read one message.")
            .Describe<MessageResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id"]));
        messages.MapPatch("/{id:guid}", PatchAsync).RequireScope(Scopes.Write)
            .WithSummary("Change a message's metadata or importance; the old version is kept.")
            .Describe<PatchMessageRequest, MessageResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id"]));
        messages.MapPost("/{id:guid}/restore", RestoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Bring a message back from the archive; one that is not there stays as it is.")
            .Describe<MessageResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id"]));
        messages.MapDelete("/{id:guid}", ForgetAsync).RequireScope(Scopes.Write)
            .WithSummary("Delete a message with its versions; 409 when a legal hold covers it.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.Conflict)
            .WithMetadata(new QueryParameters(["tenant_id"]));
        messages.MapGet("/{id:guid}/history", ListVersionsAsync).RequireScope(Scopes.Read)
            .WithSummary("What a message was before its changes, newest first.")
            .Describe<MessageHistory>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));

        var conversations = app.MapGroup("/v1/conversations").WithTags("Conversations").RequireScope(Scopes.Read);
        conversations.MapGet("", ListConversationsAsync)
            .WithSummary("List conversations by id, with counts and first and last times.")
            .Describe<ConversationList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        conversations.MapGet("/{conversationId}/messages", ListConversationAsync)
            .WithSummary("List a conversation's messages in the order they were said.")
            .Describe<MessageList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor", "order"]));
    }

    private static async Task<IResult> StoreAsync(
        HttpContext http, MemoryService memories, MessageAnswers answers, Meters meters, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<StoreMessageRequest>(body.Span);
        var item = MessageChecks.Check(request);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, request.TenantId);
        Answer Accepted(IReadOnlyList<Memory> stored) => Answer.Of(
            StatusCodes.Status202Accepted, answers.Of(stored[0], tenant), WireJson.Of<MessageResponse>(),
            caller.Locate($"/v1/messages/{stored[0].Id}", tenant));

        var companion = http.Idempotently<IReadOnlyList<Memory>>(body.Span, Accepted);
        return Accepted(Counted(meters, await memories.RememberAsync(tenant, [item], WriterOf(http, caller), companion, ct)));
    }

    private static async Task<IResult> StoreBatchAsync(HttpContext http, MemoryService memories, Intake intake, Meters meters, CancellationToken ct)
    {
        using var body = await http.ReadBatchAsync();
        var batch = MessageBatch.Read(body.Span);
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, batch.TenantId);
        batch.Refuse(await intake.JudgeAsync(tenant, batch.Accepted, ct));
        var (path, requestId) = (http.Request.Path, RequestId.Of(http)); // The write may outlive its request.
        Answer Accepted(IReadOnlyList<Memory> stored) => Answer.Of(
            StatusCodes.Status202Accepted, batch.Answer(stored, path, requestId), WireJson.Of<StoreBatchResponse>(), null);

        var companion = http.Idempotently<IReadOnlyList<Memory>>(body.Span, Accepted);
        return Accepted(batch.Accepted.Count == 0 && companion is null
            ? []
            : Counted(meters, await memories.RememberAsync(tenant, batch.Accepted, WriterOf(http, caller), companion, ct)));
    }

    private static async Task<IResult> FindAsync(HttpContext http, Guid id, MemoryService memories, MessageAnswers answers, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var memory = await memories.FindAsync(tenant, id, ct) ?? throw NoSuchMessage();
        return Answer.Ok(answers.Of(memory, tenant), WireJson.Of<MessageResponse>());
    }

    private static async Task<IResult> PatchAsync(HttpContext http, Guid id, MemoryService memories, MessageAnswers answers, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var change = MessageChecks.Check(WireJson.Parse<PatchMessageRequest>(body.Span));
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        var memory = await memories.ChangeAsync(tenant, id, change, WriterOf(http, caller), ct) ?? throw NoSuchMessage();
        return Answer.Ok(answers.Of(memory, tenant), WireJson.Of<MessageResponse>());
    }

    private static async Task<IResult> RestoreAsync(HttpContext http, Guid id, MemoryService memories, MessageAnswers answers, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        var memory = await memories.RestoreAsync(tenant, id, WriterOf(http, caller), ct) ?? throw NoSuchMessage();
        return Answer.Ok(answers.Of(memory, tenant), WireJson.Of<MessageResponse>());
    }

    private static async Task<IResult> ForgetAsync(HttpContext http, Guid id, MemoryService memories, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        return await memories.ForgetAsync(caller.ActIn(http, stated: null), id, WriterOf(http, caller), ct)
            ? Answer.NoContent
            : throw NoSuchMessage();
    }

    private static async Task<IResult> ListVersionsAsync(HttpContext http, Guid id, MemoryService memories, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"history\n{tenant}\n{id}", values: 1);
        var below = page.After is { } values ? CursorNumber(values[0]) : long.MaxValue;
        var found = await memories.ListVersionsAsync(tenant, id, below, page.Limit + 1, ct) ?? throw NoSuchMessage();
        var items = found.Items.Take(page.Limit)
            .Select(v => new MessageVersionResponse(v.Version, v.Action, v.Actor, v.At, StoredJson.Element(v.Snapshot))).ToList();
        var next = found.IsCut || found.Items.Count > page.Limit ? page.Next(items[^1].Version.ToString(CultureInfo.InvariantCulture)) : null;
        return Answer.Ok(new MessageHistory(items, next), WireJson.Of<MessageHistory>());
    }

    private static async Task<IResult> ListConversationAsync(
        HttpContext http, string conversationId, MemoryService memories, MessageAnswers answers, CancellationToken ct)
    {
        conversationId = PathText.Of(http, segment: 2, conversationId);
        new FieldChecks().Length("conversation_id", conversationId, 1, 255).ThrowIfAny();
        var ascending = QueryValues.Text(http.Request, "order") switch
        {
            null or "asc" => true,
            "desc" => false,
            _ => throw ProblemException.Field("order", "must be asc or desc"),
        };
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"conversation\n{tenant}\n{conversationId}\n{ascending}", values: 2);
        var (at, sequence) = page.After is { } values
            ? (CursorNumber(values[0]), CursorNumber(values[1]))
            : ascending ? (long.MinValue / 2000, 0) : (long.MaxValue / 2000, long.MaxValue);
        var found = await memories.ListConversationAsync(tenant, conversationId, Instants.FromMicrosecondsClamped(at), sequence, ascending, page.Limit + 1, ct);
        var items = found.Items.Take(page.Limit).ToList();
        var next = !found.IsCut && found.Items.Count <= page.Limit ? null : page.Next(
            items[^1].OccurredAt.ToMicroseconds().ToString(CultureInfo.InvariantCulture), items[^1].Sequence.ToString(CultureInfo.InvariantCulture));
        return Answer.Ok(new MessageList([.. items.Select(m => answers.Of(m, tenant))], next), WireJson.Of<MessageList>());
    }

    private static async Task<IResult> ListConversationsAsync(HttpContext http, MemoryService memories, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"conversations\n{tenant}", values: 1);
        var found = await memories.ListConversationsAsync(tenant, page.After?[0] ?? "", page.Limit + 1, ct);
        var items = found.Take(page.Limit).Select(c => new ConversationResponse(c.ConversationId, c.Messages, c.FirstAt, c.LastAt)).ToList();
        var next = found.Count > page.Limit ? page.Next(items[^1].ConversationId) : null;
        return Answer.Ok(new ConversationList(items, next), WireJson.Of<ConversationList>());
    }

    private static IReadOnlyList<Memory> Counted(Meters meters, IReadOnlyList<Memory> stored)
    {
        meters.MessagesCreated(stored.Count);
        return stored;
    }

    private static Writer WriterOf(HttpContext http, Caller caller) => new(caller.Credential, Channel, RequestId.Of(http));

    private static long CursorNumber(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Cursor.Invalid();

    private static ProblemException NoSuchMessage() => ProblemException.NotFound("There is no such message.");
}
