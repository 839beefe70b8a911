using System.Globalization;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Jobs;
using Memoir.Server.Access;
using Memoir.Server.Wire;

namespace Memoir.Server.Jobs;

/// <summary>Front door of this folder: deferred work as a tenant sees it, and what it can do about failures.</summary>
internal static class JobsFeature
{
    public static void AddJobs(this IHostApplicationBuilder builder) => builder.Services.AddSingleton<JobRegister>();

    public static void MapJobs(this IEndpointRouteBuilder app)
    {
        var jobs = app.MapGroup("/v1/jobs").WithTags("Jobs");
        jobs.MapGet("", ListAsync).RequireScope(Scopes.Read)
            .WithSummary("List a tenant's jobs, newest first; those that succeeded are kept for a day.")
            .Describe<JobList>(StatusCodes.Status200OK)
            .WithMetadata(new QueryParameters(["tenant_id", "status", "kind", "limit", "cursor"]));
        jobs.MapGet("/{id:guid}", FindAsync).RequireScope(Scopes.Read)
            .WithSummary("Read how one job stands.")
            .Describe<JobResponse>(StatusCodes.Status200OK);
        jobs.MapPost("/{id:guid}/retry", RetryAsync).RequireScope(Scopes.Write)
            .WithSummary("Queue a failed or dead job again, with all its attempts; 409 for any other.")
            .Describe<JobResponse>(StatusCodes.Status202Accepted).TakesIdempotencyKey().AnswersLocation().MayRefuse(Problem.Conflict);
        jobs.MapDelete("/{id:guid}", DropAsync).RequireScope(Scopes.Admin)
            .WithSummary("Delete a dead job; 409 for any other.")
            .Describe(StatusCodes.Status204NoContent).MayRefuse(Problem.Conflict);
    }

    private static async Task<IResult> ListAsync(HttpContext http, JobRegister jobs, CancellationToken ct)
    {
        var status = QueryValues.Text(http.Request, "status");
        var kind = QueryValues.Text(http.Request, "kind");
        if (status is not null && !JobStatus.All.Contains(status))
        {
            throw ProblemException.Field("status", $"must be one of {string.Join(", ", JobStatus.All)}");
        }

        if (kind is not null)
        {
            new FieldChecks().Length("kind", kind, 1, 64).ThrowIfAny();
        }

        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var page = Page.From(http.Request, $"jobs\n{tenant}\n{status}\n{kind}", values: 2);
        var (at, id) = Before(page);
        var found = await jobs.ListAsync(tenant, status, kind, at, id, page.Limit + 1, ct);
        var items = found.Take(page.Limit).ToList();
        var next = found.Count <= page.Limit ? null : page.Next(
            items[^1].CreatedAt.ToMicroseconds().ToString(CultureInfo.InvariantCulture), items[^1].Id.ToString());
        return Answer.Ok(new JobList([.. items.Select(ToResponse)], next), WireJson.Of<JobList>());
    }

    private static async Task<IResult> FindAsync(HttpContext http, Guid id, JobRegister jobs, CancellationToken ct)
    {
        var tenant = Caller.Of(http).ActIn(http, stated: null);
        var job = await jobs.FindAsync(tenant, id, ct) ?? throw JobRegister.NoSuchJob();
        return Answer.Ok(ToResponse(job), WireJson.Of<JobResponse>());
    }

    private static async Task<IResult> RetryAsync(HttpContext http, Guid id, JobRegister jobs, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        var tenant = caller.ActIn(http, stated: null);
        Answer Accepted(JobRecord job) => Answer.Of(
            StatusCodes.Status202Accepted, ToResponse(job), WireJson.Of<JobResponse>(), caller.Locate($"/v1/jobs/{job.Id}", tenant));

        var companion = http.Idempotently<JobRecord>(body: [], Accepted);
        return Accepted(await jobs.RetryAsync(tenant, id, caller.Credential, RequestId.Of(http), companion, ct));
    }

    private static async Task<IResult> DropAsync(HttpContext http, Guid id, JobRegister jobs, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        await jobs.DropAsync(caller.ActIn(http, stated: null), id, caller.Credential, RequestId.Of(http), ct);
        return Answer.NoContent;
    }

    private static (DateTimeOffset At, Guid Id) Before(Page page)
    {
        if (page.After is not { } values)
        {
            return (Instants.FromMicrosecondsClamped(long.MaxValue), Guid.AllBitsSet);
        }

        return long.TryParse(values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var at) && Guid.TryParse(values[1], out var id)
            ? (Instants.FromMicrosecondsClamped(at), id)
            : throw Cursor.Invalid();
    }

    private static JobResponse ToResponse(JobRecord job) => new()
    {
        Id = job.Id,
        Kind = job.Kind,
        Status = job.Status,
        Attempts = job.Attempts,
        CreatedAt = job.CreatedAt,
        StartedAt = job.StartedAt,
        FinishedAt = job.FinishedAt,
        NextAttemptAt = job.Status == JobStatus.Failed ? job.DueAt : null,
        Error = job.LastError,
    };
}
