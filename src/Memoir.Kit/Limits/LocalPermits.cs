namespace Memoir.Kit.Limits;

/// <summary>Limits counted in this process: the only one on its database, so that they are exact.</summary>
internal sealed class LocalPermits : IPermits
{
    private readonly TimeProvider _time;
    private readonly BucketTable<Counted> _buckets;

    public LocalPermits(TimeProvider time)
    {
        _time = time;
        _buckets = new BucketTable<Counted>(bucket => new Counted(bucket.Limit), time);
    }

    public int Count => _buckets.Count;

    public bool IsCrowded => _buckets.IsCrowded;

    public ValueTask<Standing> TakeAsync(RateBucket bucket, CancellationToken ct)
    {
        while (true)
        {
            var counted = _buckets.Find(bucket, TryDrop);
            lock (counted)
            {
                if (!counted.IsDropped)
                {
                    return ValueTask.FromResult(Take(counted.Window, bucket.Limit));
                }
            }
        }
    }

    public Task ForgetAsync(RateBucket bucket, CancellationToken ct)
    {
        _buckets.Drop(bucket);
        return Task.CompletedTask;
    }

    public Task TidyAsync(CancellationToken ct)
    {
        _buckets.Sweep(TryDrop);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken ct) => Task.CompletedTask;

    private Standing Take(PermitWindow window, RateLimit limit)
    {
        var now = _time.Microseconds();
        window.Expire(now);
        var isGranted = window.Free > 0;
        if (isGranted)
        {
            window.Add(window.SlotOf(now), 1);
        }

        return new Standing(
            isGranted, limit, window.Free, _time.GetUtcNow() + LimitClock.Span(window.Reset(now) - now),
            isGranted ? TimeSpan.Zero : LimitClock.Span(window.NextFree(now) - now));
    }

    private bool TryDrop(Counted counted)
    {
        lock (counted)
        {
            counted.Window.Expire(_time.Microseconds());
            return counted.IsDropped = counted.Window.Total == 0;
        }
    }

    private sealed class Counted(RateLimit limit)
    {
        public PermitWindow Window { get; } = new(limit);

        /// <summary>It is in the table no more; who still has it must look again.</summary>
        public bool IsDropped { get; set; }
    }
}

/// <summary>Time for limits: it goes on evenly, whatever is done to the clock.</summary>
internal static class LimitClock
{
    public static long Microseconds(this TimeProvider time) => (long)time.GetElapsedTime(0).TotalMicroseconds;

    public static TimeSpan Span(long microseconds) => TimeSpan.FromMicroseconds(microseconds);
}
