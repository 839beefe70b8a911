using System.Text;
using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>Y: JSON, Unicode and media types.</summary>
internal static class BodyCases
{
    private const string Messages = "/v1/messages";

    public static IEnumerable<HostileCase> All =>
    [
        Body("Y01", "a member twice", "400 invalid-body", """{"tenant_id":"scratch","tenant_id":"acme","conversation_id":"c","role":"user","content":"x"}"""),
        Body("Y01", "a member twice, once in capitals", "400 invalid-body", Message("TENANT_ID", "\"acme\"")),
        Body("Y01", "a member of the metadata twice", "400 invalid-body", Message("metadata", """{"a":1,"a":2}""")),
        Body("Y02", "unknown member is_admin", "400 invalid-body", Message("is_admin", "true")),
        Body("Y02", "unknown member tenant", "400 invalid-body", Message("tenant", "\"acme\"")),
        Body("Y02", "unknown member trust", "400 invalid-body", Message("trust", "1")),
        Body("Y02", "an unknown member with a name of 900 KB that looks like the parser's own words", "400 invalid-body",
            Message(string.Concat(Enumerable.Repeat("' on type ", 90_000)), "1")),
        Body("Y02", "a member of the metadata with such a name, twice", "400 invalid-body", TwiceNamed(string.Concat(Enumerable.Repeat("' on type ", 45_000)))),
        Body("Y04", "65 levels", "400 invalid-body", Message("metadata", Nested(65))),
        Body("Y04", "100,000 opening brackets", "400 invalid-body", new string('[', 100_000)),
        Body("Y04", "100,000 opening brackets inside the metadata", "400 invalid-body", Message("metadata", "{\"a\":" + new string('[', 100_000))),
        new("Y05", "1,000,000 members, announced as 14 MB", "413 payload-too-large, closed", () => Announced(14_000_000)),
        new("Y05", "a string of 20 MB, announced", "413 payload-too-large, closed", () => Announced(20_000_000)),
        Body("Y05", "70,000 members within the limit of the body", "422 validation-failed",
            Message("metadata", "{" + string.Join(',', Enumerable.Range(0, 70_000).Select(i => $"\"k{i}\":1")) + "}")),
        Body("Y05", "a number of 1,000,000 digits", "400 invalid-body", Message("importance_override", new string('9', 1_000_000))),
        Body("Y06", "1e400 as a score", "400 invalid-body", Message("importance_override", "1e400")),
        Body("Y06", "-1e400 as a score", "400 invalid-body", Message("importance_override", "-1e400")),
        Body("Y06", "1e-400 as a score is zero", "202", Message("importance_override", "1e-400")),
        Body("Y06", "\"NaN\" as a score", "400 invalid-body", Message("importance_override", "\"NaN\"")),
        Body("Y06", "\"Infinity\" as a score", "400 invalid-body", Message("importance_override", "\"Infinity\"")),
        Body("Y06", "NaN as a score", "400 invalid-body", Message("importance_override", "NaN")),
        Body("Y08", "a comment", "400 invalid-body", "// x\n" + Message()),
        Body("Y08", "a trailing comma", "400 invalid-body", Message()[..^1] + ",}"),
        Body("Y08", "single quotes", "400 invalid-body", Message().Replace('"', '\'')),
        Body("Y08", "two documents", "400 invalid-body", Message() + Message()),
        Body("Y08", "a byte after the end", "400 invalid-body", Message() + "x"),
        Body("Y09", "half of a surrogate pair", "400 invalid-body", Message("content", "\"\\ud800\"")),
        Bytes("Y09", "invalid UTF-8", 0xFF),
        Bytes("Y09", "overlong UTF-8", 0xC0, 0xAF),
        Bytes("Y09", "CESU-8", 0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80),
        Bytes("Y09", "a raw control byte", 0x01),
        Body("Y10", "NUL in the content", "400 invalid-body", Message("content", "\"a\\u0000b\"")),
        Body("Y10", "NUL in a key of the metadata", "400 invalid-body", Message("metadata", "{\"\\u0000\":1}")),
        Body("Y10", "NUL in an id", "400 invalid-body", Message("external_id", "\"\\u0000\"")),
        Body("Y10", "NUL as raw byte", "400 invalid-body", Message("content", "\"a\0b\"")),
        new("Y10", "NUL in the text of a search", "400 invalid-request", () => Get("/v1/memory/search?query=a%00b")),
        .. ((string[])["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "", "application/json; charset=utf-7"])
            .Select(type => new HostileCase("Y12", type.Length == 0 ? "no media type" : type, "415 unsupported-media-type", () => Post(Messages, Message(), type))),
        new("Y12", "a body in a Content-Encoding", "415 unsupported-media-type", () => ((string[])["gzip", "br", "identity, gzip"]).Select(coding => Raw(
            $"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: 4\r\n\r\n\u001f\u008b\b\0"))),
        new("Y13", "application/merge-patch+json on a plain POST", "415 unsupported-media-type", () => Post(Messages, Message(), "application/merge-patch+json")),
        new("Y13", "application/json-patch+json on a plain POST", "415 unsupported-media-type", () => Post(Messages, "[]", "application/json-patch+json")),
        Body("Y14", "__proto__, constructor and toString as keys of the metadata are data", "202",
            Message("metadata", """{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":1}""")),
        Body("Y16", "bidirectional overrides in a tenant", "422 validation-failed", Message("tenant_id", "\"ac\u202eme\"")),
        Body("Y16", "a zero width space in a tenant", "422 validation-failed", Message("tenant_id", "\"acme\u200b\"")),
        Body("Y16", "a Cyrillic a in a tenant", "422 validation-failed", Message("tenant_id", "\"\u0430cme\"")),
        Body("Y16", "tag characters, overrides and zero width in content are text", "202", Message("content", "\"\U000E0041\U000E007F \u202eabc\u200b\u200d\ufeff\"")),
        new("Y17", "another case of the tenant is another tenant: a key of acme for ACME", "403 tenant-mismatch", () => Get("/v1/conversations?tenant_id=ACME", "acme")),
        new("Y17", "a tenant with a trailing blank", "422 validation-failed", () => Get("/v1/conversations?tenant_id=acme%20")),
        new("Y17", "a tenant with a trailing dot is another tenant", "403 tenant-mismatch", () => Get("/v1/conversations?tenant_id=acme.", "acme")),
        Body("Y18", "100,000 combining marks", "202", Message("content", Quoted(new string('\u0301', 100_000)))),
        Body("Y18", "100,000 letters without a space", "202", Message("content", Quoted(new string('x', 100_000)))),
        Body("Y18", "256 KiB without a space", "422 validation-failed", Message("content", Quoted(new string('x', 256 * 1024)))),
        Body("Y18", "100,000 characters of right-to-left and left-to-right by turns", "202", Message("content", Quoted(string.Concat(Enumerable.Repeat("aא", 50_000))))),
        new("Y18", "4,096 combining marks as a search", "200", () => Post("/v1/memory/search", $"{{\"tenant_id\":\"acme\",\"query\":{Quoted(new string('\u0301', 4096))}}}")),
    ];

    private static HostileCase Body(string id, string what, string expected, string body) => new(id, what, expected, () => Post(Messages, body));

    private static HostileCase Bytes(string id, string what, params byte[] bytes) =>
        new(id, what, "400 invalid-body", () => Post(Messages, (byte[])[.. "{\"content\":\""u8, .. bytes, .. "\"}"u8]));

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);

    private static string TwiceNamed(string name) => Message("metadata", $"{{\"{name}\":1,\"{name}\":2}}");

    /// <summary>The refusal comes before the body does.</summary>
    private static byte[] Announced(int length) => Encoding.Latin1.GetBytes(
        $"POST {Messages} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
}
