namespace Memoir.Kit.Limits.Shared;

/// <summary>What a process asks of the database about one bucket, and what it says of permits that it had.</summary>
/// <param name="Key">The bucket's row.</param>
/// <param name="Limit">Its limit.</param>
/// <param name="Wanted">How many requests wait for a permit; none when it only settles.</param>
/// <param name="HasMore">Whether more are likely to come soon, so that a few in advance save trips.</param>
/// <param name="Settled">Permits of earlier answers that are used or not to be used any more.</param>
/// <param name="Owed">Requests let in without asking, by how many microseconds before this question that was.</param>
internal sealed record PermitQuestion(
    string Key, RateLimit Limit, int Wanted, bool HasMore, IReadOnlyList<SettledPermits> Settled, IReadOnlyList<(long Age, int Count)> Owed);

/// <summary>The permits of one answer: counted until now as if used at the last moment allowed, in one slot.</summary>
internal sealed record SettledPermits(long Slot, int Count, PermitWindow Used);

/// <param name="Granted">How many permits the process may use, within <see cref="PermitLedger.Validity"/> of asking.</param>
/// <param name="Free">How many are left for others, or for later.</param>
/// <param name="Now">The database's time, in microseconds, at which it answered.</param>
/// <param name="Slot">Where the permits count until they are settled.</param>
/// <param name="FreeAt">When the next permit is there, if nobody else asks.</param>
/// <param name="Reset">When the whole limit is free again.</param>
internal sealed record PermitAnswer(int Granted, int Free, long Now, long Slot, long FreeAt, long Reset);

/// <summary>
/// How a bucket's row becomes the next one. A permit counts from when it is granted, in the slot of the last moment at which
/// it may be used; what was used earlier, or not at all, is moved when the process says so. So a permit never counts for
/// less than the whole length of the limit after its use, whichever process used it, and whatever that process's clock shows.
/// </summary>
internal static class PermitLedger
{
    /// <summary>In advance at most this part of a limit: what a process that dies takes with it.</summary>
    private const int AdvancePart = 25;

    /// <summary>And of what is free this part, so that the last ones go to those who wait.</summary>
    private const int FreePart = 8;

    private const long LongestValidity = 5_000_000;
    private const long ShortestValidity = 1_000_000;

    /// <summary>How long after it asked a process may use what it was granted, in microseconds.</summary>
    public static long Validity(RateLimit limit) => Math.Clamp(limit.WindowMicroseconds / 12, ShortestValidity, LongestValidity);

    public static PermitAnswer Settle(PermitWindow window, PermitQuestion question, long now)
    {
        window.Expire(now);
        foreach (var settled in question.Settled)
        {
            window.Remove(settled.Slot, settled.Count);
            window.Add(settled.Used);
        }

        foreach (var (age, count) in question.Owed)
        {
            window.Add(window.SlotOf(now - age), count);
        }

        window.Expire(now);
        var advance = question.HasMore ? Math.Min(question.Limit.Permits / AdvancePart, window.Free / FreePart) : 0;
        var granted = Math.Min(window.Free, question.Wanted + advance);
        var slot = window.SlotOf(now + Validity(question.Limit));
        window.Add(slot, granted);
        return new PermitAnswer(granted, window.Free, now, slot, window.NextFree(now), window.Reset(now));
    }
}
