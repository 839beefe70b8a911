using System.Collections.Concurrent;
using Memoir.Kit.Security;

namespace Memoir.Kit.Limits;

/// <summary>
/// What is kept of each bucket, for a bounded number of them. Beyond it new callers share buckets by a hash of their names:
/// a million addresses cost no more memory, none of them gets more than its limit, and some get less.
/// </summary>
internal sealed class BucketTable<T>(Func<RateBucket, T> make, TimeProvider time)
    where T : class
{
    public const int MostBuckets = 100_000;

    private const int Shared = 1024;
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<RateBucket, T> _known = new();
    private int _count;
    private long _swept;

    public int Count => Volatile.Read(ref _count);

    public bool IsCrowded => Count >= MostBuckets;

    public IEnumerable<T> All => _known.Select(pair => pair.Value);

    /// <param name="bucket">Which.</param>
    /// <param name="tryDrop">Whether one of them is not needed any more; it is then not to be used again.</param>
    public T Find(RateBucket bucket, Func<T, bool> tryDrop)
    {
        if (_known.TryGetValue(bucket, out var found))
        {
            return found;
        }

        if (IsCrowded)
        {
            SweepWhenDue(tryDrop);
            if (IsCrowded)
            {
                bucket = bucket with { Name = $"{bucket.Name[..2]}~{BitConverter.ToUInt16(Secrets.Hash(bucket.Name)) % Shared}" }; // The same in every process.
            }
        }

        while (true)
        {
            if (_known.TryGetValue(bucket, out found))
            {
                return found;
            }

            found = make(bucket);
            if (_known.TryAdd(bucket, found))
            {
                Interlocked.Increment(ref _count);
                return found;
            }
        }
    }

    public void Sweep(Func<T, bool> tryDrop)
    {
        foreach (var (bucket, kept) in _known)
        {
            if (tryDrop(kept))
            {
                Drop(bucket);
            }
        }
    }

    public void Drop(RateBucket bucket)
    {
        if (_known.TryRemove(bucket, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    private void SweepWhenDue(Func<T, bool> tryDrop)
    {
        var last = Interlocked.Read(ref _swept);
        var now = time.GetTimestamp();
        if ((last == 0 || time.GetElapsedTime(last, now) >= BetweenSweeps) && Interlocked.CompareExchange(ref _swept, now, last) == last)
        {
            Sweep(tryDrop);
        }
    }
}
