namespace Memoir.Kit.Limits;

/// <summary>Whose requests are counted together, and how many there may be.</summary>
/// <param name="Name">The caller: an address, a tenant or a key, with its kind in front; never a route, which a caller can spell in many ways.</param>
/// <param name="Limit">The limit.</param>
public readonly record struct RateBucket(string Name, RateLimit Limit);

/// <summary>Where a caller stands after it asked for a permit.</summary>
/// <param name="IsGranted">Whether it got one.</param>
/// <param name="Limit">The limit it was asked under.</param>
/// <param name="Remaining">How many more it would get now.</param>
/// <param name="Reset">When all of the limit is free again if nothing more is asked for.</param>
/// <param name="Wait">After which time the next permit is there if nobody else asks; zero when this one was granted.</param>
public readonly record struct Standing(bool IsGranted, RateLimit Limit, int Remaining, DateTimeOffset Reset, TimeSpan Wait);

/// <summary>Hands out the permits of limits: counted in this process alone, or over all that share a database.</summary>
public interface IPermits
{
    /// <summary>More callers than are counted one by one: new ones share their counts, so what one has used says nothing of it.</summary>
    bool IsCrowded { get; }

    /// <summary>Takes a permit, or says when there will be one.</summary>
    ValueTask<Standing> TakeAsync(RateBucket bucket, CancellationToken ct);

    /// <summary>Begins to count a bucket anew.</summary>
    Task ForgetAsync(RateBucket bucket, CancellationToken ct);

    /// <summary>Gives back what was not used and forgets who has not been seen for long; to be called about once a second.</summary>
    Task TidyAsync(CancellationToken ct);

    /// <summary>Gives back all that is held: the process stops.</summary>
    Task StopAsync(CancellationToken ct);
}
