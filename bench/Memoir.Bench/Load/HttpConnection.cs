using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace Memoir.Bench.Load;

/// <summary>One keep-alive HTTP/1.1 connection that sends prepared bytes and reads just enough of the answer to find its end.</summary>
internal sealed class HttpConnection(IPEndPoint endpoint) : IDisposable
{
    private readonly Socket _socket = new(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _buffer = new byte[32 * 1024];
    private int _bodyStart;
    private int _bodyLength;

    /// <summary>The body of the last answer; valid until the next request.</summary>
    public ReadOnlyMemory<byte> Body => _buffer.AsMemory(_bodyStart, _bodyLength);

    public async Task ConnectAsync(CancellationToken ct) => await _socket.ConnectAsync(endpoint, ct);

    /// <summary>Sends one request and returns the status code of its answer.</summary>
    public async ValueTask<int> ExchangeAsync(ReadOnlyMemory<byte> request, CancellationToken ct)
    {
        for (var sent = 0; sent < request.Length;)
        {
            sent += await _socket.SendAsync(request[sent..], SocketFlags.None, ct);
        }

        var filled = 0;
        int headEnd;
        do
        {
            filled += await ReceiveAsync(filled, ct);
            headEnd = _buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8);
        }
        while (headEnd < 0);

        var (status, length) = ParseHead(_buffer.AsSpan(0, headEnd + 2));
        _bodyStart = headEnd + 4;
        if (length < 0)
        {
            await ReadChunksAsync(filled, ct);
            return status;
        }

        while (filled < _bodyStart + length)
        {
            filled += await ReceiveAsync(filled, ct);
        }

        _bodyLength = length;
        return status;
    }

    public void Dispose() => _socket.Dispose();

    private async ValueTask<int> ReceiveAsync(int filled, CancellationToken ct)
    {
        if (filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await _socket.ReceiveAsync(_buffer.AsMemory(filled), SocketFlags.None, ct);
        return read > 0 ? read : throw new IOException("The server closed the connection.");
    }

    /// <summary>Joins the chunks in place, so that <see cref="Body"/> is the plain body.</summary>
    private async ValueTask ReadChunksAsync(int filled, CancellationToken ct)
    {
        var next = _bodyStart;
        var target = _bodyStart;
        while (true)
        {
            int lineEnd;
            while ((lineEnd = _buffer.AsSpan(next, filled - next).IndexOf("\r\n"u8)) < 0)
            {
                filled += await ReceiveAsync(filled, ct);
            }

            if (!Utf8Parser.TryParse(_buffer.AsSpan(next, lineEnd), out int size, out _, 'x'))
            {
                throw new IOException("The server sent a chunk without a size.");
            }

            var start = next + lineEnd + 2;
            while (filled < start + size + 2)
            {
                filled += await ReceiveAsync(filled, ct);
            }

            _buffer.AsSpan(start, size).CopyTo(_buffer.AsSpan(target));
            target += size;
            next = start + size + 2;
            if (size == 0)
            {
                _bodyLength = target - _bodyStart;
                return;
            }
        }
    }

    /// <summary>Status and content length; -1 when the body is chunked.</summary>
    private static (int Status, int Length) ParseHead(ReadOnlySpan<byte> head)
    {
        if (!Utf8Parser.TryParse(head[9..12], out int status, out _))
        {
            throw new IOException("The server did not answer in HTTP/1.1.");
        }

        var length = 0;
        for (var rest = head[(head.IndexOf((byte)'\n') + 1)..]; !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = rest[..(end + 1)];
            rest = rest[(end + 1)..];

            // Only two headers start like this, so the common case costs one comparison a line.
            if ((line[0] | 0x20) == 'c' && Starts(line, "content-length:"u8))
            {
                _ = Utf8Parser.TryParse(line[15..].TrimStart((byte)' '), out length, out _);
            }
            else if ((line[0] | 0x20) == 't' && Starts(line, "transfer-encoding:"u8))
            {
                length = -1;
            }
        }

        return (status, length);
    }

    private static bool Starts(ReadOnlySpan<byte> line, ReadOnlySpan<byte> lowerName)
    {
        if (line.Length < lowerName.Length)
        {
            return false;
        }

        for (var i = 0; i < lowerName.Length; i++)
        {
            var letter = line[i];
            if ((letter is >= (byte)'A' and <= (byte)'Z' ? letter | 0x20 : letter) != lowerName[i])
            {
                return false;
            }
        }

        return true;
    }
}
