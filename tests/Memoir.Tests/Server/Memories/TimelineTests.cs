using Memoir.Server.Memories;
using Memoir.Server.Memories.Periods;

namespace Memoir.Tests.Server.Memories;

/// <summary>What a statement does to those before it, hour by hour, against a strip of hours that is painted over.</summary>
public sealed class TimelineTests
{
    private const int Hours = 60;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_newer_statement_ends_the_older_one_where_it_begins()
    {
        var told = Timeline.Tell(At(20), until: null, [Said(1, 0, null)], At(20));

        Assert.Null(told.Until);
        Assert.Equal([1L], told.Ended.Select(period => period.Version));
        Assert.Equal([(1L, At(20), At(0), At(20))], told.Left.Select(left => (left.Version, left.KnownFrom, left.ValidFrom, left.ValidUntil!.Value)));
    }

    [Fact]
    public void What_is_told_late_of_an_earlier_time_holds_until_what_is_known_to_follow()
    {
        var told = Timeline.Tell(At(5), until: null, [Said(1, 20, null)], At(30));

        Assert.Equal(At(20), told.Until);
        Assert.Empty(told.Ended);
        Assert.Empty(told.Left);
    }

    [Fact]
    public void What_has_an_end_leaves_what_was_true_before_and_after_it()
    {
        var told = Timeline.Tell(At(10), At(12), [Said(1, 0, null)], At(30));

        Assert.Equal([(At(0), (DateTimeOffset?)At(10)), (At(12), null)], told.Left.Select(left => (left.ValidFrom, left.ValidUntil)));
    }

    [Fact]
    public void Many_statements_in_any_order_leave_what_was_painted_last()
    {
        for (var seed = 1; seed <= 500; seed++)
        {
            var random = new Random(seed);
            var known = new List<Period>();
            var strip = new long[Hours];
            for (var version = 1; version <= 25; version++)
            {
                var from = random.Next(Hours);
                int? until = random.Next(3) == 0 ? from + 1 + random.Next(Hours - from) : null;

                var told = Timeline.Tell(At(from), until is { } end ? At(end) : null, known, At(1000 + version));

                known = [.. known.Except(told.Ended), .. told.Left, Said(version, from, told.Until is { } stop ? Hour(stop) : null)];
                Paint(strip, version, from, until);
                for (var hour = 0; hour < Hours; hour++)
                {
                    var there = known.Where(period => period.ValidFrom <= At(hour) && !(period.ValidUntil <= At(hour))).Select(period => period.Version).ToList();
                    Assert.True(there.Count <= 1, $"seed {seed}, version {version}, hour {hour}: {there.Count} are true at once");
                    Assert.True(there.SingleOrDefault() == strip[hour], $"seed {seed}, version {version}, hour {hour}: {there.SingleOrDefault()} instead of {strip[hour]}");
                }
            }
        }
    }

    /// <summary>Without an end it goes on until the hour at which something else begins.</summary>
    private static void Paint(long[] strip, long version, int from, int? until)
    {
        if (until is null)
        {
            until = from + 1;
            while (until < Hours && (strip[until.Value] == 0 || strip[until.Value] == strip[until.Value - 1]))
            {
                until++;
            }
        }

        strip.AsSpan(from, until.Value - from).Fill(version);
    }

    private static Period Said(long version, int from, int? until) => new()
    {
        Sequence = version,
        MemoryId = Guid.Empty,
        Version = version,
        Type = "fact",
        Scope = MemoryScope.User,
        KnownFrom = At(0),
        ValidFrom = At(from),
        ValidUntil = until is { } end ? At(end) : null,
    };

    private static DateTimeOffset At(int hour) => Start.AddHours(hour);

    private static int Hour(DateTimeOffset time) => (int)(time - Start).TotalHours;
}
