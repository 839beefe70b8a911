using System.Net;
using System.Net.Http.Json;
using Memoir.Kit.Data;
using Memoir.Server.Retention.Holds;
using Memoir.Tests.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Memoir.Tests.Server.Retention.RetentionWorld;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Retention;

/// <summary>What a hold covers stays: in runs, and against whoever wants to delete it.</summary>
public sealed class LegalHoldTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_held_is_neither_archived_nor_deleted_until_the_hold_is_lifted(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var one = await server.StoreAgedAsync("One.", 40);
        await server.StoreAgedAsync("Two.", 40, ("user_id", "ann"));
        await server.StoreAgedAsync("Three.", 40, ("conversation_id", "c2"));
        await server.StoreAgedAsync("Four.", 40);
        await server.PlaceHoldAsync("m", new { message_id = one.Text("id") });
        await server.PlaceHoldAsync("u", new { user_id = "ann" });
        await server.PlaceHoldAsync("c", new { conversation_id = "c2" });

        Assert.Equal((1, 0), (await server.RunAsync()).Counts());
        await server.PlaceHoldAsync("everything", new { reason = "The case of 2026." });
        server.Time.Advance(TimeSpan.FromDays(200));
        Assert.Equal((0, 0), (await server.RunAsync()).Counts());

        foreach (var name in (string[])["m", "u", "c", "everything"])
        {
            Assert.Equal(HttpStatusCode.NoContent, (await server.As("acme").DeleteAsync($"/v1/admin/retention/holds/{name}", Ct)).StatusCode);
        }

        Assert.Equal((3, 1), (await server.RunAsync()).Counts());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Who_deletes_what_is_held_is_refused_with_the_name_of_the_hold(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var held = await server.As("acme").StoreAsync("The kettle is on.", ("user_id", "ann"));
        var free = await server.As("acme").StoreAsync("The kettle is off.", ("user_id", "bob"));
        await server.PlaceHoldAsync("case-17", new { user_id = "ann" });

        var refused = await (await server.As("acme").DeleteAsync($"/v1/messages/{held.Text("id")}", Ct)).RefusedAsync(HttpStatusCode.Conflict, "conflict");
        Assert.Contains("case-17", refused.Text("detail"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NoContent, (await server.As("acme").DeleteAsync($"/v1/messages/{free.Text("id")}", Ct)).StatusCode);

        var erasure = await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct);
        Assert.Contains("case-17", (await erasure.RefusedAsync(HttpStatusCode.Conflict, "conflict")).Text("detail"), StringComparison.Ordinal);
        Assert.Equal("The kettle is on.", (await server.ReadMessageAsync(held)).Text("content"));

        await server.As("acme").DeleteAsync("/v1/admin/retention/holds/case-17", Ct);
        Assert.Equal(HttpStatusCode.NoContent, (await server.WithKey(TestApp.OperatorKey).DeleteAsync("/v1/tenants/acme/data", Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whoever_erases_a_user_can_ask_what_stands_against_it(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var ofAnn = await server.As("acme").StoreAsync("One.", ("user_id", "ann"), ("conversation_id", "c1"));
        await server.As("acme").StoreAsync("Two.", ("user_id", "bob"), ("conversation_id", "c2"));

        Assert.Null(await OfUserAsync("ann"));
        await server.PlaceHoldAsync("conversation", new { conversation_id = "c1" });
        Assert.Equal(("conversation", null), (await OfUserAsync("ann"), await OfUserAsync("bob")));
        await server.PlaceHoldAsync("a-message", new { message_id = ofAnn.Text("id") });
        Assert.Equal(("a-message", null), (await OfUserAsync("ann"), await OfUserAsync("bob")));
        await server.PlaceHoldAsync("user", new { user_id = "bob" });
        Assert.Equal("user", await OfUserAsync("bob"));
        await server.PlaceHoldAsync("a", new { });
        Assert.Equal("a", await OfUserAsync("nobody"));

        Task<string?> OfUserAsync(string user) =>
            server.Services.GetRequiredService<Database>().ReadAsync(Acme, session => LegalHolds.FindOfUserAsync(session, user), Ct);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Holds_are_listed_by_name_and_page_by_page_to_their_own_tenant_alone(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        foreach (var name in (string[])["c", "a", "b"])
        {
            await server.PlaceHoldAsync(name, new { user_id = name, reason = "Asked for." });
        }

        var first = await server.As("acme").ReadAsync("/v1/admin/retention/holds?limit=2");
        var second = await server.As("acme").ReadAsync($"/v1/admin/retention/holds?limit=2&cursor={first.Text("next_cursor")}");

        Assert.Equal(["a", "b", "c"], [.. first.Each("name"), .. second.Each("name")]);
        Assert.Equal(("user", "a", "Asked for."), (first.Items()[0].Text("covers"), first.Items()[0].Text("user_id"), first.Items()[0].Text("reason")));
        Assert.Null(second.Text("next_cursor"));
        Assert.Empty((await server.As("umbrella").ReadAsync("/v1/admin/retention/holds")).Items());
        await (await server.As("umbrella").DeleteAsync("/v1/admin/retention/holds/a", Ct)).RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_name_that_is_taken_covers_what_it_covers(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        await server.PlaceHoldAsync("h", new { user_id = "ann" });

        var refused = await server.As("acme").PutAsJsonAsync("/v1/admin/retention/holds/h", new { user_id = "bob" }, Ct);
        await refused.RefusedAsync(HttpStatusCode.Conflict, "conflict");
        var again = await server.PlaceHoldAsync("h", new { user_id = "ann", reason = "Another one." });

        Assert.Equal("Another one.", again.Text("reason"));
        Assert.Equal(2, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'hold.place' AND subject = 'h'"));
        await server.As("acme").DeleteAsync("/v1/admin/retention/holds/h", Ct);
        Assert.Equal(1, await RawDatabase.CountAsync(server, "acme", "SELECT COUNT(*) FROM audit_records WHERE tenant_id = 'acme' AND action = 'hold.lift' AND subject = 'h'"));
    }

    [Theory]
    [InlineData("h", """{"user_id":""}""", 422, "validation-failed")]
    [InlineData("h", """{"user_id":"a","conversation_id":"b"}""", 422, "validation-failed")]
    [InlineData("h", """{"reason":""}""", 422, "validation-failed")]
    [InlineData("h%20h", "{}", 422, "validation-failed")]
    [InlineData("h", """{"message_id":"01900000-0000-7000-8000-000000000000"}""", 404, "not-found")]
    [InlineData("h", """{"message_id":"x"}""", 400, "invalid-body")]
    [InlineData("h", """{"until":"2027"}""", 400, "invalid-body")]
    public async Task A_hold_that_says_something_wrong_is_refused(string name, string body, int status, string slug)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        await (await server.As("acme").SendAsync("PUT", $"/v1/admin/retention/holds/{name}", body)).RefusedAsync((HttpStatusCode)status, slug);
    }
}
