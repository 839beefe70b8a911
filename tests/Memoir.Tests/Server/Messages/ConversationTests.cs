using System.Buffers.Text;
using System.Net;
using System.Text;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Messages;

public sealed class ConversationTests
{
    public static TheoryData<TestEngine> Engines => TestEngines.All;

    [Theory, MemberData(nameof(Engines))]
    public async Task Messages_are_listed_by_the_time_they_were_said_and_then_by_arrival(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("late", ("created_at", "2026-01-03T00:00:00Z"));
        await client.StoreAsync("early", ("created_at", "2026-01-01T00:00:00Z"));
        await client.StoreAsync("same one", ("created_at", "2026-01-02T00:00:00Z"));
        await client.StoreAsync("same two", ("created_at", "2026-01-02T00:00:00Z"));

        var ascending = await client.ReadAsync("/v1/conversations/c1/messages");
        var descending = await client.ReadAsync("/v1/conversations/c1/messages?order=desc");

        Assert.Equal(["early", "same one", "same two", "late"], ascending.Each("content"));
        Assert.Equal(["late", "same two", "same one", "early"], descending.Each("content"));
    }

    [Theory]
    [InlineData("asc")]
    [InlineData("desc")]
    public async Task Pages_join_without_gap_or_overlap_while_others_insert(string order)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreManyAsync(Enumerable.Range(10, 10).Select(i => Message($"m{i}", ("created_at", $"2026-01-{i}T00:00:00Z"))));
        var seen = new List<string?>();
        string? cursor = null;

        do
        {
            var page = await client.ReadAsync($"/v1/conversations/c1/messages?limit=3&order={order}" + (cursor is null ? "" : $"&cursor={cursor}"));
            seen.AddRange(page.Each("content"));
            cursor = page.Text("next_cursor");

            // Behind the reader in either direction: it must neither shift nor repeat what is still to come.
            await client.StoreAsync("behind", ("created_at", order == "asc" ? "2025-01-01T00:00:00Z" : "2026-01-31T00:00:00Z"));
        }
        while (cursor is not null);

