using Memoir.Kit.Data;
using Microsoft.Extensions.Logging;

namespace Memoir.Kit.Limits.Shared;

/// <summary>
/// Limits that hold over all processes on one database. Each takes a few permits at a time, in questions that carry those of
/// all its buckets, one question at a time; a caller that is refused costs nothing until there can be a permit again. While
/// the database does not answer, a process admits half of each limit by itself.
/// </summary>
internal sealed partial class SharedPermits : IPermits
{
    private const int LargestQuestion = 200;
    private const int MostTries = 8;

    /// <summary>The longest that a request waits for an answer before its process decides alone.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>After a question without an answer, how long none is asked.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BetweenPurges = TimeSpan.FromMinutes(1);

    private readonly Database _database;
    private readonly TimeProvider _time;
    private readonly ILogger<SharedPermits> _logger;
    private readonly BucketTable<BucketLease> _leases;
    private readonly Queue<BucketLease> _asking = new();
    private Task _exchanging = Task.CompletedTask;
    private bool _isExchanging;
    private long _aloneUntil;
    private long _purged;

    public SharedPermits(Database database, TimeProvider time, ILogger<SharedPermits> logger)
    {
        _database = database;
        _time = time;
        _logger = logger;
        _leases = new BucketTable<BucketLease>(bucket => new BucketLease(bucket), time);
        _purged = time.GetTimestamp();
    }

    /// <summary>How many questions were sent.</summary>
    public int Asked { get; private set; }

    public bool IsCrowded => _leases.IsCrowded;

    private bool IsAlone => _time.Microseconds() < Interlocked.Read(ref _aloneUntil);

    public ValueTask<Standing> TakeAsync(RateBucket bucket, CancellationToken ct)
    {
        var lease = FindLocked(bucket);
        try
        {
            var now = _time.Microseconds();
            if (lease.Take(now) is { } standing)
            {
                if (standing.IsGranted && lease.WantsMore(now))
                {
                    Queue(lease);
                }

                return ValueTask.FromResult(standing);
            }

            if (IsAlone)
            {
                return ValueTask.FromResult(lease.TakeAlone(now, _time.GetUtcNow()));
            }

            var answered = lease.WaitAsync();
            Queue(lease);
            return new ValueTask<Standing>(TakeLaterAsync(bucket, answered, ct));
        }
        finally
        {
            Monitor.Exit(lease);
        }
    }

    public Task ForgetAsync(RateBucket bucket, CancellationToken ct)
    {
        _leases.Drop(bucket);
        return _database.SystemWriteAsync(session => PermitStore.ForgetAsync(session, new BucketLease(bucket).Key), ct);
    }

    public async Task TidyAsync(CancellationToken ct)
    {
        foreach (var lease in _leases.All)
        {
            lock (lease)
            {
                if (!lease.TryDrop(_time.Microseconds()) && lease.HasNews && !IsAlone)
                {
                    Queue(lease);
                }
            }
        }

        _leases.Sweep(lease =>
        {
            lock (lease)
            {
                return lease.IsDropped;
            }
        });
        await _exchanging.WaitAsync(ct);
        if (_time.GetElapsedTime(_purged) >= BetweenPurges)
        {
            _purged = _time.GetTimestamp();
            await _database.SystemWriteAsync(PermitStore.PurgeAsync, ct);
        }
    }

    public Task StopAsync(CancellationToken ct)
    {
        foreach (var lease in _leases.All)
        {
            lock (lease)
            {
                lease.GiveUp(_time.Microseconds());
            }
        }

        return TidyAsync(ct);
    }

    private async Task<Standing> TakeLaterAsync(RateBucket bucket, Task answered, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            await answered.WaitAsync(Patience, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
            var isAlone = !answered.IsCompleted || attempt == MostTries;
            var lease = FindLocked(bucket);
            try
            {
                var now = _time.Microseconds();
                if (lease.Take(now) is { } standing)
                {
                    return standing;
                }

                if (isAlone || IsAlone)
                {
                    return lease.TakeAlone(now, _time.GetUtcNow());
                }

                answered = lease.WaitAsync();
                Queue(lease);
            }
            finally
            {
                Monitor.Exit(lease);
            }
        }
    }

    private BucketLease FindLocked(RateBucket bucket)
    {
        while (true)
        {
            var lease = _leases.Find(bucket, TryDrop);
            Monitor.Enter(lease);
            if (!lease.IsDropped)
            {
                return lease;
            }

            Monitor.Exit(lease);
        }
    }

    private bool TryDrop(BucketLease lease)
    {
        lock (lease)
        {
            return lease.TryDrop(_time.Microseconds());
        }
    }

    private void Queue(BucketLease lease)
    {
        if (lease.IsQueued)
        {
            return;
        }

        lease.IsQueued = true;
        lock (_asking)
        {
            _asking.Enqueue(lease);
            if (!_isExchanging)
            {
                _isExchanging = true;
                _exchanging = ExchangeAllAsync();
            }
        }
    }

    /// <summary>Every failure in it is some caller's answer; it throws none.</summary>
    private async Task ExchangeAllAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // The caller holds locks.
        var batch = new List<BucketLease>();
        while (Next(batch))
        {
            await ExchangeAsync(batch);
        }
    }

    private bool Next(List<BucketLease> batch)
    {
        batch.Clear();
        lock (_asking)
        {
            while (batch.Count < LargestQuestion && _asking.TryDequeue(out var lease))
            {
                batch.Add(lease);
            }

            return _isExchanging = batch.Count > 0;
        }
    }

    private async Task ExchangeAsync(List<BucketLease> batch)
    {
        var sent = _time.Microseconds();
        var asked = batch.OrderBy(lease => lease.Key, StringComparer.Ordinal).Select(lease => (Lease: lease, Question: Ask(lease, sent))).ToList();
        Asked++;
        try
        {
            using var limit = new CancellationTokenSource(Patience, _time);
            var answers = await _database.SystemWriteAsync(session => PermitStore.ExchangeAsync(session, [.. asked.Select(one => one.Question)]), limit.Token);
            var heard = _time.Microseconds();
            for (var i = 0; i < asked.Count; i++)
            {
                lock (asked[i].Lease)
                {
                    asked[i].Lease.Hear(answers[i], sent, heard);
                }
            }
        }
        catch (Exception exception)
        {
            Interlocked.Exchange(ref _aloneUntil, _time.Microseconds() + (long)Pause.TotalMicroseconds);
            LogAlone(exception);
            foreach (var lease in batch)
            {
                lock (lease)
                {
                    lease.Fail();
                }
            }
        }
    }

    private static PermitQuestion Ask(BucketLease lease, long now)
    {
        lock (lease)
        {
            return lease.Ask(now);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The database cannot be asked about rate limits; this process admits half of each by itself.")]
    private partial void LogAlone(Exception exception);
}
