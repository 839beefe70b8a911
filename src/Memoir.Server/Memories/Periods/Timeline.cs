namespace Memoir.Server.Memories.Periods;

/// <summary>What a new statement does to those that were told before. Pure.</summary>
internal static class Timeline
{
    /// <summary>
    /// What is told later holds for the time that it speaks of. One without an end holds until the next one that is known to begin;
    /// what is left of the others before and after it stays true.
    /// </summary>
    /// <param name="from">When the statement begins to be true.</param>
    /// <param name="until">Its end; null when none was given.</param>
    /// <param name="known">What is taken to be true so far, at most one at any time.</param>
    /// <param name="now">When it is told.</param>
    public static Told Tell(DateTimeOffset from, DateTimeOffset? until, IReadOnlyList<Period> known, DateTimeOffset now)
    {
        until ??= known.Where(period => period.ValidFrom > from).Min(period => (DateTimeOffset?)period.ValidFrom);
        var ended = new List<Period>();
        var left = new List<Period>();
        foreach (var period in known)
        {
            if (period.ValidUntil <= from || period.ValidFrom >= until)
            {
                continue;
            }

            ended.Add(period);
            if (period.ValidFrom < from)
            {
                left.Add(period with { KnownFrom = now, ValidUntil = from });
            }

            if (until is { } end && !(period.ValidUntil <= end))
            {
                left.Add(period with { KnownFrom = now, ValidFrom = end });
            }
        }

        return new Told(until, ended, left);
    }
}

/// <summary>What follows from a statement.</summary>
/// <param name="Until">Its end, where one is known.</param>
/// <param name="Ended">What is not taken to be true any more as it stood.</param>
/// <param name="Left">What of those is still true: their words, shorter.</param>
internal sealed record Told(DateTimeOffset? Until, IReadOnlyList<Period> Ended, IReadOnlyList<Period> Left);
