using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Memoir.Kit.Http;

/// <summary>
/// The memory that large bodies and answers hold while their clients take their time: bounded in all, and taken from
/// those that stand still.
/// </summary>
public sealed class Transfers(TimeProvider time)
{
    /// <summary>One write; what is not larger costs too little to be watched.</summary>
    public const int PieceBytes = 64 * 1024;

    private const long MostBytes = 64 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Writing, bool> _writings = new();
    private long _bodies;
    private long _answers;

    /// <summary>Writes an answer piece by piece; a reader that takes none for half a minute is cut off.</summary>
    /// <exception cref="ProblemException">503: too many large answers wait for readers that do read.</exception>
    public async Task WriteAsync(HttpContext http, ReadOnlyMemory<byte> body)
    {
        var output = http.Response.BodyWriter;
        if (body.Length <= PieceBytes)
        {
            await output.WriteAsync(body, http.RequestAborted);
            return;
        }

        using var writing = new Writing(body.Length, time);
        Enter(writing);
        try
        {
            http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // Our work is done; the rest is the reader's pace.
            for (var at = 0; at < body.Length && !http.RequestAborted.IsCancellationRequested; at += PieceBytes)
            {
                await output.WriteAsync(body.Slice(at, Math.Min(PieceBytes, body.Length - at)), writing.NextPiece(Patience));
            }
        }
        catch (OperationCanceledException)
        {
            http.Abort(); // Half an answer must not look like a whole one.
        }
        finally
        {
            Leave(writing);
        }
    }

    /// <summary>Counts what a body under way holds.</summary>
    /// <exception cref="ProblemException">503: the bodies under way hold all that they may.</exception>
    public void TakeForBody(int bytes)
    {
        if (Interlocked.Add(ref _bodies, bytes) > MostBytes)
        {
            Interlocked.Add(ref _bodies, -bytes);
            throw new ProblemException(Problem.Overloaded, "Too many large bodies are on their way.");
        }
    }

    public void GiveBackBody(int bytes) => Interlocked.Add(ref _bodies, -bytes);

    private void Enter(Writing writing)
    {
        var excess = Interlocked.Add(ref _answers, writing.Bytes) - MostBytes;
        if (excess > 0)
        {
            foreach (var standing in _writings.Keys.Where(w => w.Idle >= Pause).OrderByDescending(w => w.Idle).ToList())
            {
                standing.Cut();
                excess -= standing.Bytes;
                if (excess <= 0)
                {
                    break;
                }
            }
        }

        if (excess > 0)
        {
            Interlocked.Add(ref _answers, -writing.Bytes);
            throw new ProblemException(Problem.Overloaded, "Too many large answers are on their way.");
        }

        _writings[writing] = true;
    }

    private void Leave(Writing writing)
    {
        _writings.TryRemove(writing, out _);
        Interlocked.Add(ref _answers, -writing.Bytes);
    }

    /// <summary>One large answer on its way.</summary>
    private sealed class Writing(int bytes, TimeProvider time) : IDisposable
    {
        private readonly CancellationTokenSource _cut = new(Timeout.InfiniteTimeSpan, time);
        private readonly Lock _gate = new();
        private long _lastProgress = time.GetTimestamp();
        private bool _isOver;

        public int Bytes => bytes;

        public TimeSpan Idle => time.GetElapsedTime(Volatile.Read(ref _lastProgress));

        public CancellationToken NextPiece(TimeSpan patience)
        {
            Volatile.Write(ref _lastProgress, time.GetTimestamp());
            _cut.CancelAfter(patience);
            return _cut.Token;
        }

        public void Cut()
        {
            lock (_gate)
            {
                if (!_isOver)
                {
                    _cut.Cancel();
                }
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _isOver = true;
                _cut.Dispose();
            }
        }
    }
}
