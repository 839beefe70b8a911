using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>H: framing and routing.</summary>
internal static class FramingCases
{
    private const string Messages = "/v1/messages";
    private const string Erase = "DELETE /v1/tenants/acme/data HTTP/1.1\r\nHost: localhost\r\nx-api-key: " + HostileServer.OperatorKey + "\r\n\r\n";

    public static IEnumerable<HostileCase> All =>
    [
        new("H01", "Content-Length and Transfer-Encoding", "400 invalid-request, closed", () => Head("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nX")),
        new("H02", "two equal Content-Length", "400, closed", () => Head("Content-Length: 2\r\nContent-Length: 2")),
        new("H02", "two different Content-Length", "400, closed", () => Head("Content-Length: 2\r\nContent-Length: 3")),
        new("H02", "Content-Length: -1", "400, closed", () => Head("Content-Length: -1")),
        new("H02", "Content-Length: 0x2", "400, closed", () => Head("Content-Length: 0x2")),
        new("H02", "Content-Length: 2, 2", "400, closed", () => Head("Content-Length: 2, 2")),
        new("H02", "Content-Length: 2^64", "400, closed", () => Head("Content-Length: 18446744073709551616")),
        new("H02", "Content-Length of 100 digits", "400, closed", () => Head("Content-Length: " + new string('1', 100))),
        new("H02", "Content-Length in Arabic digits", "400, closed", () => Head("Content-Length: \u00d9\u00a2")),
        new("H02", "empty Content-Length", "400, closed", () => Head("Content-Length: ")),
        new("H03", "Content-Length: +2", "400, closed", () => Head("Content-Length: +2")),
        new("H05", "Transfer-Encoding: chunked twice", "400 invalid-request, closed", () => Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        new("H05", "Transfer-Encoding: gzip, chunked", "400 invalid-request, closed", () => Head("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")),
        new("H05", "Transfer-Encoding: identity", "400, closed", () => Head("Transfer-Encoding: identity", "0\r\n\r\n")),
        new("H05", "Transfer-Encoding: xchunked", "400, closed", () => Head("Transfer-Encoding: xchunked", "0\r\n\r\n")),
        new("H06", "chunk extension ended by a lone LF", "400 invalid-request, closed", () => Chunked(Messages, "2;a\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk extension with a lone CR", "400 invalid-request, closed", () => Chunked(Messages, "2;a\rb\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size ended by LF", "400 invalid-request, closed", () => Chunked(Messages, "2\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size 0x2", "400 invalid-request, closed", () => Chunked(Messages, "0x2\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size -2", "400 invalid-request, closed", () => Chunked(Messages, "-2\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size +2", "400 invalid-request, closed", () => Chunked(Messages, "+2\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size of 17 digits, zeros in front", "400 invalid-request, closed", () => Chunked(Messages, "00000000000000002\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size of 17 digits", "400 invalid-request, closed", () => Chunked(Messages, "fffffffffffffffff\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk size of 16 digits", "400 invalid-request, closed", () => Chunked(Messages, "ffffffffffffffff\r\n{}\r\n0\r\n\r\n")),
        new("H06", "chunk not ended by CRLF", "400 invalid-request, closed", () => Chunked(Messages, "2\r\n{}XX0\r\n\r\n")),
        new("H07", "LF as the end of lines", "400, closed", () => Raw("GET /health HTTP/1.1\nHost: localhost\n\n")),
        new("H07", "a lone CR in a header", "400, closed", () => Raw("GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n")),
        new("H07", "a folded header", "400, closed", () => Raw("GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n\r\n")),
        new("H07", "a blank before the colon", "400, closed", () => Raw("GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n")),
        new("H09", "NUL in the path", "400, closed", () => Raw("GET /v1/mess\0ages HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H09", "%00 in the path", "400, closed", () => Get("/v1/conversations/%00/messages")),
        new("H10", "overlong %c0%af as an id", "404 not-found", () => Get("/v1/messages/%c0%af")),
        new("H10", "..%2f..%2fetc as an id", "404 not-found", () => Get("/v1/messages/..%2f..%2fetc")),
        new("H10", "%5c as an id", "404 not-found", () => Get("/v1/messages/%5c")),
        new("H10", "..\\..\\etc as an id", "404 not-found", () => Get("/v1/messages/..\\..\\etc")),
        new("H10", "%2e%2e/ as an id: dot segments are resolved before routing", "405 method-not-allowed", () => Get("/v1/messages/%2e%2e/messages")),
        new("H11", "no Host", "400, closed", () => Raw("GET /health HTTP/1.1\r\n\r\n")),
        new("H11", "two Host", "400, closed", () => Raw("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")),
        new("H11", "Host: a b", "400, closed", () => Raw("GET /health HTTP/1.1\r\nHost: a b\r\n\r\n")),
        new("H11", "absolute form with another host", "400, closed", () => Raw("GET http://evil/health HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H11", "a host that is not listed", "400 invalid-request", () => Raw("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")),
        new("H13", "X-HTTP-Method-Override: DELETE is ignored", "405 method-not-allowed",
            () => Raw("POST /v1/conversations HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{operator}}\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n")),
        new("H14", "a request line of 9,000 bytes", "414, closed", () => Get("/health?" + new string('a', 9_000))),
        new("H14", "40 KB of headers", "431, closed", () => Raw($"GET /health HTTP/1.1\r\nHost: localhost\r\nA: {new string('a', 40_000)}\r\n\r\n")),
        new("H14", "101 headers", "431, closed", () => Raw($"GET /health HTTP/1.1\r\n{string.Concat(Enumerable.Range(0, 101).Select(i => $"A{i}: a\r\n"))}\r\n")),
        new("H15", "a body over the limit by Content-Length, none of it sent", "413 payload-too-large, closed", () => Head("Content-Length: 1048577", "")),
        new("H15", "a body over the limit by chunks", "413 payload-too-large, closed",
            () => Chunked(Messages, string.Concat(Enumerable.Repeat($"10000\r\n{new string(' ', 65_536)}\r\n", 17)) + "0\r\n\r\n")),
        new("H17", "Expect: 200-ok is ignored", "400 invalid-body", () => Head("Expect: 200-ok\r\nContent-Length: 2")),
        new("H18", "GET with a body that looks like a DELETE: it is a body", "200",
            () => Raw($"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: {Erase.Length}\r\n\r\n{Erase}")),
        new("H18", "GET with half a request behind it", "200, 400, closed", () => Raw("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n0\r\n\r\n")),
        new("H18", "a refused body with a DELETE behind it: nothing after it is read", "400 invalid-request, closed",
            () => [.. Head("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), .. Raw(Erase)]),
        new("H21", "HTTP/2 with prior knowledge: GOAWAY (HTTP_1_1_REQUIRED)", "goaway, closed", () => Raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0")),
        new("H21", "rapid reset: 10,000 streams behind the preface are never read", "goaway, closed", RapidReset),
        new("H21", "CONTINUATION flood behind the preface is never read", "goaway, closed", ContinuationFlood),
        new("H21", "Upgrade: h2c is ignored", "200",
            () => Raw("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")),
        new("H21", "HTTP/3.0 in the request line", "505, closed", () => Raw("GET /health HTTP/3.0\r\nHost: localhost\r\n\r\n")),
        new("H22", "X-Forwarded-Host and others without a credential", "401 unauthenticated", () => Raw(
            "GET /v1/conversations HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: evil\r\nForwarded: for=127.0.0.1\r\nX-Real-IP: ::1\r\nX-User-ID: admin\r\n\r\n")),
        new("H25", "//v1/conversations", "404 not-found", () => Get("//v1/conversations")),
        new("H25", "/v1/conversations/ without a credential", "401 unauthenticated", () => Raw("GET /v1/conversations/ HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H25", "/V1/CONVERSATIONS without a credential", "401 unauthenticated", () => Raw("GET /V1/CONVERSATIONS HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H25", "/v1/./conversations without a credential", "401 unauthenticated", () => Raw("GET /v1/./conversations HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H25", "/v1/x/../conversations without a credential", "401 unauthenticated", () => Raw("GET /v1/x/../conversations HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H25", "/v1/conversations;a=b", "404 not-found", () => Get("/v1/conversations;a=b")),
        new("H25", "OPTIONS *", "404 not-found", () => Raw("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        new("H25", "CONNECT", "404 not-found", () => Raw("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")),
    ];

    private static byte[] Head(string headers, string body = "{}") =>
        Raw($"POST {Messages} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}");

    private static byte[] RapidReset()
    {
        var frames = new MemoryStream();
        frames.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"u8);
        for (var i = 0; i < 10_000; i++)
        {
            var stream = (2 * i) + 1;
            byte[] id = [(byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream];
            frames.Write([0, 0, 3, 1, 5, .. id, 0x82, 0x84, 0x86]);
            frames.Write([0, 0, 4, 3, 0, .. id, 0, 0, 0, 8]);
        }

        return frames.ToArray();
    }

    private static byte[] ContinuationFlood()
    {
        var frames = new MemoryStream();
        frames.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"u8);
        frames.Write([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]);
        for (var i = 0; i < 10_000; i++)
        {
            frames.Write([0, 0, 1, 9, 0, 0, 0, 0, 1, 0x84]);
        }

        return frames.ToArray();
    }
}
