using System.Net;
using System.Text;

namespace Memoir.Bench.Load;

/// <summary>Builds the bytes of whole requests ahead of time, so that a measured loop only sends them.</summary>
internal sealed class Requests(IPEndPoint endpoint, string? apiKey)
{
    private readonly string _common =
        $"Host: {endpoint}\r\n" + (apiKey is null ? "" : $"x-api-key: {apiKey}\r\n");

    public ReadOnlyMemory<byte> Get(string pathAndQuery) =>
        Encoding.ASCII.GetBytes($"GET {pathAndQuery} HTTP/1.1\r\n{_common}\r\n");

    public ReadOnlyMemory<byte> Delete(string path) =>
        Encoding.ASCII.GetBytes($"DELETE {path} HTTP/1.1\r\n{_common}\r\n");

    public ReadOnlyMemory<byte> Post(string path, ReadOnlySpan<byte> json)
    {
        var head = $"POST {path} HTTP/1.1\r\n{_common}Content-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n";
        var bytes = new byte[Encoding.ASCII.GetByteCount(head) + json.Length];
        json.CopyTo(bytes.AsSpan(Encoding.ASCII.GetBytes(head, bytes)));
        return bytes;
    }
}
