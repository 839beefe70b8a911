using System.Net;
using System.Net.Sockets;

namespace Memoir.Tests.Kit.Data.Postgres;

/// <summary>A line to a database that breaks on demand: with what is said next, or with the answer to it.</summary>
internal sealed class CutLine : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _server;
    private readonly CancellationTokenSource _closed = new();
    private int _cut;
    private int _trips;

    public CutLine(IPEndPoint server)
    {
        _server = server;
        _listener.Start();
        _ = AcceptAsync();
    }

    private enum Cut
    {
        None,
        Request,
        Answer,
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often a client said something that it then waited for, over all connections.</summary>
    public int Trips => Volatile.Read(ref _trips);

    /// <summary>What is said next never arrives, and the connection is gone.</summary>
    public void LoseNextRequest() => Volatile.Write(ref _cut, (int)Cut.Request);

    /// <summary>What is said next is done, but the connection is gone before anybody hears of it.</summary>
    public void LoseNextAnswer() => Volatile.Write(ref _cut, (int)Cut.Answer);

    public void Dispose()
    {
        _closed.Cancel();
        _listener.Dispose();
        _closed.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = CarryAsync(await _listener.AcceptSocketAsync(_closed.Token));
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task CarryAsync(Socket client)
    {
        using var near = client;
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        try
        {
            await far.ConnectAsync(_server, _closed.Token);
            var wasHeard = true;
            var losesAnswer = false;
            var asking = PassAsync(near, far, async (data, pass) =>
            {
                if (wasHeard)
                {
                    wasHeard = false;
                    Interlocked.Increment(ref _trips);
                    var cut = (Cut)Interlocked.Exchange(ref _cut, (int)Cut.None);
                    if (cut == Cut.Request)
                    {
                        return false;
                    }

                    losesAnswer = cut == Cut.Answer;
                }

                await pass(data);
                return true;
            });
            var answering = PassAsync(far, near, async (data, pass) =>
            {
                wasHeard = true;
                if (losesAnswer)
                {
                    await Task.Delay(300); // The rest of what was asked is done as well.
                    return false;
                }

                await pass(data);
                return true;
            });
            await Task.WhenAny(asking, answering);
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Both ends are closed by leaving.
        }
    }

    private async Task PassAsync(Socket from, Socket to, Func<ReadOnlyMemory<byte>, Func<ReadOnlyMemory<byte>, Task>, Task<bool>> hand)
    {
        var buffer = new byte[65536];
        while (await from.ReceiveAsync(buffer, _closed.Token) is > 0 and var count)
        {
            if (!await hand(buffer.AsMemory(0, count), async data => await to.SendAsync(data, _closed.Token)))
            {
                return;
            }
        }
    }
}
