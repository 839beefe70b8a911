using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>L: paging, and R2: every limit at itself, one more and a hundred times as much.</summary>
internal static class LimitCases
{
    private const string Messages = "/v1/messages";
    private const string Search = "/v1/memory/search";
    private const string List = "/v1/conversations/acme/messages?tenant_id=acme";
    private const int Body = 1_048_576;
    private const int TooLargeToSend = 100 * Body;

    public static IEnumerable<HostileCase> All =>
    [
        new("L04", "limit=1e9", "400 invalid-request", () => Get(List + "&limit=1e9")),
        new("L04", "limit=1000000000", "422 validation-failed", () => Get(List + "&limit=1000000000")),
        new("L04", "limit of 1,000 digits", "422 validation-failed", () => Get(List + "&limit=" + new string('9', 1000))),
        new("L04", "limit=-1", "422 validation-failed", () => Get(List + "&limit=-1")),
        new("L04", "limit=0", "422 validation-failed", () => Get(List + "&limit=0")),
        new("L04", "a cursor of garbage", "400 invalid-cursor", () => ((string[])["x", "AAAA", "%25", "null", "-1", new string('A', 6000)]).Select(c => Get(List + "&cursor=" + c))),
        .. Limit("body", "413 payload-too-large", Body, n => n <= Body + 1 ? Post(Messages, Message().PadRight(n)) : Announced(n)),
        .. Limit("body by chunks", "413 payload-too-large", Body, n => Chunked(Messages, InChunks(n))),
        new("R2", "batch of 8 MiB + 1, announced", "413 payload-too-large", () => Announced((8 * Body) + 1, "/v1/messages/batch")),
        new("R2", "URL of 8 KiB", "200", () => Get("/health?".PadRight(8 * 1024 - "GET  HTTP/1.1\r\n".Length, 'a'))),
        new("R2", "URL of 8 KiB + 1", "414", () => Get("/health?".PadRight(8 * 1024 - "GET  HTTP/1.1\r\n".Length + 1, 'a'))),
        new("R2", "URL of 800 KiB", "414", () => Get("/health?".PadRight(800 * 1024, 'a'))),
        new("R2", "headers of 15 KiB", "200", () => Headers(15 * 1024)),
        new("R2", "headers of 16 KiB + 1", "431", () => Headers((16 * 1024) + 1)),
        new("R2", "headers of 1.6 MB", "431", () => Headers(1600 * 1024)),
        new("R2", "100 headers", "200", () => Raw($"GET /health HTTP/1.1\r\nHost: localhost\r\n{string.Concat(Enumerable.Range(0, 99).Select(i => $"A{i}: a\r\n"))}\r\n")),
        .. Limit("levels of JSON", "400 invalid-body", 32, n => Post(Messages, Message("metadata", Nested(n - 1)))),
        .. Limit("members of the metadata", "422 validation-failed", 64, n => Post(Messages, Message("metadata", Wide(n)))),
        .. Limit("bytes of metadata", "422 validation-failed", 16 * 1024, n => n < Body ? Post(Messages, Message("metadata", Filled(n))) : Announced(n)),
        .. Limit("characters of content", "422 validation-failed", 100_000, n => n < Body ? Post(Messages, Message("content", Text(n))) : Announced(n), last: "413 payload-too-large"),
        .. Limit("characters of conversation_id", "422 validation-failed", 255, n => Post(Messages, Message("conversation_id", Text(n)))),
        .. Limit("characters of name", "422 validation-failed", 128, n => Post(Messages, Message("name", Text(n)))),
        .. Limit("characters of tenant_id", "422 validation-failed", 128, n => Post(Messages, Message("tenant_id", Text(n)))),
        .. Limit("characters of query", "422 validation-failed", 4096, n => Post(Search, $"{{\"tenant_id\":\"acme\",\"query\":{Text(n)}}}"), ok: "200"),
        .. Limit("top_k", "422 validation-failed", 100, n => Get($"{Search}?tenant_id=acme&query=tea&top_k={n}"), ok: "200"),
        .. Limit("neighbors", "422 validation-failed", 10, n => Get($"{Search}?tenant_id=acme&query=tea&neighbors={n}"), ok: "200"),
        .. Limit("limit of a list", "422 validation-failed", 200, n => Get($"{List}&limit={n}"), ok: "200"),
        .. Limit("messages of a batch", "422 validation-failed", 1000, n => Post("/v1/messages/batch", $"{{\"items\":[{string.Join(',', Enumerable.Repeat(Tiny, n))}]}}"), last: "413 payload-too-large"),
        .. Limit("bytes of a filter", "422 validation-failed", 16 * 1024, n => n < Body ? Post(Search, $"{{\"tenant_id\":\"acme\",\"query\":\"tea\",\"filter\":{Filled(n)}}}") : Announced(n, Search), ok: "200", last: "413 payload-too-large"),
        .. Limit("characters of Idempotency-Key", "400 invalid-request", 255, n => Raw(
            $"POST {Messages} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nIdempotency-Key: {new string('k', Math.Min(n, 9000))}\r\nContent-Type: application/json\r\nContent-Length: {Message().Length}\r\n\r\n{Message()}")),
    ];

    private static string Tiny => Message("external_id", "\"same\"");

    private static IEnumerable<HostileCase> Limit(
        string what, string refusal, int limit, Func<int, byte[]> request, string ok = "202", string? last = null) =>
    [
        new("R2", $"{what}: {limit}", ok, () => request(limit)),
        new("R2", $"{what}: {limit + 1}", refusal, () => request(limit + 1)),
        new("R2", $"{what}: {100L * limit}", last ?? (100L * limit > Body && refusal.StartsWith('4') ? Beyond(refusal, what) : refusal), () => request(100 * limit)),
    ];

    private static string Beyond(string refusal, string what) => what is "bytes of metadata" ? "413 payload-too-large" : refusal;

    /// <summary>Only the head: the refusal must not wait for the rest.</summary>
    private static byte[] Announced(int length, string target = Messages) => Raw(
        $"POST {target} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\nContent-Length: {Math.Min(length, TooLargeToSend)}\r\n\r\n");

    private static string InChunks(int length)
    {
        var body = Message().PadRight(Math.Min(length, Body + 1));
        return string.Concat(body.Chunk(32 * 1024).Select(part => $"{part.Length:x}\r\n{new string(part)}\r\n"))
            + (length > Body + 1 ? "" : "0\r\n\r\n");
    }

    private static byte[] Headers(int length)
    {
        const string host = "Host: localhost\r\n";
        var text = host;
        for (var i = 0; text.Length < length; i++)
        {
            text += $"A{i}: {new string('a', Math.Max(1, Math.Min(4000, length - text.Length - 8)))}\r\n";
        }

        return Raw($"GET /health HTTP/1.1\r\n{text}\r\n");
    }

    private static string Text(int length) => Quoted(new string('t', length));

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("{\"a\":", levels - 1)) + "{}" + new string('}', levels - 1);

    private static string Wide(int members) => "{" + string.Join(',', Enumerable.Range(0, members).Select(i => $"\"{i}\":1")) + "}";

    private static string Filled(int bytes) => "{\"a\":\"" + new string('x', bytes - "{\"a\":\"\"}".Length) + "\"}";
}
