using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Access;
using Memoir.Server.Memories;
using Memoir.Server.Memories.Lists;
using Memoir.Server.Quality;
using Memoir.Server.Recall;
using Memoir.Server.Recall.Indexes;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Voice;

/// <summary>Front door of this folder: memories by key and value or as plain content, of a user or shared by all.</summary>
internal static class VoiceFeature
{
    /// <summary>Of all words of a batch: what a body of that size could hold as it is.</summary>
    private const long MostCharacters = 8 * 1024 * 1024;

    /// <summary>Clients of these routes read <c>success</c>; routes that are not there refuse as well.</summary>
    private static readonly PathString[] Family = ["/v1/memories", "/memory/store", "/memory/retrieve"];

    public static void AddVoice(this IHostApplicationBuilder builder) => builder.Services.AddSingleton<MemoryAnswers>();

    /// <summary>Before anything that may refuse.</summary>
    public static void UseVoice(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (IsOfFamily(http.Request.Path))
        {
            ProblemAnswer.SaySuccess(http);
        }

        return next(http);
    });

    public static bool IsOfFamily(PathString path) => Family.Any(family => path.StartsWithSegments(family, StringComparison.Ordinal));

    public static void MapVoice(this IEndpointRouteBuilder app)
    {
        var memories = app.MapGroup("/v1/memories").WithTags("Memories");
        memories.MapGet("", ListAsync).RequireScope(Scopes.Read)
            .WithSummary("List memories, newest first, or find those that answer a query, with counts by type.")
            .Describe<MemoryList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor", "memory_type", "user_id", "query", "as_of", "known_at"]));
        memories.MapPost("", StoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Store a memory by key and value, or as plain content; without a user it is shared by all.")
            .Describe<StoreMemoryRequest, MemoryStored>(StatusCodes.Status200OK).TakesIdempotencyKey().AnswersLocation();
        memories.MapPost("/batch", StoreBatchAsync).RequireScope(Scopes.Write)
            .WithSummary("Store up to 1000 memories; each is judged alone, the accepted ones are stored together.")
            .Describe<StoreMemoriesRequest, StoreBatchResponse>(StatusCodes.Status200OK).TakesIdempotencyKey();
        memories.MapPost("/user", StoreOfUserAsync).RequireScope(Scopes.Write)
            .WithSummary("Store a memory about one user.")
            .Describe<StoreMemoryRequest, UserMemoryStored>(StatusCodes.Status200OK).TakesIdempotencyKey().AnswersLocation()
            .WithMetadata(new QueryParameters(["tenant_id", "user_id"]));
        memories.MapPost("/shared", StoreSharedAsync).RequireScope(Scopes.Write)
            .WithSummary("Store a memory that is shared by all users.")
            .Describe<StoreMemoryRequest, SharedMemoryStored>(StatusCodes.Status200OK).TakesIdempotencyKey().AnswersLocation();
        memories.MapGet("/user/{userId}", ListOfUserAsync).RequireScope(Scopes.Read)
            .WithSummary("List what is known of a user, newest first, or what of it answers a query; with what is shared by all.")
            .Describe<UserMemoryList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "query", "limit", "include_shared", "as_of", "known_at"]));
        memories.MapGet("/shared", ListSharedAsync).RequireScope(Scopes.Read)
            .WithSummary("List what is shared by all, newest first, or what of it answers a query.")
            .Describe<SharedMemoryList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "query", "limit", "as_of", "known_at"]));
        memories.MapGet("/{id:guid}", FindAsync).RequireScope(Scopes.Read)
            .WithSummary("Read one memory: what it says now, or said at another moment.")
            .Describe<MemoryResponse>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "as_of", "known_at"]));
        memories.MapPatch("/{id:guid}", ChangeAsync).RequireScope(Scopes.Write)
            .WithSummary("Change a memory; the old version is kept.")
            .Describe<ChangeMemoryRequest, MemoryResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict);
        memories.MapPut("/{id:guid}", ChangeAsync).RequireScope(Scopes.Write)
            .WithSummary("The same as PATCH.")
            .Describe<ChangeMemoryRequest, MemoryResponse>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict);
        memories.MapDelete("/{id:guid}", ForgetAsync).RequireScope(Scopes.Write)
            .WithSummary("Delete a memory with its versions; 409 when a legal hold covers it.")
            .Describe<MemoryDeleted>(StatusCodes.Status200OK).MayRefuse(Problem.Conflict);
        memories.MapHistory();
        app.MapTurns();
    }

    private static Task<IResult> StoreAsync(HttpContext http, MemoryService memories, TimeProvider time, CancellationToken ct) =>
        StoreOneAsync(http, memories, time, request => request, (stored, caller, tenant) => VoiceRequests.Ok(
            new MemoryStored(true, stored.Id, stored.Id, "Memory stored."), caller, tenant, stored), ct);

    private static Task<IResult> StoreOfUserAsync(HttpContext http, MemoryService memories, TimeProvider time, CancellationToken ct)
    {
        var named = QueryValues.Text(http.Request, "user_id");
        return StoreOneAsync(http, memories, time, request =>
        {
            var user = named ?? request.UserId ?? throw new ProblemException(Problem.InvalidRequest, "user_id is missing: name the user in the query.");
            return request.UserId is null || request.UserId == user
                ? request with { UserId = user }
                : throw ProblemException.Field("user_id", "is another one than in the query");
        }, (stored, caller, tenant) => VoiceRequests.Ok(
            new UserMemoryStored(true, stored.Id, stored.UserId!, "Memory stored for this user."), caller, tenant, stored), ct);
    }

    private static Task<IResult> StoreSharedAsync(HttpContext http, MemoryService memories, TimeProvider time, CancellationToken ct) =>
        StoreOneAsync(http, memories, time, request => request.UserId is null
            ? request
            : throw ProblemException.Field("user_id", "has no place here: what is shared is nobody's own"), (stored, caller, tenant) => VoiceRequests.Ok(
            new SharedMemoryStored(true, stored.Id, stored.Scope, "Memory stored for all users."), caller, tenant, stored), ct);

    private static async Task<IResult> StoreOneAsync(
        HttpContext http, MemoryService memories, TimeProvider time,
        Func<StoreMemoryRequest, StoreMemoryRequest> complete, Func<Memory, Caller, Tenant, Answer> answer, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var item = MemoryChecks.Check(complete(WireJson.Parse<StoreMemoryRequest>(body.Span)), time.Now());
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        Answer Stored(IReadOnlyList<Memory> stored) => answer(stored[0], caller, tenant);

        var companion = http.Idempotently<IReadOnlyList<Memory>>(body.Span, Stored);
        return Stored(await memories.RememberAsync(tenant, [item], VoiceRequests.WriterOf(http), companion, ct));
    }

    private static async Task<IResult> StoreBatchAsync(HttpContext http, MemoryService memories, Intake intake, TimeProvider time, CancellationToken ct)
    {
        using var body = await http.ReadBatchAsync();
        var (items, refusals) = BatchItems.Read<StoreMemoriesRequest, StoreMemoryRequest>(body.Span, whole => whole.Items);
        var accepted = new List<NewMemory>(items.Length);
        for (var i = 0; i < items.Length; i++)
        {
            try
            {
                if (items[i] is { } item)
                {
                    accepted.Add(MemoryChecks.Check(item, time.Now()));
                }
            }
            catch (ProblemException refusal)
            {
                refusals[i] = refusal;
            }
        }

        if (accepted.Sum(item => (long)item.Content.Length) > MostCharacters)
        {
            throw new ProblemException(Problem.PayloadTooLarge, $"The values of a batch may say {MostCharacters} characters; the names above each member are said with it.");
        }

        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var judged = await intake.JudgeAsync(tenant, accepted, ct);
        var taken = BatchItems.Without(refusals, judged.Items, judged.Refusals);
        var (path, requestId) = (http.Request.Path, RequestId.Of(http)); // The write may outlive its request.
        Answer Stored(IReadOnlyList<Memory> stored) =>
            Answer.Ok(BatchItems.AnswerOf(refusals, stored, path, requestId), WireJson.Of<StoreBatchResponse>());

        var companion = http.Idempotently<IReadOnlyList<Memory>>(body.Span, Stored);
        return Stored(taken.Count == 0 && companion is null ? [] : await memories.RememberAsync(tenant, taken, VoiceRequests.WriterOf(http), companion, ct));
    }

    private static async Task<IResult> ListAsync(
        HttpContext http, MemoryLists lists, MemoryAnswers answers, CancellationToken ct)
    {
        var request = http.Request;
        var (type, user, query) = (QueryValues.Text(request, "memory_type"), QueryValues.Text(request, "user_id"), QueryValues.Text(request, "query"));
        new FieldChecks().Length("memory_type", type, 1, 64).Length("user_id", user, 1, 255).Length("query", query, 1, 4096).ThrowIfAny();
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var moment = VoiceRequests.MomentOf(http);
        var page = Page.From(request, $"memories\n{tenant}\n{type}\n{user}\n{query}\n{QueryValues.Text(request, "as_of")}\n{QueryValues.Text(request, "known_at")}", values: 1);
        var found = new Found([], null);
        string? next = null;
        if (query is not null)
        {
            found = await SearchAsync(http, tenant, new RecallQuestion(query) { TopK = page.Limit, Type = type, UserId = user, Moment = moment }, answers, ct);
        }
        else
        {
            var below = page.After is { } values ? Cursor.Place(values[0]) : long.MaxValue;
            var listed = await lists.ListAsync(tenant, new MemoryFilter { Type = type, UserId = user, Moment = moment, Below = below }, page.Limit + 1, ct);
            var shown = listed.Items.Take(page.Limit).ToList();
            found = new Found([.. shown.Select(answers.Of)], null);
            next = listed.IsCut || listed.Items.Count > page.Limit ? page.Next(shown[^1].Sequence.ToString(CultureInfo.InvariantCulture)) : null;
        }

        var counts = await lists.CountAsync(tenant, user, ct);
        var stats = new MemoryStats(counts.Sum(one => one.Count), counts.ToDictionary(one => one.Type, one => one.Count, StringComparer.Ordinal));
        var list = new MemoryList(found.Items, found.Items.Count, stats, next) { Degraded = found.IsDegraded, DegradedReason = found.DegradedReason };
        return Answer.Ok(list, WireJson.Of<MemoryList>());
    }

    private static async Task<IResult> ListOfUserAsync(
        HttpContext http, string userId, MemoryLists lists, MemoryAnswers answers, CancellationToken ct)
    {
        userId = PathText.Of(http, segment: 3, userId);
        var query = QueryValues.Text(http.Request, "query");
        new FieldChecks().Length("user_id", userId, 1, 255).Length("query", query, 1, 4096).ThrowIfAny();
        var limit = QueryValues.Whole(http.Request, "limit", 1, 200) ?? 10;
        var moment = VoiceRequests.MomentOf(http);
        var withShared = QueryValues.Flag(http.Request, "include_shared") ?? true;
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var found = query is not null
            ? await SearchAsync(http, tenant, new RecallQuestion(query) { TopK = limit, UserId = userId, IncludeShared = withShared, Moment = moment }, answers, ct)
            : new Found([.. (withShared
                ? await lists.ListWithSharedAsync(tenant, userId, moment, limit, ct)
                : (await lists.ListAsync(tenant, new MemoryFilter { UserId = userId, Moment = moment }, limit, ct)).Items).Select(answers.Of)], null);
        var list = new UserMemoryList(userId, found.Items, found.Items.Count) { Degraded = found.IsDegraded, DegradedReason = found.DegradedReason };
        return Answer.Ok(list, WireJson.Of<UserMemoryList>());
    }

    private static async Task<IResult> ListSharedAsync(
        HttpContext http, MemoryLists lists, MemoryAnswers answers, CancellationToken ct)
    {
        var query = QueryValues.Text(http.Request, "query");
        new FieldChecks().Length("query", query, 1, 4096).ThrowIfAny();
        var limit = QueryValues.Whole(http.Request, "limit", 1, 200) ?? 20;
        var moment = VoiceRequests.MomentOf(http);
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var found = query is not null
            ? await SearchAsync(http, tenant, new RecallQuestion(query) { TopK = limit, SharedAlone = true, Moment = moment }, answers, ct)
            : new Found([.. (await lists.ListAsync(tenant, new MemoryFilter { SharedAlone = true, Moment = moment }, limit, ct)).Items.Select(answers.Of)], null);
        var list = new SharedMemoryList(found.Items, found.Items.Count) { Degraded = found.IsDegraded, DegradedReason = found.DegradedReason };
        return Answer.Ok(list, WireJson.Of<SharedMemoryList>());
    }

    private static async Task<IResult> FindAsync(HttpContext http, Guid id, MemoryService memories, MemoryAnswers answers, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var found = VoiceRequests.MomentOf(http) is { } moment
            ? await memories.FindAsync(tenant, id, moment, ct) ?? throw ProblemException.NotFound("There is no such memory, or it said nothing then.")
            : await memories.FindAsync(tenant, id, ct) ?? throw VoiceRequests.NoSuchMemory();
        return Answer.Ok(answers.Of(found), WireJson.Of<MemoryResponse>());
    }

    private static async Task<IResult> ChangeAsync(
        HttpContext http, Guid id, MemoryService memories, MemoryAnswers answers, TimeProvider time, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var change = MemoryChecks.Check(WireJson.Parse<ChangeMemoryRequest>(body.Span), time.Now());
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var memory = await memories.ChangeAsync(tenant, id, change, VoiceRequests.WriterOf(http), ct) ?? throw VoiceRequests.NoSuchMemory();
        return Answer.Ok(answers.Of(memory), WireJson.Of<MemoryResponse>());
    }

    private static async Task<IResult> ForgetAsync(HttpContext http, Guid id, MemoryService memories, CancellationToken ct) =>
        await memories.ForgetAsync(Caller.Of(http).ActIn(http, stated: null), id, VoiceRequests.WriterOf(http), ct)
            ? Answer.Ok(new MemoryDeleted(true, "Memory deleted."), WireJson.Of<MemoryDeleted>())
            : throw VoiceRequests.NoSuchMemory();

    private static async Task<Found> SearchAsync(HttpContext http, Tenant tenant, RecallQuestion question, MemoryAnswers answers, CancellationToken ct)
    {
        var recall = http.RequestServices.GetRequiredService<RecallService>();
        if (await recall.ForeseeAsync(tenant, ct) is { } refusal)
        {
            throw refusal;
        }

        var most = http.RequestServices.GetRequiredService<IOptions<RecallOptions>>().Value.MaxResults;
        var answer = await recall.SearchAsync(tenant, question with { TopK = Math.Min(question.TopK, most) }, ct);
        return new Found([.. answer.Items.Select(answers.Of)], answer.DegradedReason);
    }

    /// <summary>What was listed, or found.</summary>
    private sealed record Found(IReadOnlyList<MemoryResponse> Items, string? DegradedReason)
    {
        public bool? IsDegraded => DegradedReason is null ? null : true;
    }
}
