using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Messages;

public sealed class MessageBatchTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Messages_are_stored_together_in_their_order(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var answer = await client.StoreManyAsync(Enumerable.Range(0, 100).Select(i => Message($"turn {i}")));

        Assert.Equal(["items", "accepted", "rejected"], answer.Members());
        Assert.Equal(100, answer.GetProperty("accepted").GetInt32());
        Assert.Equal(0, answer.GetProperty("rejected").GetInt32());
        Assert.All(answer.Items(), item => Assert.Equal(["index", "id"], item.Members()));
        var listed = await client.ReadAsync("/v1/conversations/c1/messages?limit=200");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"turn {i}"), listed.Each("content"));
        Assert.Equal(answer.Each("id"), listed.Each("id"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Each_item_is_judged_alone_and_its_problem_stands_at_its_index(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        var right = JsonSerializer.Serialize(Message("right"));
        string[] wrong =
        [
            "7", "null", "[]", """{"tenant_id":"acme"}""", right.Replace("\"user\"", "\"robot\"", StringComparison.Ordinal),
            right.Replace("\"role\"", "\"rolle\"", StringComparison.Ordinal), right.Replace("\"right\"", "5", StringComparison.Ordinal),
            right.Replace("\"right\"", "\"\"", StringComparison.Ordinal),
            right.Replace("{", "{\"importance_override\":1e400,", StringComparison.Ordinal),
            right.Replace("{", "{\"metadata\":7,", StringComparison.Ordinal),
        ];

        var answer = await (await client.SendAsync("POST", "/v1/messages/batch", $$"""{"items":[{{right}},{{string.Join(',', wrong)}},{{right}}]}"""))
            .JsonAsync(HttpStatusCode.Accepted);

        var items = answer.Items();
        Assert.Equal(2, answer.GetProperty("accepted").GetInt32());
        Assert.Equal(wrong.Length, answer.GetProperty("rejected").GetInt32());
        Assert.Equal(Enumerable.Range(0, wrong.Length + 2), items.Select(item => item.GetProperty("index").GetInt32()));
        Assert.All(items[1..^1], item =>
        {
            Assert.Equal(["index", "error"], item.Members());
            Assert.StartsWith("urn:memoir:problem:", item.GetProperty("error").Text("type"), StringComparison.Ordinal);
        });
        Assert.Equal(2, (await client.ReadAsync("/v1/conversations/c1/messages")).Items().Length);
    }

    [Theory]
    [InlineData("""{"items":[""")]
    [InlineData("""{"items":[]} x""")]
    [InlineData("""{"itms":[]}""")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"items":7}""")]
    [InlineData("""{"items":null}""")]
    [InlineData("""{"items":[],"items":[]}""")]
    public async Task A_body_that_cannot_be_read_fails_as_a_whole(string body)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var refused = await server.As("acme").SendAsync("POST", "/v1/messages/batch", body);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
    }

    [Theory]
    [InlineData(0, HttpStatusCode.UnprocessableEntity)]
    [InlineData(1000, HttpStatusCode.Accepted)]
    [InlineData(1001, HttpStatusCode.UnprocessableEntity)]
    public async Task A_batch_has_one_to_a_thousand_messages(int count, HttpStatusCode status)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var body = JsonSerializer.Serialize(new { items = Enumerable.Range(0, count).Select(i => Message($"m{i}")) });

        var answer = await server.As("acme").SendAsync("POST", "/v1/messages/batch", body);

        Assert.Equal(status, answer.StatusCode);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Two_tenants_in_one_batch_are_refused_and_nothing_is_stored(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.WithKey(TestApp.OperatorKey);
        var body = JsonSerializer.Serialize(new { items = new[] { Message("a"), Message("b", ("tenant_id", "other")) } });

        var refused = await client.SendAsync("POST", "/v1/messages/batch", body);

        var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        Assert.Equal(["items[1].tenant_id"], problem.GetProperty("errors").Members());
        Assert.Empty((await client.ReadAsync("/v1/conversations?tenant_id=acme")).Items());
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Of_the_same_external_id_twice_the_last_wins(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");

        var answer = await client.StoreManyAsync(
            Message("first kettle", ("external_id", "e")), Message("between"), Message("last kettle", ("external_id", "e")));

        Assert.Equal(answer.Each("id")[0], answer.Each("id")[2]);
        Assert.Equal("last kettle", (await client.ReadAsync($"/v1/messages/{answer.Each("id")[0]}")).Text("content"));
        Assert.DoesNotContain("first kettle", (await client.SearchAsync("first kettle", ("top_k", 50))).Each("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_batch_of_another_tenant_is_refused(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = await server.MemberAsync("other");
        var body = JsonSerializer.Serialize(new { items = new[] { Message("a") } });

        var refused = await client.SendAsync("POST", "/v1/messages/batch", body);

        await refused.RefusedAsync(HttpStatusCode.Forbidden, "tenant-mismatch");
    }

    [Theory]
    [InlineData("/v1/messages", 1024 * 1024, false)]
    [InlineData("/v1/messages", 1024 * 1024, true)]
    [InlineData("/v1/messages/batch", 8 * 1024 * 1024, false)]
    [InlineData("/v1/messages/batch", 8 * 1024 * 1024, true)]
    public async Task A_body_may_be_as_large_as_its_limit_and_not_a_byte_more(string route, int limit, bool isChunked)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        var message = JsonSerializer.Serialize(Message("fits"));
        var body = route.EndsWith("batch", StringComparison.Ordinal) ? $$"""{"items":[{{message}}]}""" : message;

        var fits = await client.PostAsync(route, Content(body.PadRight(limit), isChunked), Ct);
        var tooLarge = await client.PostAsync(route, Content(body.PadRight(limit + 1), isChunked), Ct);

        Assert.Equal(HttpStatusCode.Accepted, fits.StatusCode);
        await tooLarge.RefusedAsync(HttpStatusCode.RequestEntityTooLarge, "payload-too-large");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_repeated_batch_gets_the_first_answer_again(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "b-1");
        var first = await client.StoreManyAsync(Message("a"), Message("", ("name", "wrong")));

        var second = await client.StoreManyAsync(Message("a"), Message("", ("name", "wrong")));

        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.Single((await client.ReadAsync("/v1/conversations/c1/messages")).Items());
    }

    private static HttpContent Content(string body, bool isChunked)
    {
        HttpContent content = isChunked
            ? new StreamContent(new Unmeasured(Encoding.UTF8.GetBytes(body)))
            : new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    /// <summary>A stream that does not tell its length, so that the body goes out in chunks.</summary>
    private sealed class Unmeasured(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
