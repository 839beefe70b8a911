using System.Text;
using System.Text.Json;

namespace Memoir.Tests.Hostile;

/// <summary>One hostile request with the answer that it must get.</summary>
/// <param name="Id">The attack, as the catalogue in docs/hostile-input.md numbers it.</param>
/// <param name="What">What is sent, for a reader.</param>
/// <param name="Expected">The status and slug, such as <c>400 invalid-body</c>; several answers are separated by a comma; <c>closed</c> when the connection must end.</param>
/// <param name="Requests">The bytes of each request; every one gets a connection of its own.</param>
internal sealed record HostileCase(string Id, string What, string Expected, Func<IEnumerable<byte[]>> Requests)
{
    public HostileCase(string id, string what, string expected, Func<byte[]> request)
        : this(id, what, expected, () => [request()])
    {
    }

    public override string ToString() => $"{Id} {What}";

    /// <summary>A request with an operator's key; head lines end with CRLF.</summary>
    public static byte[] Raw(string text) => Encoding.Latin1.GetBytes(text);

    public static byte[] Get(string target, string key = "operator") =>
        Raw($"GET {target} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{{key}}}}}\r\n\r\n");

    public static byte[] Post(string target, string body, string type = "application/json") => Post(target, Encoding.UTF8.GetBytes(body), type);

    public static byte[] Post(string target, byte[] body, string type = "application/json") =>
        [.. Raw($"POST {target} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n"), .. body];

    public static byte[] Chunked(string target, string chunks) =>
        Raw($"POST {target} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {{{{operator}}}}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");

    /// <summary>A right message for the tenant that may be written to, with one member given as raw JSON.</summary>
    public static string Message(string member = "source", string value = "\"x\"")
    {
        string[] members = ["\"tenant_id\":\"scratch\"", "\"conversation_id\":\"c\"", "\"role\":\"user\"", "\"content\":\"tea\""];
        var kept = members.Where(m => !m.StartsWith($"\"{member}\":", StringComparison.Ordinal));
        return "{" + string.Join(',', kept) + $",\"{member}\":{value}}}";
    }

    public static string Quoted(string text) => JsonSerializer.Serialize(text);

    public static string Query(string text) => $"/v1/memory/search?tenant_id=acme&query={Uri.EscapeDataString(text)}";
}
