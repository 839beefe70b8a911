using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Jobs;
using Memoir.Kit.Telemetry;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Jobs;

/// <summary>A tenant sees its jobs, and can do something about those that failed.</summary>
public sealed class JobRouteTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task The_job_of_a_pending_message_is_found_and_followed_to_its_end(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        await using var server = await TestApp.StartAsync(engine, OpenAi(provider));
        var acme = server.As("acme");
        var made = server.Time.GetUtcNow();
        Assert.Equal("pending", (await acme.StoreAsync("hello")).Text("embedding_status"));

        var queued = (await acme.ReadAsync("/v1/jobs?kind=embed-memories&status=queued")).Items().Single();
        server.Time.Advance(TimeSpan.FromSeconds(5));
        await server.RunJobsAsync();
        var done = await acme.ReadAsync($"/v1/jobs/{queued.Text("id")}");

        Assert.Equal(["id", "kind", "status", "attempts", "created_at", "started_at", "finished_at"], queued.Members());
        Assert.Equal(("queued", 0, made), (queued.Text("status"), queued.Number("attempts"), queued.GetProperty("created_at").GetDateTimeOffset()));
        Assert.Equal(("succeeded", 1), (done.Text("status"), done.Number("attempts")));
        Assert.Equal(server.Time.GetUtcNow(), done.GetProperty("finished_at").GetDateTimeOffset());
        Assert.Empty((await acme.ReadAsync("/v1/jobs?status=queued")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_failed_job_says_why_and_when_it_is_tried_again_and_can_be_hurried(TestEngine engine)
    {
        await using var provider = await ScriptedEmbeddingServer.StartAsync();
        provider.Behaviour = EmbeddingBehaviour.ServerError;
        await using var server = await TestApp.StartAsync(engine, OpenAi(provider));
        var acme = server.As("acme");
        await acme.StoreAsync("secret content");
        await server.RunJobsAsync();

        var failed = (await acme.ReadAsync("/v1/jobs?status=failed")).Items().Single();
        provider.Behaviour = EmbeddingBehaviour.Good;
        var answer = await acme.SendAsync("POST", $"/v1/jobs/{failed.Text("id")}/retry");
        var again = await answer.JsonAsync(HttpStatusCode.Accepted);

        Assert.Equal(server.Time.GetUtcNow() + TimeSpan.FromSeconds(2), failed.GetProperty("next_attempt_at").GetDateTimeOffset());
        Assert.NotEmpty(failed.Text("error")!);
        Assert.DoesNotContain("secret", failed.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain(provider.Url, failed.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(("queued", 0), (again.Text("status"), again.Number("attempts")));
        Assert.Equal($"/v1/jobs/{failed.Text("id")}?tenant_id=acme", answer.Headers.Location?.ToString());
        server.Time.Advance(TimeSpan.FromMinutes(10)); // The provider is left alone for a while after failures.
        await server.RunJobsAsync();
        Assert.Equal("succeeded", (await acme.ReadAsync($"/v1/jobs/{failed.Text("id")}")).Text("status"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_dead_job_is_tried_again_from_the_start_or_deleted_and_both_are_audited(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        var id = await EnqueueAsync(server, "unheard-of");
        await server.RunJobsAsync();
        var dead = await acme.ReadAsync($"/v1/jobs/{id}");

        await (await acme.SendAsync("POST", $"/v1/jobs/{id}/retry")).JsonAsync(HttpStatusCode.Accepted);
        await server.RunJobsAsync();
        var deadAgain = await acme.ReadAsync($"/v1/jobs/{id}");
        var deleted = await acme.DeleteAsync($"/v1/jobs/{id}", Ct);

        Assert.Equal(("dead", 1, "This version knows no job of this kind."), (dead.Text("status"), dead.Number("attempts"), dead.Text("error")));
        Assert.Equal(("dead", 1), (deadAgain.Text("status"), deadAgain.Number("attempts")));
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        await (await acme.GetAsync($"/v1/jobs/{id}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await acme.DeleteAsync($"/v1/jobs/{id}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal([$"job.delete {id}", $"job.retry {id}"], await AuditAsync(server));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_job_that_did_not_fail_is_neither_tried_again_nor_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        var queue = server.Services.GetRequiredService<JobQueue>();
        var id = await EnqueueAsync(server, "note");

        await RefusedAsync("queued");
        var job = await queue.ClaimAsync(cutOffToo: true, Ct);
        await RefusedAsync("running");
        await queue.CompleteAsync(job!, effect: null, Ct);
        await RefusedAsync("succeeded");

        Assert.Empty(await AuditAsync(server));

        async Task RefusedAsync(string status)
        {
            var retried = await (await acme.SendAsync("POST", $"/v1/jobs/{id}/retry")).RefusedAsync(HttpStatusCode.Conflict, "conflict");
            var deleted = await (await acme.DeleteAsync($"/v1/jobs/{id}", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");

            Assert.Equal($"Only a job that failed or is dead can be tried again; this one is {status}.", retried.Text("detail"));
            Assert.Equal($"Only a dead job can be deleted; this one is {status}.", deleted.Text("detail"));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_failed_job_cannot_be_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var id = await EnqueueAsync(server, "note");
        var queue = server.Services.GetRequiredService<JobQueue>();
        await queue.FailAsync((await queue.ClaimAsync(cutOffToo: true, Ct))!, new JobFailedException("not now"), Ct);

        await (await server.As("acme").DeleteAsync($"/v1/jobs/{id}", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_retry_with_an_idempotency_key_happens_once(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        acme.DefaultRequestHeaders.Add("Idempotency-Key", "again");
        var id = await EnqueueAsync(server, "unheard-of");
        await server.RunJobsAsync();
        var first = await (await acme.SendAsync("POST", $"/v1/jobs/{id}/retry")).JsonAsync(HttpStatusCode.Accepted);
        await server.RunJobsAsync();

        var second = await acme.SendAsync("POST", $"/v1/jobs/{id}/retry");
        var other = await acme.SendAsync("POST", $"/v1/jobs/{Guid.CreateVersion7()}/retry");

        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(first.GetRawText(), (await second.JsonAsync(HttpStatusCode.Accepted)).GetRawText());
        Assert.Equal("dead", (await server.As("acme").ReadAsync($"/v1/jobs/{id}")).Text("status"));
        await other.RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_retry_that_is_refused_does_not_use_up_its_idempotency_key(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        acme.DefaultRequestHeaders.Add("Idempotency-Key", "again");
        var unknown = Guid.CreateVersion7();
        var id = await EnqueueAsync(server, "unheard-of");

        await (await acme.SendAsync("POST", $"/v1/jobs/{unknown}/retry")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await acme.SendAsync("POST", $"/v1/jobs/{unknown}/retry")).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        await (await acme.SendAsync("POST", $"/v1/jobs/{id}/retry")).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        await server.RunJobsAsync();
        await (await acme.SendAsync("POST", $"/v1/jobs/{id}/retry")).JsonAsync(HttpStatusCode.Accepted);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_list_is_newest_first_page_by_page_and_filtered(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        List<string> made = [];
        for (var i = 0; i < 7; i++)
        {
            made.Insert(0, (await EnqueueAsync(server, i % 2 == 0 ? "even" : "odd")).ToString());
            server.Time.Advance(TimeSpan.FromMilliseconds(i / 3)); // Some in the same instant.
        }

        foreach (var (filter, expected) in new[]
        {
            ("", made), ("&status=queued", made), ("&status=dead", []), ("&kind=none", []),
            ("&kind=even", made.Where((_, place) => place % 2 == 0)), ("&kind=odd&status=queued", made.Where((_, place) => place % 2 == 1)),
        })
        {
            List<string> seen = [];
            List<DateTimeOffset> times = [];
            var cursor = "";
            do
            {
                var page = await acme.ReadAsync($"/v1/jobs?limit=2{filter}{cursor}");
                seen.AddRange(page.Each("id"));
                times.AddRange(page.Items().Select(job => job.GetProperty("created_at").GetDateTimeOffset()));
                cursor = page.Text("next_cursor") is { } next ? $"&cursor={next}" : null;
            }
            while (cursor is not null);

            Assert.Equal(expected.Order(), seen.Order());
            Assert.Equal(times.OrderDescending(), times);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_list_that_is_asked_for_wrongly_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var acme = server.As("acme");
        await EnqueueAsync(server, "one");
        await EnqueueAsync(server, "two");
        var cursor = (await acme.ReadAsync("/v1/jobs?limit=1")).Text("next_cursor");

        foreach (var (query, status, slug) in new[]
        {
            ("state=dead", HttpStatusCode.BadRequest, "invalid-request"),
            ("status=late", HttpStatusCode.UnprocessableEntity, "validation-failed"),
            ("status=DEAD", HttpStatusCode.UnprocessableEntity, "validation-failed"),
            ("status=dead&status=failed", HttpStatusCode.BadRequest, "invalid-request"),
            ($"kind={new string('k', 65)}", HttpStatusCode.UnprocessableEntity, "validation-failed"),
            ("kind=%00", HttpStatusCode.BadRequest, "invalid-request"),
            ("limit=0", HttpStatusCode.UnprocessableEntity, "validation-failed"),
            ("limit=201", HttpStatusCode.UnprocessableEntity, "validation-failed"),
            ("cursor=x", HttpStatusCode.BadRequest, "invalid-cursor"),
            ($"cursor={cursor}&status=queued", HttpStatusCode.BadRequest, "invalid-cursor"),
            ($"cursor={cursor}&kind=one", HttpStatusCode.BadRequest, "invalid-cursor"),
            ($"cursor={cursor}&tenant_id=umbrella", HttpStatusCode.BadRequest, "invalid-request"),
        })
        {
            await (await acme.GetAsync($"/v1/jobs?{query}", Ct)).RefusedAsync(status, slug);
        }

        await (await server.As("umbrella").GetAsync($"/v1/jobs?cursor={cursor}", Ct)).RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Waiting_and_dead_jobs_are_measured(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await EnqueueAsync(server, "unheard-of");
        await server.RunJobsAsync();
        await EnqueueAsync(server, "waiting");

        await server.Services.GetRequiredService<JobQueue>().CountOpenAsync(Ct);

        var meters = server.Services.GetRequiredService<Meters>();
        Assert.Equal((1, 1), (meters.JobsQueued(), meters.JobsDead()));
    }

    private static (string, string?)[] OpenAi(ScriptedEmbeddingServer provider) =>
    [
        ("EmbeddingProvider", "openai"), ("EmbeddingBaseUrl", provider.Url), ("EmbeddingModelName", "test"),
        ("EmbeddingApiKey", "secret-of-the-provider"), ("EmbeddingDimensions", "64"), ("EmbeddingDocumentRetries", "0"),
    ];

    private static Task<Guid> EnqueueAsync(TestApp server, string kind) => server.Services.GetRequiredService<Database>().WriteAsync(
        new Tenant("acme"), session => server.Services.GetRequiredService<JobQueue>().EnqueueAsync(session, kind, "{}"), Ct);

    private static Task<IReadOnlyList<string>> AuditAsync(TestApp server) => server.Services.GetRequiredService<Database>().ReadAsync(
        new Tenant("acme"),
        session => session.QueryAsync<string>(
            "SELECT action || ' ' || subject FROM audit_records WHERE tenant_id = @Tenant ORDER BY action", new { }),
        Ct);
}
