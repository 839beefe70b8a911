using System.Net;
using System.Text.Json;
using Memoir.Tests.Testing;
using static Memoir.Tests.Testing.Wire;

namespace Memoir.Tests.Server.Messages;

public sealed class RefusalTests(SharedServer shared) : IClassFixture<SharedServer>
{
    public static TheoryData<string, int, string> Limits => new()
    {
        { "conversation_id", 255, "a" },
        { "conversation_id", 255, "😀" },
        { "user_id", 255, "a" },
        { "external_id", 255, "é" },
        { "source", 255, "a" },
        { "name", 128, "😀" },
        { "content", 100_000, "a" },
        { "content", 100_000, "茶" },
        { "content", 100_000, "😀" },
    };

    [Theory, MemberData(nameof(Limits))]
    public async Task A_text_may_be_as_long_as_its_limit_counted_in_scalars_and_not_one_longer(string member, int limit, string letter)
    {
        var client = shared.App.As("acme");
        var longest = string.Concat(Enumerable.Repeat(letter, limit));

        var fits = await client.SendAsync("POST", "/v1/messages", Raw(member, $"\"{longest}\""));
        var tooLong = await client.SendAsync("POST", "/v1/messages", Raw(member, $"\"{longest}{letter}\""));
        var empty = await client.SendAsync("POST", "/v1/messages", Body((member, "")));

        Assert.Equal(longest, (await fits.JsonAsync(HttpStatusCode.Accepted)).TryGetProperty(member, out var kept) ? kept.GetString() : longest);
        foreach (var refused in (HttpResponseMessage[])[tooLong, empty])
        {
            var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
            Assert.Equal([member], problem.GetProperty("errors").Members());
        }
    }

    public static TheoryData<string, string, bool> Values => new()
    {
        { "tenant_id", "\"" + new string('a', 128) + "\"", true },
        { "tenant_id", "\"A-Z.a_z:0@9+x\"", true },
        { "tenant_id", "\"" + new string('a', 129) + "\"", false },
        { "tenant_id", "\"\"", false },
        { "tenant_id", "\"a b\"", false },
        { "tenant_id", "\"a/b\"", false },
        { "tenant_id", "\"*\"", false },
        { "tenant_id", "\"ä\"", false },
        { "tenant_id", "\"a\\nb\"", false },
        { "role", "\"user\"", true },
        { "role", "\"assistant\"", true },
        { "role", "\"system\"", true },
        { "role", "\"tool\"", true },
        { "role", "\"User\"", false },
        { "role", "\"robot\"", false },
        { "role", "\"\"", false },
        { "importance_override", "0", true },
        { "importance_override", "1", true },
        { "importance_override", "1e-400", true },
        { "importance_override", "-0.0001", false },
        { "importance_override", "1.0001", false },
        { "created_at", "\"1970-01-01T00:00:00Z\"", true },
        { "created_at", "\"0001-01-02T00:00:00Z\"", true },
        { "created_at", "\"9998-12-31T23:59:59.999999+00:00\"", true },
        { "created_at", "\"9999-12-31T23:59:59Z\"", false },
        { "metadata", "{}", true },
        { "metadata", "{\"a\":\"" + new string('x', (16 * 1024) - 8) + "\"}", true },
        { "metadata", "{\"a\":\"" + new string('x', (16 * 1024) - 7) + "\"}", false },
        { "metadata", "{\"a\":\"" + new string('ä', 8 * 1024) + "\"}", false },
    };

    [Theory, MemberData(nameof(Values))]
    public async Task A_value_inside_its_rule_is_taken_and_one_outside_is_422(string member, string value, bool isTaken)
    {
        var client = shared.App.WithKey(TestApp.OperatorKey);

        var answer = await client.SendAsync("POST", "/v1/messages", Raw(member, value));

        if (isTaken)
        {
            await answer.JsonAsync(HttpStatusCode.Accepted);
            return;
        }

        var problem = await answer.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        Assert.Equal([member], problem.GetProperty("errors").Members());
    }

