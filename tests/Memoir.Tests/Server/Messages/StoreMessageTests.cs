using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Messages;

public sealed class StoreMessageTests
{
    private static readonly string[] Contract =
    [
        "id", "external_id", "tenant_id", "conversation_id", "user_id", "name", "role", "content", "metadata",
        "importance_score", "embedding_status", "created_at", "stored_at", "updated_at",
    ];

    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task A_stored_message_can_be_read_back_where_its_location_says(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var accepted = await client.PostAsJsonAsync(
            "/v1/messages", new { tenant_id = "acme", conversation_id = "c1", role = "user", content = "I take my coffee black." }, Ct);

        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var stored = await client.GetFromJsonAsync<JsonElement>(accepted.Headers.Location, Ct);
        Assert.Equal("I take my coffee black.", stored.GetProperty("content").GetString());
        Assert.Equal(server.Time.GetUtcNow(), stored.GetProperty("created_at").GetDateTimeOffset());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_answer_has_exactly_the_members_of_the_contract(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var answer = await server.As("acme").StoreAsync("Hello.");

        Assert.Equal(Contract, answer.Members());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Every_member_of_the_request_comes_back(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var answer = await client.StoreAsync(
            "Grüße 👋 aus 東京", ("role", "assistant"), ("user_id", "u1"), ("name", "Ada Lovelace"), ("external_id", "ext-1"),
            ("source", "import"), ("importance_override", 0.42), ("created_at", "2020-02-29T13:14:15.123456+02:00"),
            ("metadata", new { a = new { b = new object?[] { 1, "two", true, null } } }));

        Assert.Equal("acme", answer.Text("tenant_id"));
        Assert.Equal("c1", answer.Text("conversation_id"));
        Assert.Equal("assistant", answer.Text("role"));
        Assert.Equal("Grüße 👋 aus 東京", answer.Text("content"));
        Assert.Equal("u1", answer.Text("user_id"));
        Assert.Equal("Ada Lovelace", answer.Text("name"));
        Assert.Equal("ext-1", answer.Text("external_id"));
        Assert.Equal("2020-02-29T11:14:15.123456Z", answer.Text("created_at"));
        Assert.Equal("2026-01-15T12:00:00Z", answer.Text("stored_at"));
        Assert.Equal(0.42, answer.Number("importance_score"));
        Assert.Equal("""{"a":{"b":[1,"two",true,null]}}""", answer.GetProperty("metadata").GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_was_answered_is_what_is_read(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var answer = await client.StoreAsync("Remember that I moved to Oslo.", ("metadata", new { k = "v" }), ("user_id", "u"));

        var read = await client.ReadAsync($"/v1/messages/{answer.Text("id")}");
        Assert.Equal(answer.GetRawText(), read.GetRawText());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_id_is_a_uuid_of_version_7(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var answer = await server.As("acme").StoreAsync("Hello.");

        Assert.Equal(7, Guid.Parse(answer.Text("id")!).Version);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_location_of_an_operator_names_the_tenant(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.WithKey(TestApp.OperatorKey);

        var accepted = await client.PostAsJsonAsync("/v1/messages", Message("Hello.", ("tenant_id", "a+b@c")), Ct);

        var id = (await accepted.JsonAsync(HttpStatusCode.Accepted)).Text("id");
        Assert.Equal($"/v1/messages/{id}?tenant_id=a%2Bb%40c", accepted.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(accepted.Headers.Location, Ct)).StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_location_of_a_tenants_own_key_names_no_tenant(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = await server.MemberAsync("acme");

        var accepted = await client.PostAsJsonAsync("/v1/messages", Message("Hello."), Ct);

        var id = (await accepted.JsonAsync(HttpStatusCode.Accepted)).Text("id");
        Assert.Equal($"/v1/messages/{id}", accepted.Headers.Location!.OriginalString);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_operator_who_names_no_tenant_reads_in_the_default_one(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine, ("DefaultTenant", "house"));
        var stored = await server.As("house").StoreAsync("Hello.", ("tenant_id", "house"));

        var answer = await server.WithKey(TestApp.OperatorKey).GetAsync($"/v1/messages/{stored.Text("id")}", Ct);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_key_gets_the_first_answer_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k-1");
        var first = await client.PostAsJsonAsync("/v1/messages", Message("Once."), Ct);

        server.Time.Advance(TimeSpan.FromHours(23));
        var second = await client.PostAsJsonAsync("/v1/messages", Message("Once."), Ct);

        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Single((await client.ReadAsync("/v1/conversations/c1/messages")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_used_for_another_request_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k-1");
        await client.StoreAsync("Once.");

        var other = await client.PostAsJsonAsync("/v1/messages", Message("Twice."), Ct);

        await other.RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_key_is_free_again_after_its_day(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k-1");
        var first = await client.StoreAsync("Once.");

        server.Time.Advance(TimeSpan.FromHours(24.1));
        var second = await client.StoreAsync("Once.");

        Assert.NotEqual(first.Text("id"), second.Text("id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Twenty_requests_with_one_key_have_one_effect(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k-1");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.PostAsJsonAsync("/v1/messages", Message("Once."), Ct)));

        Assert.All(answers, answer => Assert.True(answer.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.Conflict));
        Assert.Single((await client.ReadAsync("/v1/conversations/c1/messages")).Items());
    }
}
