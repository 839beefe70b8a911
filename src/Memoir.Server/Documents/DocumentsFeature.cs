using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Http.Json;
using Memoir.Kit.Settings;
using Memoir.Server.Access;
using Memoir.Server.Documents.Merging;
using Memoir.Server.Memories;
using Memoir.Server.Quality;
using Memoir.Server.Wire;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Documents;

/// <summary>Front door of this folder: a user's structured memory, with its versions.</summary>
internal static class DocumentsFeature
{
    private const string Channel = "documents";

    public static void AddDocuments(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<DocumentOptions, DocumentOptionsValidator>();
        builder.Services.AddSingleton<DocumentService>();
    }

    public static void MapDocuments(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/documents", ListAsync).WithTags("Documents").RequireScope(Scopes.Read)
            .WithSummary("List the users who have a structured memory, by their ids.")
            .Describe<DocumentList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));

        var documents = app.MapGroup("/memory/{userId}").WithTags("Documents");
        documents.MapGet("", FindAsync).RequireScope(Scopes.Read)
            .WithSummary("Read a user's structured memory; If-None-Match with the version that is known answers 304.")
            .Describe<MemoryDocument>(StatusCodes.Status200OK).AnswersVersion().MayRefuse(Problem.NotFound);
        documents.MapPost("", StoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Store a user's structured memory; 409 when there is one and overwrite is not true.")
            .Describe<StructuredMemory, MemoryDocument>(StatusCodes.Status200OK).AnswersVersion().AnswersMasked().TakesIdempotencyKey().AnswersLocation()
            .MayRefuse(Problem.Conflict, Problem.PreconditionFailed)
            .WithMetadata(new QueryParameters(["tenant_id", "overwrite"]));
        documents.MapPatch("", PatchAsync).RequireScope(Scopes.Write)
            .WithSummary("Change a user's structured memory by a merge, an RFC 7396 merge patch or an RFC 6902 JSON patch; creates it when there is none.")
            .Describe<PatchDocumentRequest, MemoryDocument>(StatusCodes.Status200OK).AnswersVersion().AnswersMasked()
            .AlsoTakes<StructuredMemory>(MergePatch.MediaType).AlsoTakes<IReadOnlyList<JsonPatchOperation>>(JsonPatch.MediaType)
            .MayRefuse(Problem.Conflict, Problem.PreconditionFailed);
        documents.MapDelete("", DeleteAsync).RequireScope(Scopes.Write)
            .WithSummary("Delete a user's structured memory; its versions stay and can be restored.")
            .Describe(StatusCodes.Status204NoContent).AnswersVersion().MayRefuse(Problem.NotFound, Problem.PreconditionFailed);
        documents.MapGet("/history", ListVersionsAsync).RequireScope(Scopes.Read)
            .WithSummary("List the versions of a user's structured memory, newest first, with what each changed.")
            .Describe<DocumentHistory>(StatusCodes.Status200OK).MayRefuse(Problem.NotFound)
            .WithMetadata(new QueryParameters(["tenant_id", "limit", "cursor"]));
        documents.MapGet("/history/{version:long}", FindVersionAsync).RequireScope(Scopes.Read)
            .WithSummary("Read a user's structured memory as it was in one version.")
            .Describe<MemoryDocumentVersion>(StatusCodes.Status200OK).MayRefuse(Problem.NotFound, Problem.Conflict);
        documents.MapPost("/restore", RestoreAsync).RequireScope(Scopes.Write)
            .WithSummary("Make an older version of a user's structured memory the newest one.")
            .Describe<RestoreDocumentRequest, MemoryDocument>(StatusCodes.Status200OK).AnswersVersion().AnswersMasked().TakesIdempotencyKey().AnswersLocation()
            .MayRefuse(Problem.NotFound, Problem.Conflict, Problem.PreconditionFailed);
    }

    private static async Task<IResult> ListAsync(HttpContext http, DocumentService documents, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"documents\n{tenant}", values: 1);
        var found = await documents.ListAsync(tenant, DocumentKey.StructuredMemoryKind, page.After?[0] ?? "", page.Limit + 1, ct);
        var items = found.Take(page.Limit).Select(row => new DocumentEntry(row.Name, row.Version, row.CreatedAt, row.UpdatedAt)).ToList();
        return Answer.Ok(new DocumentList(items, found.Count > page.Limit ? page.Next(items[^1].UserId) : null), WireJson.Of<DocumentList>());
    }

    private static async Task<IResult> FindAsync(HttpContext http, string userId, DocumentService documents, CancellationToken ct)
    {
        var door = new Door(http, userId);
        var found = await documents.FindAsync(door.Tenant, door.Key, door.Writer, ct) ?? throw NoSuchDocument();
        return door.Precondition.IsKnown(found.Version)
            ? new Answer(StatusCodes.Status304NotModified, default, null) { ETag = Precondition.TagOf(found.Version) }
            : door.Answer(found) with { Location = null };
    }

    private static async Task<IResult> StoreAsync(HttpContext http, string userId, DocumentService documents, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var door = new Door(http, userId);
        var overwrites = QueryValues.Flag(http.Request, "overwrite") ?? false;
        var content = StructuredMemoryText.Of(body.Span);
        var change = new DocumentChange(overwrites ? "replace" : "create", old =>
        {
            door.Precondition.Require(old?.Version);
            if (old is not null && !overwrites)
            {
                throw new ProblemException(Problem.Conflict, "This user has a structured memory already. Send overwrite=true to replace it, or PATCH to change it.");
            }
        }, _ => content);
        return Masked(http, door, await documents.SaveAsync(door.Tenant, door.Key, change, door.Writer, http.Idempotently<Document>(body.Span, door.Answer), ct));
    }

    private static async Task<IResult> PatchAsync(HttpContext http, string userId, DocumentService documents, IOptions<DocumentOptions> options, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync(MergePatch.MediaType, JsonPatch.MediaType);
        var door = new Door(http, userId);
        var merge = MergeOf(http.Request.ContentType!, body.Span, options.Value.DocumentMaxBytes);
        var change = new DocumentChange("patch", old => door.Precondition.Require(old?.Version), old =>
        {
            var merged = StructuredMemoryText.Node(door.UserId, old?.Content ?? StructuredMemoryText.Empty);
            merge(merged);
            if (merged["user_id"] is not JsonValue named || named.GetValueKind() is not JsonValueKind.String || named.GetValue<string>() != door.UserId)
            {
                throw ProblemException.Field("user_id", "cannot be changed");
            }

            return StructuredMemoryText.Of(merged);
        });
        return Masked(http, door, await documents.SaveAsync(door.Tenant, door.Key, change, door.Writer, companion: null, ct)) with { Location = null };
    }

    private static async Task<IResult> DeleteAsync(HttpContext http, string userId, DocumentService documents, CancellationToken ct)
    {
        var door = new Door(http, userId);
        return await documents.DeleteAsync(door.Tenant, door.Key, old => door.Precondition.Require(old?.Version), door.Writer, ct)
            ? Answer.NoContent
            : throw NoSuchDocument();
    }

    private static async Task<IResult> ListVersionsAsync(HttpContext http, string userId, DocumentService documents, CancellationToken ct)
    {
        var door = new Door(http, userId);
        var page = Page.From(http.Request, $"document\n{door.Tenant}\n{door.UserId}", values: 1);
        var below = page.After is { } values ? Cursor.Place(values[0]) : long.MaxValue;
        var found = await documents.ListVersionsAsync(door.Tenant, door.Key, below, page.Limit + 1, ct) ?? throw NoSuchDocument();
        var items = found.Items.Take(page.Limit).Select(version => new DocumentHistoryItem
        {
            Version = version.Version,
            Action = version.Action,
            Actor = version.Actor,
            At = version.At,
            Diff = version.Diff,
            Damaged = version.DamagedAt is null ? null : true,
        }).ToList();
        var next = found.IsCut || found.Items.Count > page.Limit ? page.Next(items[^1].Version.ToString(CultureInfo.InvariantCulture)) : null;
        return Answer.Ok(new DocumentHistory(items, next), WireJson.Of<DocumentHistory>());
    }

    private static async Task<IResult> FindVersionAsync(HttpContext http, string userId, long version, DocumentService documents, CancellationToken ct)
    {
        var door = new Door(http, userId);
        var found = await documents.FindVersionAsync(door.Tenant, door.Key, version, door.Writer, ct)
            ?? throw ProblemException.NotFound("There is no such version, or no more.");
        var about = $",\"version\":{found.Version},\"action\":{StructuredMemoryText.Quoted(found.Action)},\"actor\":{StructuredMemoryText.Quoted(found.Actor)}"
            + $",\"at\":{StructuredMemoryText.Quoted(WireInstant.Format(found.At))},\"diff\":{StructuredMemoryText.Quoted(found.Diff)}}}";
        var content = StructuredMemoryText.Answer(door.UserId, found.IsDeletion ? StructuredMemoryText.Empty : found.Content);
        return new Answer(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(content[..^1] + about), null);
    }

    private static async Task<IResult> RestoreAsync(HttpContext http, string userId, DocumentService documents, CancellationToken ct)
    {
        using var body = await http.ReadBodyAsync();
        var request = WireJson.Parse<RestoreDocumentRequest>(body.Span);
        var door = new Door(http, userId);
        return Masked(http, door, await documents.RestoreAsync(
            door.Tenant, door.Key, request.Version, old => door.Precondition.Require(old?.Version), door.Writer,
            http.Idempotently<Document>(body.Span, door.Answer), ct));
    }

    /// <summary>What a body wants done with the document that it is about.</summary>
    private static Action<JsonObject> MergeOf(string contentType, ReadOnlySpan<byte> body, int mostBytes)
    {
        if (StrictJson.Is(contentType, JsonPatch.MediaType))
        {
            var operations = WireJson.Parse<IReadOnlyList<JsonPatchOperation>>(body);
            return target => JsonPatch.Apply(target, operations, 2L * mostBytes);
        }

        if (StrictJson.Is(contentType, MergePatch.MediaType))
        {
            var members = Members(body);
            return target => MergePatch.Apply(target, members);
        }

        var request = WireJson.Parse<PatchDocumentRequest>(body); // What it says has to be right before it is merged: a merge hides paths.
        StructuredMemoryChecks.Require(request);
        var patch = Members(body);
        patch.Remove("events_overwrite");
        return target =>
        {
            if (request is { EventsOverwrite: true, Events: not null })
            {
                target["events"] = new JsonArray();
            }

            StructuredMerge.Apply(target, patch);
        };
    }

    /// <summary>Read as an element first: a node finds out that a member is there twice only when it is asked for one.</summary>
    private static JsonObject Members(ReadOnlySpan<byte> body)
    {
        var element = WireJson.Parse<JsonElement>(body);
        return element.ValueKind is JsonValueKind.Object ? JsonObject.Create(element)! : throw ProblemException.Body("", "The body must be a JSON object.");
    }

    /// <summary>The answer to a write, which says what was masked in it; a repetition does not get that again.</summary>
    private static Answer Masked(HttpContext http, Door door, Document document)
    {
        if (document.Masked is { } masked)
        {
            http.Response.Headers[Screening.Header] = masked;
        }

        return door.Answer(document);
    }

    private static ProblemException NoSuchDocument() => ProblemException.NotFound("This user has no structured memory.");

    /// <summary>What each of the routes needs of a request.</summary>
    private sealed class Door
    {
        public Door(HttpContext http, string routed)
        {
            UserId = PathText.Of(http, segment: 1, routed);
            var checks = new FieldChecks().Length("user_id", UserId, 1, 255);
            if (DocumentKey.IsReserved(UserId))
            {
                checks.Add("user_id", "is reserved");
            }

            checks.ThrowIfAny();
            var caller = Caller.Of(http);
            Tenant = caller.ActIn(http, stated: null);
            Writer = new Writer(caller.Credential, Channel, RequestId.Of(http));
            Precondition = Precondition.From(http.Request);
            Location = caller.Locate(KeptAnswers.OfDocument(UserId), Tenant);
        }

        public string UserId { get; }

        public Tenant Tenant { get; }

        public Writer Writer { get; }

        public Precondition Precondition { get; }

        public DocumentKey Key => DocumentKey.OfMemory(UserId);

        private string Location { get; }

        public Answer Answer(Document document) =>
            new(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(StructuredMemoryText.Answer(UserId, document.Content)), Location)
            {
                ETag = Precondition.TagOf(document.Version),
                Warning = document.Damaged.Count == 0 ? null : $"199 memoir \"version {document.Damaged[0]} is damaged; version {document.Version} is served in its place\"",
            };
    }
}