    public static TheoryData<string, string> Unreadable => new()
    {
        { "tenant_id", "7" },
        { "tenant_id", "null" },
        { "conversation_id", "null" },
        { "conversation_id", "[]" },
        { "role", "{}" },
        { "role", "1" },
        { "content", "null" },
        { "content", "true" },
        { "metadata", "[]" },
        { "metadata", "\"x\"" },
        { "metadata", "{\"a\":1e400}" },
        { "metadata", "{\"a\":[{\"b\":-1e999}]}" },
        { "importance_override", "\"0.5\"" },
        { "importance_override", "\"NaN\"" },
        { "importance_override", "true" },
        { "importance_override", "1e400" },
        { "importance_override", "-1e400" },
        { "created_at", "\"yesterday\"" },
        { "created_at", "\"2026-01-01\"" },
        { "created_at", "\"2026-01-01T00:00:00\"" },
        { "created_at", "\"2026-02-30T00:00:00Z\"" },
        { "created_at", "\"0000-01-01T00:00:00Z\"" },
        { "created_at", "1700000000" },
        { "user_id", "5" },
        { "name", "[]" },
        { "external_id", "1.5" },
        { "source", "{}" },
    };

    [Theory, MemberData(nameof(Unreadable))]
    public async Task A_value_of_the_wrong_type_is_400_and_named(string member, string value)
    {
        var refused = await shared.App.As("acme").SendAsync("POST", "/v1/messages", Raw(member, value));

        var problem = await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        Assert.Equal([member], problem.GetProperty("errors").Members());
    }

    [Theory]
    [InlineData("tenant_id")]
    [InlineData("conversation_id")]
    [InlineData("role")]
    [InlineData("content")]
    public async Task A_missing_member_is_400_and_named(string member)
    {
        var message = Message("x");
        message.Remove(member);

        var refused = await shared.App.As("acme").SendAsync("POST", "/v1/messages", JsonSerializer.Serialize(message));

        var problem = await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        Assert.Equal([member], problem.GetProperty("errors").Members());
    }

    [Theory]
    [InlineData("importance_overide")]
    [InlineData("Content")]
    [InlineData("TENANT_ID")]
    [InlineData("id")]
    [InlineData("is_admin")]
    [InlineData("stored_at")]
    public async Task An_unknown_member_is_400_and_named(string member)
    {
        var refused = await shared.App.As("acme").SendAsync("POST", "/v1/messages", Body((member, "x")));

        var problem = await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
        Assert.Equal([member], problem.GetProperty("errors").Members());
    }

    public static TheoryData<string> Broken =>
    [
        "", " ", "null", "7", "\"x\"", "[]", "{", "{}x", "{} {}", "{'a':1}", "{\"a\":1,}", "// x\n{}", "\ufeff{}x",
        Raw("content", "\"x\\u0000y\""), Raw("content", "\"\\ud800\""), Raw("content", "\"\\udc00\\ud800\""), Raw("content", "\"\\ud800\\u0041\""),
        Raw("content", "\"a\u0000b\""), Raw("content", "\"a\u0001b\""), Raw("content", "\"\\x\""), Raw("content", "\"\\u12\""),
        Raw("metadata", "{\"a\":1,\"a\":2}"), Raw("metadata", "{\"a\":{\"b\":1,\"b\":1}}"), Raw("metadata", "{\"\\u0000\":1}"),
        Raw("metadata", string.Concat(Enumerable.Repeat("{\"a\":", 40)) + "1" + new string('}', 40)),
        Raw("metadata", "{\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}"),
        """{"tenant_id":"acme","tenant_id":"acme","conversation_id":"c","role":"user","content":"x"}""",
    ];

    [Theory, MemberData(nameof(Broken))]
    public async Task A_body_that_cannot_be_read_is_400(string body)
    {
        var refused = await shared.App.As("acme").SendAsync("POST", "/v1/messages", body);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
    }

