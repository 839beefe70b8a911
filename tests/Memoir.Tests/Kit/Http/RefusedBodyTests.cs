using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Http;

/// <summary>A body that cannot be read is 400 with the member to blame, and never our fault.</summary>
public sealed class RefusedBodyTests(RefusedBodyTests.SharedServer shared) : IClassFixture<RefusedBodyTests.SharedServer>
{
    private const string Start = """{"tenant_id":"acme","conversation_id":"c","role":"user","content":"x",""";

    /// <summary>What follows the four good members (or the whole body), and the member to blame.</summary>
    public static TheoryData<string, string> Wrong => new()
    {
        { "+\"importance_overide\":1}", "importance_overide" },
        { "+\"Name\":\"x\"}", "Name" },
        { "+\"content\":\"y\"}", "content" },
        { "+\"metadata\":{\"a\":1,\"a\":2}}", "metadata.a" },
        { "+\"metadata\":{\"deep\":[{\"b\":1,\"b\":1}]}}", "metadata.b" },
        { "+\"name\":7}", "name" },
        { "+\"name\":[]}", "name" },
        { "+\"importance_override\":\"1\"}", "importance_override" },
        { "+\"importance_override\":\"NaN\"}", "importance_override" },
        { "+\"importance_override\":1e400}", "importance_override" },
        { "+\"importance_override\":-1e400}", "importance_override" },
        { "+\"importance_override\":true}", "importance_override" },
        { "+\"metadata\":{\"n\":1e400}}", "metadata" },
        { "+\"metadata\":{\"n\":[-1e400]}}", "metadata" },
        { "+\"metadata\":[]}", "metadata" },
        { "+\"metadata\":\"text\"}", "metadata" },
        { "+\"created_at\":\"yesterday\"}", "created_at" },
        { "+\"created_at\":\"2026-01-31T09:30:00\"}", "created_at" },
        { "+\"created_at\":1769850000}", "created_at" },
        { """{"tenant_id":"acme","conversation_id":"c","role":"user"}""", "content" },
        { """{"tenant_id":"acme","role":"user"}""", "content,conversation_id" },
        { """{"tenant_id":"acme","conversation_id":"c","role":"user","content":null}""", "content" },
        { """{"tenant_id":"acme","conversation_id":"c","role":"user","content":{}}""", "content" },
        { """{"tenant_id":null,"conversation_id":"c","role":"user","content":"x"}""", "tenant_id" },
    };

    public static TheoryData<string> Unreadable =>
    [
        "", " ", "null", "[]", "7", "\"text\"", "{", "}", "{}x", "nonsense",
        Whole + "x", Whole + Whole, Whole + ",", "// comment\n" + Whole, Whole + "/* comment */",
        Start + "}", Start + "\"name\":'x'}", Start + "\"name\":\"x\n\"}", Start + "name:\"x\"}",
        Start + "\"importance_override\":NaN}", Start + "\"importance_override\":+1}", Start + "\"importance_override\":01}",
        Start + "\"name\":\"\\u0000\"}", Start + "\"metadata\":{\"\\u0000\":1}}", Start + "\"metadata\":{\"a\":\"b\\u0000c\"}}",
        Start + "\"name\":\"\\ud800\"}", Start + "\"name\":\"\\udc00\"}", Start + "\"name\":\"\\ud800\\ud800\"}",
        Start + "\"name\":\"\\ud800x\\udc00\"}", Start + "\"metadata\":{\"\\ud800\":1}}", Start + "\"metadata\":{\"a\":[\"\\uDFFF\"]}}",
        Start + "\"name\":\"\\ud83d\\\\ude00\"}", Start + "\"name\":\"\\u00zz\"}", Start + "\"name\":\"\\x\"}",
        Start + "\"metadata\":" + Nested(32) + "}", Start + "\"metadata\":" + Nested(5000) + "}", Nested(100_000),
    ];

    public static TheoryData<string> Bytes =>
    [
        "EFBBBF" + Hex(Whole), // a byte order mark
        Hex(Start + "\"name\":\"") + "FF" + Hex("\"}"), // no UTF-8
        Hex(Start + "\"name\":\"") + "C080" + Hex("\"}"), // an overlong NUL
        Hex(Start + "\"name\":\"") + "EDA080" + Hex("\"}"), // half of a pair, raw
        Hex(Start + "\"name\":\"") + "EDA0BDEDB880" + Hex("\"}"), // CESU-8
        Hex(Start + "\"metadata\":{\"") + "FE" + Hex("\":1}}"),
        Hex(Start + "\"name\":\"") + "00" + Hex("\"}"), // a raw NUL
        Hex(Start + "\"name\":\"") + "C3", // cut in the middle of a character
        "00",
    ];

