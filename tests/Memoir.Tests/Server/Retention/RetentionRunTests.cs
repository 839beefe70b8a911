using System.Net;
using System.Net.Http.Json;
using Memoir.Kit.Data;
using Memoir.Server.Memories;
using Memoir.Server.Retention;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>Runs through the door: what they touch, when, and what is refused.</summary>
public sealed class RetentionRunTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Old_and_unimportant_memories_are_archived_then_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var old = await server.StoreAgedAsync("The kettle was descaled.", 40);
        var young = await server.StoreAgedAsync("The kettle was filled.", 20);
        var important = await server.StoreAgedAsync("My kettle is blue.", 400, ("role", "user"));
        var marked = await server.StoreAgedAsync("The kettle is mine.", 400, ("importance_override", 0.9));

        var first = await server.RunAsync();

        Assert.Equal("""{"archived":1,"deleted":0,"dry_run":false}""", first.GetRawText());
        Assert.Equal("2026-01-15T12:00:00Z", (await server.ReadMessageAsync(old)).Text("archived_at"));
        Assert.Equal("skipped", (await server.ReadMessageAsync(old)).Text("embedding_status"));
        Assert.All([young, important, marked], message => Assert.False(server.ReadMessageAsync(message).GetAwaiter().GetResult().IsArchived()));

        server.Time.Advance(TimeSpan.FromDays(89.9));
        Assert.Equal((1, 0), (await server.RunAsync()).Counts()); // The young one is old by now.
        server.Time.Advance(TimeSpan.FromDays(0.1));
        Assert.Equal((0, 1), (await server.RunAsync()).Counts());

        await (await server.As("acme").GetAsync($"/v1/messages/{old.Text("id")}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.True((await server.ReadMessageAsync(young)).IsArchived());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_run_does_only_what_it_is_asked_to_do(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        await server.RunAsync();
        await server.StoreAgedAsync("Two.", 140);
        server.Time.Advance(TimeSpan.FromDays(90));

        Assert.Equal((0, 1), (await server.RunAsync(false, "delete")).Counts());
        Assert.Equal((1, 0), (await server.RunAsync(false, "archive")).Counts());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_dry_run_changes_nothing_and_its_list_goes_on_where_it_ended(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var stored = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            stored.Add((await server.StoreAgedAsync($"Number {i}.", 40)).Text("id")!);
        }

        var before = await RawDatabase.StateAsync(server, "acme");
        var listed = new List<string>();
        string? cursor = null;
        do
        {
            var page = await (await server.As("acme").PostAsJsonAsync(
                "/v1/admin/retention/run", new { actions = Both, dry_run = true, limit = 3, cursor }, Ct)).JsonAsync(HttpStatusCode.OK);
            Assert.Equal((7, 0), page.Counts());
            Assert.All(page.Items(), item => Assert.Equal(("archive", "age"), (item.Text("action"), item.Text("reason"))));
            listed.AddRange(page.Each("id"));
            cursor = page.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);

        Assert.Equal(stored, listed);
        Assert.Equal(before, await RawDatabase.StateAsync(server, "acme"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Beyond_max_items_the_oldest_unimportant_ones_are_archived(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.PutPolicyAsync(maxItems: 3);
        var important = await server.StoreAgedAsync("My oldest.", 20, ("role", "user"));
        var third = await server.StoreAgedAsync("Third.", 3);
        var first = await server.StoreAgedAsync("First.", 10);
        var second = await server.StoreAgedAsync("Second.", 5);
        var fourth = await server.StoreAgedAsync("Fourth.", 1);
        await server.StoreAgedAsync("By age.", 50);

        var run = await server.RunAsync();

        Assert.Equal((3, 0), run.Counts()); // One by age, and two of the five that were left.
        Assert.True((await server.ReadMessageAsync(first)).IsArchived());
        Assert.True((await server.ReadMessageAsync(second)).IsArchived());
        foreach (var kept in new[] { important, third, fourth })
        {
            Assert.False((await server.ReadMessageAsync(kept)).IsArchived());
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Another_tenant_is_not_touched(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("Ours.", 40);
        await server.As("umbrella").StoreAsync("Theirs.", ("tenant_id", "umbrella"), ("role", "tool"), ("created_at", server.Time.GetUtcNow().AddDays(-40)));
        var before = await RawDatabase.StateAsync(server, "umbrella");

        Assert.Equal((1, 0), (await server.RunAsync()).Counts());

        Assert.Equal(before, await RawDatabase.StateAsync(server, "umbrella"));
        var foreign = await (await server.MemberAsync("umbrella", "admin")).PostAsJsonAsync(
            "/v1/admin/retention/run", new { tenant_id = "acme", actions = Both, dry_run = true }, Ct);
        await foreign.RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_second_run_is_refused_while_one_is_under_way(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        var service = server.Services.GetRequiredService<RetentionService>();
        var (run, rule) = (await service.BeginAsync(Acme, job: null, Both, Ct))!.Value;

        await (await server.TryRunAsync()).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Equal((1, 0), (await server.RunAsync(dryRun: true)).Counts());
        Assert.Equal(HttpStatusCode.OK, (await server.TryRunAsync(tenant: "umbrella")).StatusCode);

        server.Time.Advance(RetentionRunner.Lease); // It stands still: the next one takes over, and it may do nothing more.
        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
        await server.StoreAgedAsync("Two.", 40);
        var refused = await Assert.ThrowsAsync<Memoir.Kit.Http.ProblemException>(() => service.StepAsync(Acme, run, rule, new Writer("test", "test", "r"), Ct));
        Assert.Equal(Memoir.Kit.Http.Problem.Conflict, refused.Problem);
        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_a_hundred_runs_at_once_each_memory_is_archived_by_one(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, [.. Enumerable.Range(0, 450).Select(_ => Row(server.Time.GetUtcNow().AddDays(-40), 0.1))]);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => server.TryRunAsync()));

        Assert.All(answers, answer => Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.Conflict]));
        var archived = 0L;
        foreach (var answer in answers.Where(answer => answer.StatusCode == HttpStatusCode.OK))
        {
            archived += (await answer.JsonAsync(HttpStatusCode.OK)).Counts().Archived;
        }

        Assert.Equal(450, archived);
        Assert.Equal(3, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'retention.archive'"));
    }

    [Theory]
    [InlineData(61)]
    [InlineData(-61)]
    public async Task Clocks_that_disagree_stop_a_run_before_it_touches_anything(int seconds)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await server.StoreAgedAsync("One.", 40);
        server.DatabaseClock.Skew = TimeSpan.FromSeconds(seconds);

        var refused = await (await server.TryRunAsync()).RefusedAsync(HttpStatusCode.ServiceUnavailable, "dependency-unavailable");
        Assert.Contains("61 seconds apart", refused.Text("detail"), StringComparison.Ordinal);
        await (await server.TryRunAsync(dryRun: true)).RefusedAsync(HttpStatusCode.ServiceUnavailable, "dependency-unavailable");

        server.DatabaseClock.Skew /= 61 / 60.0;
        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_old_says_the_clock_of_the_database(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 30 - (30.0 / 86_400));

        Assert.Equal((0, 0), (await server.RunAsync()).Counts());
        server.DatabaseClock.Skew = TimeSpan.FromSeconds(30);
        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_databases_own_clock_is_the_servers_on_sqlite_and_the_worlds_on_postgresql(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        server.DatabaseClock.IsReal = true; // The test's own stands still in January.

        Assert.Equal(engine == TestEngine.Sqlite ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, (await server.TryRunAsync()).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_run_whose_caller_goes_is_finished_by_a_job(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await FillAsync(server, [.. Enumerable.Range(0, 450).Select(_ => Row(server.Time.GetUtcNow().AddDays(-40), 0.1))]);
        var service = server.Services.GetRequiredService<RetentionService>();
        var (run, rule) = (await service.BeginAsync(Acme, job: null, Both, Ct))!.Value;
        run = await service.StepAsync(Acme, run, rule, new Writer("operator", "rest", "r1"), Ct);
        Assert.Equal(200, run.Archived);

        await server.Services.GetRequiredService<Database>().WriteAsync(Acme, session => service.HandOverAsync(session, run), Ct);
        await (await server.TryRunAsync()).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        server.Time.Advance(TimeSpan.FromMinutes(1));
        await server.RunJobsAsync();

        Assert.All(await AllAsync(server), memory => Assert.Equal(run.StartedAt, memory.ArchivedAt));
        Assert.Equal(HttpStatusCode.OK, (await server.TryRunAsync()).StatusCode);
    }

    [Theory]
    [InlineData("""{"actions":["archive"]}""", 400, "invalid-body")]
    [InlineData("""{"dry_run":true}""", 400, "invalid-body")]
    [InlineData("""{"actions":[],"dry_run":true}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive","forget"],"dry_run":true}""", 422, "validation-failed")]
    [InlineData("""{"actions":[null],"dry_run":true}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive"],"dry_run":true,"limit":0}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive"],"dry_run":true,"limit":10001}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive"],"dry_run":false,"limit":5}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive"],"dry_run":false,"cursor":"x"}""", 422, "validation-failed")]
    [InlineData("""{"actions":["archive"],"dry_run":true,"cursor":"x"}""", 400, "invalid-cursor")]
    [InlineData("""{"actions":["archive"],"dry_run":true,"force":true}""", 400, "invalid-body")]
    public async Task A_run_that_says_something_wrong_is_refused(string body, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await (await server.As("acme").SendAsync("POST", "/v1/admin/retention/run", body)).RefusedAsync((HttpStatusCode)status, slug);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Runs_are_audited_and_counted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.StoreAgedAsync("One.", 40);
        await server.StoreAgedAsync("Two.", 41);
        await server.RunAsync();
        server.Time.Advance(TimeSpan.FromDays(90));
        await server.RunAsync();

        Assert.Equal(2, await CountOfAsync("retention.archive"));
        Assert.Equal(2, await CountOfAsync("retention.delete"));
        var metrics = await server.WithKey(TestApp.OperatorKey).GetStringAsync("/metrics", Ct);
        Assert.Contains("\nmemories_archived_total 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nmemories_deleted_by_retention_total 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nretention_run_duration_seconds_count 2\n", metrics, StringComparison.Ordinal);

        Task<long> CountOfAsync(string action) => RawDatabase.CountAsync(
            server, "acme", $"SELECT count FROM audit_records WHERE tenant_id = 'acme' AND action = '{action}' AND actor LIKE 'operator:%'");
    }
}
