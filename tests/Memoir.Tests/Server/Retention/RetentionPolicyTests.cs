using Memoir.Server.Retention;

namespace Memoir.Tests.Server.Retention;

/// <summary>What the policy decides about one memory.</summary>
public sealed class RetentionPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    private static readonly RetentionPolicy Policy = new() { MaxAgeDays = 30, ImportanceThreshold = 0.35, DeleteAfterDays = 90, KeepImportantFactor = 2 };

    [Theory]
    [InlineData(29.99, 0.1, null)]
    [InlineData(30, 0.1, "age")]
    [InlineData(30, 0.3499999, "age")]
    [InlineData(59.9, 0.35, null)]
    [InlineData(60, 0.35, "important_age")]
    [InlineData(-5, 0, null)]
    public void A_memory_out_of_the_archive_goes_by_age_and_importance(double days, double importance, string? reason) =>
        Assert.Equal(reason, Reason(Policy, Memory(days, importance)));

    [Fact]
    public void An_important_one_is_never_archived_without_a_factor() =>
        Assert.Null(Reason(Policy with { KeepImportantFactor = null }, Memory(1_000_000 / 24.0, 0.35)));

    [Theory]
    [InlineData(89.99, null)]
    [InlineData(90, "archived")]
    public void One_in_the_archive_is_deleted_when_it_has_been_there_long_enough(double days, string? reason) =>
        Assert.Equal(reason, Reason(Policy, Memory(500, 1) with { ArchivedAt = Now.AddDays(-days) }));

    [Fact]
    public void What_the_same_run_has_archived_it_does_not_delete()
    {
        var atOnce = Policy with { DeleteAfterDays = 0 };

        Assert.Null(Reason(atOnce, Memory(500, 0) with { ArchivedAt = Now }));
        Assert.Equal("archived", Reason(atOnce, Memory(500, 0) with { ArchivedAt = Now.AddSeconds(-1) }));
    }

    [Fact]
    public void One_that_has_expired_is_deleted_wherever_it_is()
    {
        Assert.Equal("expired", Reason(Policy, Memory(0, 1) with { ExpiresAt = Now }));
        Assert.Equal("expired", Reason(Policy, Memory(0, 1) with { ExpiresAt = Now, ArchivedAt = Now.AddDays(-1) }));
        Assert.Null(Reason(Policy, Memory(0, 1) with { ExpiresAt = Now.AddSeconds(1) }));
    }

    [Fact]
    public void One_that_is_held_stays_whatever_else_is_true_of_it()
    {
        var held = Memory(1000, 0) with { IsHeld = 1 };

        Assert.Null(Reason(Policy, held));
        Assert.Null(Reason(Policy, held with { ExpiresAt = Now.AddDays(-1) }));
        Assert.Null(Reason(Policy, held with { ArchivedAt = Now.AddDays(-500) }));
        Assert.Null(Policy.Decide(held, Now, new RetentionPlace(Now, 1, long.MaxValue)).Action);
    }

    [Fact]
    public void Of_too_many_the_oldest_go_then_the_least_important_then_the_one_stored_first()
    {
        var at = Memory(10, 0.2);
        var last = at.Place;

        Assert.Equal("max_items", Decide(at));
        Assert.Equal("max_items", Decide(at with { Since = at.Since.AddSeconds(-1), Importance = 0.34, Sequence = 9 }));
        Assert.Equal("max_items", Decide(at with { Importance = 0.1, Sequence = 9 }));
        Assert.Equal("max_items", Decide(at with { Sequence = 4 }));
        Assert.Equal("", Decide(at with { Sequence = 6 }));
        Assert.Equal("", Decide(at with { Importance = 0.21 }));
        Assert.Equal("", Decide(at with { Since = at.Since.AddSeconds(1) }));
        Assert.Equal("", Decide(at with { Importance = 0.35 })); // Important ones are not counted among those that may go.

        string Decide(RetentionFacts memory) => Policy.Decide(memory, Now, last).Reason;
    }

    [Fact]
    public void Factors_and_ages_beyond_every_calendar_mean_never()
    {
        var endless = Policy with { MaxAgeDays = RetentionPolicy.LongestDays, KeepImportantFactor = 1000 };

        Assert.Equal(DateTimeOffset.MinValue, endless.OldAtIfImportant(Now));
        Assert.Null(Reason(endless, Memory(3000, 1)));
    }

    private static string? Reason(RetentionPolicy policy, RetentionFacts memory) =>
        policy.Decide(memory, Now, excessTo: null) is { Action: not null } decision ? decision.Reason : null;

    private static RetentionFacts Memory(double days, double importance) => new()
    {
        Id = Guid.Empty,
        Sequence = 5,
        Version = 1,
        Since = Now.AddDays(-days),
        Importance = importance,
        IsHeld = 0,
    };
}