        var expected = Enumerable.Range(10, 10).Select(i => $"m{i}");
        Assert.Equal(order == "asc" ? expected : expected.Reverse(), seen);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Conversations_are_listed_with_their_extent(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        await client.StoreAsync("1", ("conversation_id", "b"), ("created_at", "2026-01-02T00:00:00Z"));
        await client.StoreAsync("2", ("conversation_id", "b"), ("created_at", "2026-01-01T00:00:00Z"));
        await client.StoreAsync("3", ("conversation_id", "a"), ("created_at", "2026-01-05T00:00:00Z"));

        var list = await client.ReadAsync("/v1/conversations");

        Assert.Equal(["items", "next_cursor"], list.Members());
        Assert.Equal(["conversation_id", "message_count", "first_at", "last_at"], list.Items()[0].Members());
        Assert.Equal(["a", "b"], list.Each("conversation_id"));
        Assert.Equal([1, 2], list.Items().Select(item => item.GetProperty("message_count").GetInt32()));
        Assert.Equal(["2026-01-05T00:00:00Z", "2026-01-01T00:00:00Z"], list.Each("first_at"));
        Assert.Equal(["2026-01-05T00:00:00Z", "2026-01-02T00:00:00Z"], list.Each("last_at"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Conversations_are_paged_whatever_their_ids_are_made_of(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);
        var client = server.As("acme");
        string[] ids = ["\u001f", "a\u001fb", "\u001e1", "\u001e\u001f0", "a/b", "a%2Fb", "b?c#d", "東京", string.Concat(Enumerable.Repeat("😀", 255)), " ", "..", "."];
        await client.StoreManyAsync(ids.Select(id => Message("x", ("conversation_id", id))));
        var seen = new List<string?>();
        string? cursor = null;

        do
        {
            var page = await client.ReadAsync("/v1/conversations?limit=1" + (cursor is null ? "" : $"&cursor={cursor}"));
            seen.AddRange(page.Each("conversation_id"));
            cursor = page.Text("next_cursor");
        }
        while (cursor is not null);

        Assert.Equal(ids.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a%2Fb")]
    [InlineData("100%")]
    [InlineData("a b?c#d&e")]
    [InlineData("東京 😀")]
    [InlineData("slack:C123+x@y")]
    public async Task A_conversation_is_listed_by_its_id_whatever_that_is_made_of(string id)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var client = server.As("acme");
        await client.StoreAsync("here", ("conversation_id", id));

        var list = await client.ReadAsync($"/v1/conversations/{Uri.EscapeDataString(id)}/messages");

        Assert.Equal(["here"], list.Each("content"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_unknown_conversation_is_an_empty_list(TestEngine engine)
    {
        await using var server = await TestApp.StartAsync(engine);

        var list = await server.As("acme").ReadAsync("/v1/conversations/nobody/messages");

        Assert.Empty(list.Items());
        Assert.Null(list.Text("next_cursor"));
    }

    [Theory]
    [InlineData("limit=0", HttpStatusCode.UnprocessableEntity)]
    [InlineData("limit=201", HttpStatusCode.UnprocessableEntity)]
    [InlineData("limit=200", HttpStatusCode.OK)]
    [InlineData("limit=1", HttpStatusCode.OK)]
    [InlineData("limit=x", HttpStatusCode.BadRequest)]
    [InlineData("limit=1e9", HttpStatusCode.BadRequest)]
    [InlineData("limit=-1", HttpStatusCode.UnprocessableEntity)]
    [InlineData("limit=99999999999999999999", HttpStatusCode.UnprocessableEntity)]
    [InlineData("limit=1&limit=2", HttpStatusCode.BadRequest)]
    [InlineData("order=up", HttpStatusCode.UnprocessableEntity)]
    [InlineData("limt=5", HttpStatusCode.BadRequest)]
    public async Task Parameters_of_a_list_are_checked(string query, HttpStatusCode status)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var answer = await server.As("acme").GetAsync($"/v1/conversations/c1/messages?{query}", Ct);

        Assert.Equal(status, answer.StatusCode);
    }

    [Theory]
    [InlineData("/v1/conversations/c1/messages?order=desc")]
    [InlineData("/v1/conversations/c2/messages")]
    [InlineData("/v1/conversations/c1/messages?tenant_id=other")]
    [InlineData("/v1/conversations")]
    public async Task A_cursor_of_another_list_is_refused(string other)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        await server.As("acme").StoreManyAsync(Message("a"), Message("b"));
        var client = server.WithKey(TestApp.OperatorKey);
        var cursor = (await client.ReadAsync("/v1/conversations/c1/messages?tenant_id=acme&limit=1")).Text("next_cursor");
        var url = other.Contains("tenant_id", StringComparison.Ordinal) ? other : other + (other.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "tenant_id=acme";

        var refused = await client.GetAsync($"{url}&cursor={cursor}", Ct);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
    }

    [Theory]
    [InlineData("/v1/conversations/c1/messages", "conversation\nacme\nc1\nTrue", "x", "y")]
    [InlineData("/v1/conversations/c1/messages", "conversation\nacme\nc1\nTrue", "99999999999999999999", "1")]
    [InlineData("/v1/admin/keys", "keys\nacme", "not a guid")]
    [InlineData("/v1/conversations", "conversations\nacme", "c\01")]
    public async Task A_cursor_that_a_caller_made_up_is_refused_and_never_a_fault(string url, string filter, params string[] values)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var forged = Memoir.Kit.Http.Cursor.Encode(filter, values);

        var refused = await server.As("acme").GetAsync($"{url}?cursor={forged}", Ct);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
    }

    [Theory]
    [InlineData("x")]
    [InlineData("%00")]
    [InlineData("!!!")]
    [InlineData("AAAA")]
    public async Task A_cursor_that_is_none_is_refused(string cursor)
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);

        var refused = await server.As("acme").GetAsync($"/v1/conversations?cursor={cursor}", Ct);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public void A_cursor_that_holds_no_text_is_refused()
    {
        var bytes = Base64Url.DecodeFromChars(Memoir.Kit.Http.Cursor.Encode("list", "value"));
        bytes[^1] = 0xff;

        Assert.Throws<Memoir.Kit.Http.ProblemException>(() => Memoir.Kit.Http.Cursor.Decode(Base64Url.EncodeToString(bytes), "list", 1));
    }

    [Fact]
    public async Task A_long_cursor_is_refused()
    {
        await using var server = await TestApp.StartAsync(TestEngines.Current);
        var cursor = Convert.ToBase64String(Encoding.ASCII.GetBytes(new string('a', 3000)));

        var refused = await server.As("acme").GetAsync($"/v1/conversations?cursor={cursor}", Ct);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-cursor");
    }
}
