using Memoir.Kit.Limits;
using Memoir.Kit.Limits.Shared;

namespace Memoir.Tests.Kit.Limits;

/// <summary>R5 without a database: how a bucket's row becomes the next one.</summary>
public sealed class SharedPermitsTests
{
    private static readonly RateLimit Limit = new(120, 60);

    [Fact]
    public void A_permit_counts_as_used_at_the_last_moment_until_it_is_settled()
    {
        var window = new PermitWindow(Limit);

        var answer = PermitLedger.Settle(window, Question(wanted: 120), 1_000_000_000);

        Assert.Equal((120, 0), (answer.Granted, answer.Free));
        Assert.Equal((1_000_000_000 + PermitLedger.Validity(Limit)) / 1_000_000, answer.Slot);
        Assert.True(answer.FreeAt >= 1_000_000_000 + 60_000_000 + PermitLedger.Validity(Limit));
    }

    [Fact]
    public void What_was_used_earlier_or_not_at_all_is_moved_when_it_is_settled()
    {
        var window = new PermitWindow(Limit);
        var answer = PermitLedger.Settle(window, Question(wanted: 10), 1_000_000_000);
        var used = new PermitWindow(Limit);
        used.Add(1000, 4);

        var next = PermitLedger.Settle(window, Question(wanted: 0) with { Settled = [new SettledPermits(answer.Slot, 10, used)] }, 1_002_000_000);

        Assert.Equal((0, 116, "1000:4"), (next.Granted, next.Free, window.ToString()));
    }

    [Fact]
    public void Requests_let_in_without_asking_count_like_all_others()
    {
        var window = new PermitWindow(Limit);

        var answer = PermitLedger.Settle(window, Question(wanted: 5) with { Owed = [(30_000_000, 100), (10_000_000, 20)] }, 1_000_000_000);

        Assert.Equal((0, 0), (answer.Granted, answer.Free));
        Assert.InRange(answer.FreeAt, 1_030_000_000, 1_032_000_000);
    }

    [Fact]
    public void Advances_are_small_and_none_is_given_near_the_limit()
    {
        var fresh = PermitLedger.Settle(new PermitWindow(Limit), Question(wanted: 1) with { HasMore = true }, 1_000_000_000);
        var nearly = new PermitWindow(Limit);
        nearly.Add(1000, 114);
        var last = PermitLedger.Settle(nearly, Question(wanted: 1) with { HasMore = true }, 1_000_000_000);

        Assert.Equal((5, 1), (fresh.Granted, last.Granted));
    }

    [Fact]
    public void A_row_from_a_clock_that_was_set_back_since_blocks_nobody()
    {
        var window = PermitWindow.Parse("999999:120", Limit);

        Assert.Equal(1, PermitLedger.Settle(window, Question(wanted: 1), 1_000_000_000).Granted);
    }

    private static PermitQuestion Question(int wanted) => new("key", Limit, wanted, HasMore: false, [], []);
}
