using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Memoir.Kit.Http;

/// <summary>
/// The memory that large bodies and answers hold while their clients take their time: bounded in all and for each tenant, and taken
/// from those that stand still.
/// </summary>
public sealed class Transfers(TimeProvider time)
{
    /// <summary>One write; what is not larger costs too little to be watched.</summary>
    public const int PieceBytes = 64 * 1024;

    private const long MostBytes = 64 * 1024 * 1024;

    /// <summary>One tenant may hold this part of it.</summary>
    private const int TenantShare = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Writing, bool> _writings = new();
    private readonly Held _bodies = new();
    private readonly Held _answers = new();

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

        using var writing = new Writing(body.Length, OwnerOf(http), time);
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
    public void TakeForBody(int bytes, string owner)
    {
        if (_bodies.Add(bytes, owner) is not { All: <= MostBytes, Owners: <= MostBytes / TenantShare })
        {
            _bodies.Add(-bytes, owner);
            throw new ProblemException(Problem.Overloaded, "Too many large bodies are on their way.");
        }
    }

    public void GiveBackBody(int bytes, string owner) => _bodies.Add(-bytes, owner);

    /// <summary>Says whose share a request's body and answer are taken from.</summary>
    public static void SetOwner(HttpContext http, string owner) => http.Features.Set(new Owner(owner));

    /// <summary>Nobody's: what is not any tenant's is bounded with all the rest alone.</summary>
    public static string OwnerOf(HttpContext http) => http.Features.Get<Owner>()?.Name ?? "";

    private void Enter(Writing writing)
    {
        var held = _answers.Add(writing.Bytes, writing.Owner);
        var isOwn = held.Owners > MostBytes / TenantShare;
        var excess = isOwn ? held.Owners - (MostBytes / TenantShare) : held.All - MostBytes;
        if (excess > 0)
        {
            foreach (var standing in _writings.Keys.Where(w => w.Idle >= Pause && (!isOwn || w.Owner == writing.Owner)).OrderByDescending(w => w.Idle).ToList())
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
            _answers.Add(-writing.Bytes, writing.Owner);
            throw new ProblemException(Problem.Overloaded, "Too many large answers are on their way.");
        }

        _writings[writing] = true;
    }

    private void Leave(Writing writing)
    {
        _writings.TryRemove(writing, out _);
        _answers.Add(-writing.Bytes, writing.Owner);
    }

    private sealed record Owner(string Name);

    /// <summary>Bytes held, in all and by owner.</summary>
    private sealed class Held
    {
        private readonly Dictionary<string, long> _owners = new(StringComparer.Ordinal);
        private long _all;

        public (long All, long Owners) Add(long bytes, string owner)
        {
            lock (_owners)
            {
                _all += bytes;
                if (owner.Length == 0)
                {
                    return (_all, 0);
                }

                var own = _owners.GetValueOrDefault(owner) + bytes;
                if (own == 0)
                {
                    _owners.Remove(owner);
                }
                else
                {
                    _owners[owner] = own;
                }

                return (_all, own);
            }
        }
    }

    /// <summary>One large answer on its way.</summary>
    private sealed class Writing(int bytes, string owner, TimeProvider time) : IDisposable
    {
        private readonly CancellationTokenSource _cut = new(Timeout.InfiniteTimeSpan, time);
        private readonly Lock _gate = new();
        private long _lastProgress = time.GetTimestamp();
        private bool _isOver;

        public int Bytes => bytes;

        public string Owner => owner;

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
