using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Tests.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Memoir.Tests.Kit.Http;

/// <summary>A request may be repeated with its key: one effect, and the first answer again.</summary>
public sealed class IdempotencyTests
{
    private const string Message = """{"tenant_id":"acme","conversation_id":"c1","role":"user","content":"Tea, please."}""";
    private const string Batch = """
        {"items":[{"tenant_id":"acme","conversation_id":"c1","role":"user","content":"Tea, please."},{"tenant_id":"acme","conversation_id":"c1","role":"nobody","content":"x"}]}
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/messages", Message)]
    [InlineData("/v1/messages/batch", Batch)]
    public async Task A_repetition_gets_the_first_answer_byte_for_byte_and_no_second_effect(string path, string body)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        var first = await PostAsync(client, path, body, "k1");
        server.Time.Advance(TimeSpan.FromHours(2)); // What is computed from the clock would differ by now.
        var second = await PostAsync(client, path, body, "k1");

        Assert.Equal(HttpStatusCode.Accepted, first.Status);
        Assert.False(first.Replayed);
        Assert.Equal(first with { Replayed = true }, second);
        Assert.Equal(1, await MessagesAsync(client, "c1"));
    }

    [Fact]
    public async Task A_repeated_key_creation_makes_one_key_and_never_shows_its_secret_again()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.WithKey(TestApp.OperatorKey);
        const string body = """{"tenant_id":"acme","name":"app"}""";

        var first = await PostAsync(client, "/v1/admin/keys", body, "k1");
        var second = await PostAsync(client, "/v1/admin/keys", body, "k1");

        var secret = JsonDocument.Parse(first.Body).RootElement.GetProperty("key").GetString()!;
        var keys = await client.GetFromJsonAsync<JsonElement>("/v1/admin/keys?tenant_id=acme", Ct);
        Assert.Equal((HttpStatusCode.Created, true, first.Location), (second.Status, second.Replayed, second.Location));
        Assert.DoesNotContain(secret, second.Body, StringComparison.Ordinal);
        Assert.False(JsonDocument.Parse(second.Body).RootElement.TryGetProperty("key", out _));
        Assert.Equal(1, keys.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task No_issued_secret_is_stored()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.WithKey(TestApp.OperatorKey);

        var made = await PostAsync(client, "/v1/admin/keys", """{"tenant_id":"acme","name":"app"}""", "k1");

        var key = JsonDocument.Parse(made.Body).RootElement;
        var secret = key.GetProperty("key").GetString()!;
        using var used = server.WithKey(secret);
        await used.GetAsync(new Uri("/v1/conversations", UriKind.Relative), Ct);
        var stored = await RawDatabase.StoredAsync(server);
        Assert.True(stored.Holds(key.GetProperty("prefix").GetString()!), "The search itself must be able to find something.");
        Assert.False(stored.Holds(secret));
        Assert.False(stored.Holds(secret[12..]));
        Assert.False(stored.Holds(TestApp.OperatorKey));
    }

    [Theory]
    [InlineData("/v1/messages", """{"tenant_id":"acme","conversation_id":"c1","role":"user","content":"Coffee, please."}""")]
    [InlineData("/v1/messages?tenant_id=acme", Message)]
    [InlineData("/v1/messages/batch", Batch)]
    [InlineData("/v1/messages", Message + " ")]
    public async Task A_key_used_for_anything_else_is_refused_without_an_effect(string path, string body)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await PostAsync(client, "/v1/messages", Message, "k1");

        var other = await PostAsync(client, path, body, "k1");

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "urn:memoir:problem:idempotency-key-reused"), (other.Status, other.Problem));
        Assert.Equal(1, await MessagesAsync(client, "c1"));
    }

    [Fact]
    public async Task Two_credentials_never_share_a_key()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var operators = server.As("acme");
        var made = await PostAsync(operators, "/v1/admin/keys", """{"tenant_id":"acme","name":"app"}""", key: null);
        using var tenants = server.WithKey(JsonDocument.Parse(made.Body).RootElement.GetProperty("key").GetString()!);

        await PostAsync(operators, "/v1/messages", Message, "k1");
        var other = await PostAsync(tenants, "/v1/messages", Message, "k1");

        Assert.Equal((HttpStatusCode.Accepted, false), (other.Status, other.Replayed));
        Assert.Equal(2, await MessagesAsync(operators, "c1"));
    }

    [Fact]
    public async Task Two_tenants_never_share_a_key()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.WithKey(TestApp.OperatorKey);

        await PostAsync(client, "/v1/messages", Message, "k1");
        var other = await PostAsync(client, "/v1/messages", Message.Replace("acme", "globex", StringComparison.Ordinal), "k1");

        Assert.Equal((HttpStatusCode.Accepted, false), (other.Status, other.Replayed));
    }

    [Fact]
    public async Task A_key_lives_for_a_day()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await PostAsync(client, "/v1/messages", Message, "k1");

        server.Time.Advance(TimeSpan.FromHours(24));
        var inTime = await PostAsync(client, "/v1/messages", Message, "k1");
        server.Time.Advance(TimeSpan.FromMicroseconds(1));
        var late = await PostAsync(client, "/v1/messages", Message, "k1");
        var again = await PostAsync(client, "/v1/messages", Message, "k1");

        Assert.Equal((true, false, true), (inTime.Replayed, late.Replayed, again.Replayed));
        Assert.Equal(2, await MessagesAsync(client, "c1"));
    }

    [Fact]
    public async Task Fifty_duplicates_at_once_have_one_effect_and_one_answer()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => PostAsync(client, "/v1/messages", Message, "k1"), Ct)));

        Assert.Single(answers, answer => !answer.Replayed);
        Assert.Single(answers.Select(answer => answer with { Replayed = true }).Distinct());
        Assert.Equal(1, await MessagesAsync(client, "c1"));
    }

    [Theory]
    [InlineData("""{"tenant_id":"acme","conversation_id":"c1","role":"nobody","content":"x"}""", 422)]
    [InlineData("""{"tenant_id":"acme","conversation_id":"c1","role":"user"}""", 400)]
    public async Task A_refused_request_does_not_use_its_key_up(string refused, int status)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        var first = await PostAsync(client, "/v1/messages", refused, "k1");
        var mended = await PostAsync(client, "/v1/messages", Message, "k1");

        Assert.Equal((status, 202), ((int)first.Status, (int)mended.Status));
        Assert.False(mended.Replayed);
    }

    [Fact]
    public async Task A_write_that_fails_leaves_no_key()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var request = new IdempotentRequest("operator", "k1", "f1");
        var tenant = new Tenant("acme");
        var now = server.Time.GetUtcNow();

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => database.WriteAsync(
            tenant,
            async session =>
            {
                await request.BeginAsync(session, now);
                await request.CompleteAsync(session, Answer.NoContent);
                throw new TimeZoneNotFoundException();
            },
            Ct));

        await database.WriteAsync(tenant, session => request.BeginAsync(session, now), Ct); // Would throw if the key were there.
    }

    [Fact]
    public async Task An_answer_without_a_body_is_replayed_too()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var request = new IdempotentRequest("operator", "k1", "f1");
        var tenant = new Tenant("acme");
        await database.WriteAsync(
            tenant,
            async session =>
            {
                await request.BeginAsync(session, server.Time.GetUtcNow());
                await request.CompleteAsync(session, Answer.NoContent);
            },
            Ct);

        var replay = await Assert.ThrowsAsync<IdempotencyReplayException>(() =>
            database.WriteAsync(tenant, session => request.BeginAsync(session, server.Time.GetUtcNow()), Ct));

        Assert.Equal((204, 0), (replay.Answer.Status, replay.Answer.Body.Length));
    }

    [Fact]
    public async Task Keys_whose_day_is_over_are_purged()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var database = server.Services.GetRequiredService<Database>();
        var client = server.As("acme");
        await PostAsync(client, "/v1/messages", Message, "old");
        server.Time.Advance(TimeSpan.FromHours(25));
        await PostAsync(client, "/v1/messages", Message, "new");

        var purged = await IdempotentRequest.PurgeAsync(database, server.Time.GetUtcNow(), Ct);

        Assert.Equal(1, purged);
        Assert.True((await PostAsync(client, "/v1/messages", Message, "new")).Replayed);
    }

    [Fact]
    public void An_empty_key_is_refused()
    {
        var http = new DefaultHttpContext { Request = { Headers = { ["Idempotency-Key"] = "" } } };

        var refusal = Assert.Throws<ProblemException>(() => IdempotentRequest.From(http.Request, "operator", []));

        Assert.Equal(Problem.InvalidRequest, refusal.Problem);
    }

    [Theory]
    [InlineData("tab\there")]
    [InlineData("naïve")]
    [InlineData("256")]
    public async Task A_malformed_key_is_refused(string key)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");

        var refused = await PostAsync(client, "/v1/messages", Message, key == "256" ? new string('k', 256) : key);

        Assert.Equal((HttpStatusCode.BadRequest, "urn:memoir:problem:invalid-request"), (refused.Status, refused.Problem));
    }

    [Fact]
    public async Task Two_keys_on_one_request_are_refused_and_one_of_255_characters_is_not()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        using var twice = Request("/v1/messages", Message, "a");
        twice.Headers.TryAddWithoutValidation("Idempotency-Key", "b");

        var refused = await client.SendAsync(twice, Ct);
        var longest = await PostAsync(client, "/v1/messages", Message, new string('k', 255));

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.Accepted), (refused.StatusCode, longest.Status));
    }

    private static HttpRequestMessage Request(string path, string body, string? key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        return request;
    }

    private static async Task<Reply> PostAsync(HttpClient client, string path, string body, string? key)
    {
        using var request = Request(path, body, key);
        using var answer = await client.SendAsync(request, Ct);
        return new Reply(
            answer.StatusCode,
            await answer.Content.ReadAsStringAsync(Ct),
            answer.Headers.Location?.ToString(),
            answer.Headers.TryGetValues("Idempotency-Replayed", out var replayed) && replayed.Single() == "true");
    }

    private static async Task<int> MessagesAsync(HttpClient client, string conversation)
    {
        var list = await client.GetFromJsonAsync<JsonElement>($"/v1/conversations/{conversation}/messages", Ct);
        return list.GetProperty("items").GetArrayLength();
    }

    private sealed record Reply(HttpStatusCode Status, string Body, string? Location, bool Replayed)
    {
        public string? Problem => JsonDocument.Parse(Body).RootElement.GetProperty("type").GetString();
    }
}
