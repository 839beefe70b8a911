using System.Net.Sockets;
using System.Text;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Hosting;

/// <summary>Requests whose length is stated in two ways, or whose lines end oddly, over a raw connection to the real program.</summary>
public sealed class FramingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("memoir-framing-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX")]
    [InlineData("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")]
    [InlineData("GET /health HTTP/1.1\nHost: localhost\n\n")]
    public async Task An_ambiguous_request_is_refused_and_the_connection_closed(string request)
    {
        await using var server = await ServerProcess.StartAsync(_folder);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port, Ct);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request), Ct);

        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        var answer = await reader.ReadToEndAsync(Ct); // Ends only because the server closes.

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1 ", StringSplitOptions.RemoveEmptyEntries));
    }
}