    private const string Whole = """{"tenant_id":"acme","conversation_id":"c","role":"user","content":"x"}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Wrong))]
    public async Task A_wrong_member_is_named(string body, string members)
    {
        var problem = await RefusedAsync(Encoding.UTF8.GetBytes(body[0] == '+' ? Start + body[1..] : body));

        var named = problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).Order(StringComparer.Ordinal);
        Assert.Equal(members, string.Join(',', named));
    }

    [Theory, MemberData(nameof(Unreadable))]
    public async Task A_body_that_cannot_be_read_is_refused(string body)
    {
        var problem = await RefusedAsync(Encoding.UTF8.GetBytes(body));

        Assert.NotEqual("", problem.GetProperty("detail").GetString());
    }

    [Theory, MemberData(nameof(Bytes))]
    public async Task Bytes_that_are_no_text_are_refused(string bytes)
    {
        var problem = await RefusedAsync(Convert.FromHexString(bytes));

        Assert.NotEqual("", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("\"name\":\"\\ud83d\\ude00 \\\\u0000 \\u00e9\"}")]
    [InlineData("\"metadata\":{\"\\\\ud800\":\"\\\\\\\\u0000\"}}")]
    [InlineData("\"metadata\":{\"a\":1,\"b\":{\"a\":1},\"A\":2}}")]
    [InlineData("\"metadata\":null,\"name\":null,\"importance_override\":null,\"created_at\":null}")]
    [InlineData("\"metadata\":{\"tiny\":1e-400,\"large\":1e308,\"__proto__\":{}}}")]
    public async Task What_only_looks_wrong_is_taken(string rest)
    {
        using var answer = await PostAsync(Encoding.UTF8.GetBytes(Start + rest));

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Fact]
    public async Task Thirty_two_levels_are_taken()
    {
        using var answer = await PostAsync(Encoding.UTF8.GetBytes(Start + "\"metadata\":" + Nested(31) + "}"));

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/merge-patch+json")]
    [InlineData("application/json; charset=utf-7")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task Another_media_type_is_refused(string? type)
    {
        using var answer = await PostAsync(Encoding.UTF8.GetBytes(Whole), type);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Theory]
    [InlineData("conversation_id", 255)]
    [InlineData("user_id", 255)]
    [InlineData("external_id", 255)]
    [InlineData("source", 255)]
    [InlineData("name", 128)]
    [InlineData("content", 100_000)]
    public async Task Lengths_count_unicode_scalar_values(string member, int max)
    {
        using var longest = await PostAsync(Emoji(member, max));
        using var tooLong = await PostAsync(Emoji(member, max + 1));
        using var empty = await PostAsync(Emoji(member, 0));

        var problem = JsonDocument.Parse(await tooLong.Content.ReadAsStringAsync(Ct)).RootElement;
        Assert.Equal((202, 422, 422), ((int)longest.StatusCode, (int)tooLong.StatusCode, (int)empty.StatusCode));
        Assert.True(problem.GetProperty("errors").TryGetProperty(member, out _));
    }

    [Fact]
    public async Task A_broken_item_of_a_batch_fails_alone_and_broken_syntax_fails_them_all()
    {
        using var mixed = await PostAsync(Encoding.UTF8.GetBytes($$"""{"items":[{{Whole}},{"tenant_id":"acme","surprise":1}]}"""), path: "/v1/messages/batch");
        using var broken = await PostAsync(Encoding.UTF8.GetBytes($$"""{"items":[{{Whole}},{"tenant_id":}]}"""), path: "/v1/messages/batch");

        var answer = JsonDocument.Parse(await mixed.Content.ReadAsStringAsync(Ct)).RootElement;
        Assert.Equal((202, 400), ((int)mixed.StatusCode, (int)broken.StatusCode));
        Assert.Equal((1, 1), (answer.GetProperty("accepted").GetInt32(), answer.GetProperty("rejected").GetInt32()));
    }

    private static byte[] Emoji(string member, int count)
    {
        var message = new Dictionary<string, string> { ["tenant_id"] = "acme", ["conversation_id"] = "c", ["role"] = "user", ["content"] = "x" };
        message[member] = string.Concat(Enumerable.Repeat("🍵", count));
        return Encoding.UTF8.GetBytes("{" + string.Join(',', message.Select(m => $"\"{m.Key}\":\"{m.Value}\"")) + "}");
    }

    private static string Nested(int levels) => new string('[', levels - 1) is var open && levels > 1
        ? "{\"a\":" + open + new string(']', levels - 1) + "}"
        : "{}";

    private static string Hex(string text) => Convert.ToHexString(Encoding.UTF8.GetBytes(text));

    private async Task<JsonElement> RefusedAsync(byte[] body)
    {
        using var answer = await PostAsync(body);
        var text = await answer.Content.ReadAsStringAsync(Ct);

        Assert.Equal((HttpStatusCode.BadRequest, text), (answer.StatusCode, text));
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal("urn:memoir:problem:invalid-body", problem.GetProperty("type").GetString());
        return problem;
    }

    private async Task<HttpResponseMessage> PostAsync(byte[] body, string? type = "application/json", string path = "/v1/messages")
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return await shared.Client.PostAsync(new Uri(path, UriKind.Relative), content, Ct);
    }

    /// <summary>One server for all rows: nothing here depends on what is stored.</summary>
    public sealed class SharedServer : IAsyncLifetime
    {
        private TestApp? _app;

        public HttpClient Client { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _app = await TestApp.StartAsync(TestEngines.Current);
            Client = _app.As("acme");
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await _app!.DisposeAsync();
        }
    }
}
