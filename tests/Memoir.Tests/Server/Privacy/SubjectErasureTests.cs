using System.Net;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Server.Admin;
using Memoir.Server.Privacy.Erasure;
using Memoir.Tests.Server.Processes;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Privacy;

public sealed class SubjectErasureTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Nothing_of_a_subject_is_left_in_any_row_and_the_receipt_says_how_much_went(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        Assert.Contains(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);

        var receipt = await Subject.EraseAsync(server);

        var state = await RawDatabase.StateAsync(server, "acme");
        Assert.DoesNotContain(Subject.Canary, state, StringComparison.Ordinal);
        Assert.DoesNotContain("z\\u00FCndel", state, StringComparison.Ordinal);
        var erased = receipt.GetProperty("erased");
        Assert.Equal(
            (15, 3, 1, 1, 1),
            (erased.GetProperty("memories").GetInt32(), erased.GetProperty("versions").GetInt32(), erased.GetProperty("vectors").GetInt32(),
                erased.GetProperty("idempotency_keys").GetInt32(), erased.GetProperty("jobs").GetInt32()));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Others_stay_and_what_was_made_of_the_subject_goes(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);

        await Subject.EraseAsync(server);

        var client = server.As("acme");
        Assert.Equal(11, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memories WHERE user_id = 'bob'"));
        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memories WHERE derived_from IS NOT NULL"));
        Assert.Empty((await client.SearchAsync("lighthouse", ("mode", "lexical"))).Items());
        Assert.NotEmpty((await client.SearchAsync("boat", ("mode", "lexical"))).Items());
        Assert.Empty((await client.SearchAsync("lighthouse keeper", ("user_id", Subject.Canary))).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_same_user_of_another_tenant_is_another_user(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        await server.As("other").StoreAsync("A lighthouse.", ("tenant_id", "other"), ("user_id", Subject.Canary));
        var before = await RawDatabase.StateAsync(server, "other");

        var receipt = await Subject.EraseAsync(server);

        Assert.Equal(before, await RawDatabase.StateAsync(server, "other"));
        Assert.NotEqual(receipt.Text("subject"), (await (await server.As("other").DeleteAsync(Subject.Erase, Ct)).JsonAsync(HttpStatusCode.OK)).Text("subject"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Neither_log_nor_audit_names_the_subject(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("LogLevel", "DEBUG"));
        await Subject.SpreadAsync(server);

        var receipt = await Subject.EraseAsync(server);

        Assert.DoesNotContain(Subject.Canary, server.Log.Text, StringComparison.Ordinal);
        Assert.Equal(1, await RawDatabase.CountAsync(
            server, "acme", $"SELECT COUNT(*) FROM audit_records WHERE action = 'erasure.subject' AND subject = '{receipt.Text("subject")}' AND count = 15"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_subject_with_much_is_erased_by_a_job_and_its_receipt_fetched(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("ErasureInRequest", "5"));
        await Subject.SpreadAsync(server);

        var asked = await server.As("acme").DeleteAsync(Subject.Erase, Ct);

        var running = await asked.JsonAsync(HttpStatusCode.Accepted);
        Assert.Equal(("running", JsonValueKind.Null), (running.Text("status"), running.GetProperty("receipt").ValueKind));
        Assert.Equal($"/v1/erasures/{running.Text("id")}?tenant_id=acme", asked.Headers.Location?.ToString());
        Assert.Equal("erase-subject", (await server.As("acme").ReadAsync($"/v1/jobs/{running.Text("job_id")}")).Text("kind"));
        await server.RunJobsAsync();
        var done = await server.As("acme").ReadAsync($"/v1/erasures/{running.Text("id")}");
        Assert.Equal(("completed", 15), (done.Text("status"), done.GetProperty("receipt").GetProperty("erased").GetProperty("memories").GetInt32()));
        Assert.DoesNotContain(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task One_that_was_cut_off_is_gone_on_with_by_housekeeping(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        await server.Services.GetRequiredService<ErasureRecords>().BeginAsync(Subject.Acme, Subject.Canary, new("operator", "rest", "r1"), Ct);
        await server.Services.GetRequiredService<ErasureRecords>().BeginAsync(new Tenant("gone"), userId: null, new("operator", "rest", "r2"), Ct);

        server.Time.Advance(TimeSpan.FromMinutes(3));
        await server.Services.GetRequiredService<Expiry>().RunAsync(Ct);
        await server.RunJobsAsync();

        Assert.DoesNotContain(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
        Assert.Equal("completed", (await server.As("acme").ReadAsync("/v1/erasures")).Each("status").Single());
        Assert.Equal("completed", (await server.As("gone").ReadAsync("/v1/erasures")).Each("status").Single());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_stored_after_the_request_stays(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var begun = await server.Services.GetRequiredService<ErasureRecords>().BeginAsync(Subject.Acme, Subject.Canary, new("operator", "rest", "r1"), Ct);
        await server.As("acme").StoreAsync("I am back.", ("user_id", Subject.Canary));

        Assert.True(await server.Services.GetRequiredService<SubjectEraser>().RunAsync(begun, int.MaxValue, Ct));

        Assert.Equal(["I am back."], (await server.As("acme").SearchAsync("I am back lighthouse", ("user_id", Subject.Canary))).Each("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Asking_again_gives_the_same_receipt_until_something_was_stored(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await Subject.SpreadAsync(server);
        var first = await Subject.EraseAsync(server);

        var second = await Subject.EraseAsync(server);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await server.As("acme").StoreAsync("I am back.", ("user_id", Subject.Canary));
        var third = await Subject.EraseAsync(server);

        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.NotEqual(first.Text("id"), third.Text("id"));
        Assert.Equal(1, third.GetProperty("erased").GetProperty("memories").GetInt32());
        Assert.Equal([third.Text("id")!, first.Text("id")!], (await server.As("acme").ReadAsync("/v1/erasures")).Each("id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Another_process_finds_nothing_of_the_subject_either(TestEngine engine)
    {
        await using var both = await TwoProcesses.StartAsync(engine);
        await Subject.SpreadAsync(both.A);
        Assert.NotEmpty((await both.B.As("acme").SearchAsync("lighthouse", ("mode", "lexical"))).Items());

        await Subject.EraseAsync(both.A);

        Assert.Empty((await both.B.As("acme").SearchAsync("lighthouse", ("mode", "lexical"))).Items());
        await both.AssertCurrentAsync("an erasure");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_deleted_message_is_not_in_the_answer_that_was_kept_for_its_repetition(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var member = await server.MemberAsync("acme");
        member.DefaultRequestHeaders.Add("Idempotency-Key", "turn-1");
        var stored = await member.StoreAsync($"said {Subject.Canary}");

        await server.As("acme").DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);

        Assert.DoesNotContain(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_late_repetition_does_not_bring_back_what_was_deleted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var member = await server.MemberAsync("acme");
        member.DefaultRequestHeaders.Add("Idempotency-Key", "turn-1");
        const string body = """{"tenant_id":"acme","conversation_id":"c","role":"user","content":"The zeppelin has landed."}""";
        var stored = await (await member.SendAsync("POST", "/v1/messages", body)).JsonAsync(HttpStatusCode.Accepted);
        await server.As("acme").DeleteAsync($"/v1/messages/{stored.Text("id")}", Ct);

        await (await member.SendAsync("POST", "/v1/messages", body)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        await (await member.SendAsync("POST", "/v1/messages", body.Replace("landed", "gone", StringComparison.Ordinal))).RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");

        Assert.Equal(0, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM memories"));
    }

    [Fact]
    public async Task Only_an_administrator_erases_and_only_in_its_tenant()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await Subject.SpreadAsync(server);

        await (await (await server.MemberAsync("acme", "memory:read", "memory:write")).DeleteAsync(Subject.Erase, Ct)).RefusedAsync(HttpStatusCode.Forbidden, "insufficient-scope");
        await (await (await server.MemberAsync("other", "admin")).DeleteAsync($"{Subject.Erase}?tenant_id=acme", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
        await (await (await server.MemberAsync("other", "admin")).GetAsync($"{Subject.Export}?tenant_id=acme", Ct)).RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
        await (await server.As("acme").DeleteAsync($"/v1/users/{new string('u', 256)}/data", Ct)).RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        await (await server.As("acme").GetAsync($"/v1/erasures/{Guid.CreateVersion7()}", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Contains(Subject.Canary, await RawDatabase.StateAsync(server, "acme"), StringComparison.Ordinal);
    }
}