    [Theory]
    [InlineData(new byte[] { 0xC0, 0xAF })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xFF })]
    public async Task A_body_that_is_not_utf_8_is_400(byte[] bytes)
    {
        byte[] body = [.. "{\"content\":\""u8, .. bytes, .. "\"}"u8];
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");

        var refused = await shared.App.As("acme").PostAsync("/v1/messages", content, Ct);

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-body");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/merge-patch+json")]
    [InlineData("application/json-patch+json")]
    [InlineData("application/json; charset=utf-7")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData("application/xml")]
    [InlineData("garbage")]
    [InlineData("")]
    public async Task Another_media_type_is_415_on_every_route_with_a_body(string mediaType)
    {
        var client = shared.App.As("acme");
        (string Method, string Url)[] routes =
        [
            ("POST", "/v1/messages"), ("POST", "/v1/messages/batch"), ("POST", "/v1/memory/search"), ("POST", "/v1/admin/keys"),
            ("PATCH", "/v1/messages/01900000-0000-7000-8000-000000000000"),
        ];

        foreach (var (method, url) in routes)
        {
            var refused = await client.SendAsync(method, url, "{}", mediaType);

            await refused.RefusedAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("APPLICATION/JSON")]
    public async Task Json_is_taken_however_its_media_type_is_spelled(string mediaType)
    {
        var answer = await shared.App.As("acme").SendAsync("POST", "/v1/messages", JsonSerializer.Serialize(Message("x")), mediaType);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/v1/messages", "POST")]
    [InlineData("PUT", "/v1/messages/01900000-0000-7000-8000-000000000000", "DELETE, GET, HEAD, PATCH")]
    [InlineData("POST", "/v1/conversations", "GET, HEAD")]
    [InlineData("DELETE", "/v1/memory/search", "GET, HEAD, POST")]
    [InlineData("HEAD", "/v1/messages", "POST")]
    [InlineData("OPTIONS", "/v1/messages", "POST")]
    [InlineData("TRACE", "/health", "GET, HEAD")]
    [InlineData("BREW", "/health", "GET, HEAD")]
    public async Task Another_method_is_405_and_tells_the_right_ones(string method, string url, string allowed)
    {
        var refused = await shared.App.As("acme").SendAsync(method, url);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
        Assert.Equal(allowed, string.Join(", ", refused.Content.Headers.Allow.Order(StringComparer.Ordinal)));
        if (method != "HEAD")
        {
            await refused.RefusedAsync(HttpStatusCode.MethodNotAllowed, "method-not-allowed");
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/v1")]
    [InlineData("/v1/nothing")]
    [InlineData("/v1/messages/not-an-id")]
    [InlineData("/v1/messages/..%2f..%2fetc")]
    [InlineData("/v1/messages/01900000-0000-7000-8000-00000000000g")]
    [InlineData("/foo.json")]
    [InlineData("/appsettings.json")]
    [InlineData("/v1.json")]
    [InlineData("/.git/config")]
    [InlineData("/swagger")]
    public async Task What_is_not_there_is_404(string url)
    {
        var refused = await shared.App.As("acme").GetAsync(url, Ct);

        await refused.RefusedAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory]
    [InlineData("abc-DEF_1.2", true)]
    [InlineData("with space", false)]
    [InlineData("<script>", false)]
    [InlineData("", false)]
    public async Task A_harmless_request_id_is_taken_over_and_no_other(string offered, bool isTaken)
    {
        var client = shared.App.As("acme");
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-Request-ID", offered);

        var refused = await client.GetAsync("/v1/nothing", Ct);

        var problem = await refused.RefusedAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Equal(isTaken, problem.Text("request_id") == offered);
        Assert.Equal("/v1/nothing", problem.Text("instance"));
    }

    [Theory]
    [InlineData("ä")]
    [InlineData("256")]
    public async Task A_wrong_idempotency_key_is_400(string key)
    {
        var client = shared.App.As("acme");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Idempotency-Key", key == "256" ? new string('k', 256) : key);

        var refused = await client.SendAsync("POST", "/v1/messages", JsonSerializer.Serialize(Message("x")));

        await refused.RefusedAsync(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Fact]
    public async Task All_wrong_fields_are_named_at_once()
    {
        var body = Body(("role", "robot"), ("content", ""), ("importance_override", 2), ("name", ""));

        var refused = await shared.App.As("acme").SendAsync("POST", "/v1/messages", body);

        var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, "validation-failed");
        Assert.Equal(["content", "importance_override", "name", "role"], problem.GetProperty("errors").Members().Order(StringComparer.Ordinal));
    }

    private static string Body(params (string Name, object? Value)[] members) => JsonSerializer.Serialize(Message("x", members));

    /// <summary>A right message in which one member is given as raw JSON.</summary>
    private static string Raw(string member, string value)
    {
        var message = Message("x");
        message.Remove(member);
        return JsonSerializer.Serialize(message)[..^1] + $",\"{member}\":{value}}}";
    }
}
