using Memoir.Kit.Jobs;
using Memoir.Tests.Testing;

namespace Memoir.Tests.Kit.Jobs;

/// <summary>Work that is due once in a period, over all processes. A year is a period that no test run crosses by itself.</summary>
public sealed class ScheduleTests
{
    private static readonly TimeSpan Period = TimeSpan.FromDays(365);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_two_processes_one_does_the_work_of_a_period()
    {
        using var fixture = await JobFixture.CreateAsync();
        var (one, other) = (ScheduleOf(fixture), ScheduleOf(fixture));

        for (var period = 0; period < 3; period++)
        {
            var turns = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => (i % 2 == 0 ? one : other).TakeAsync("work", Period, Ct)));

            Assert.Single(turns, isTaken => isTaken);
            await PassAsync(fixture, Period);
        }
    }

    [Fact]
    public async Task A_process_that_dies_in_the_middle_does_not_stop_the_next_period()
    {
        using var fixture = await JobFixture.CreateAsync();
        Assert.True(await ScheduleOf(fixture).TakeAsync("work", Period, Ct)); // And is never heard of again.
        var other = ScheduleOf(fixture);

        Assert.False(await other.TakeAsync("work", Period, Ct));
        await PassAsync(fixture, Period);

        Assert.True(await other.TakeAsync("work", Period, Ct));
    }

    [Fact]
    public async Task Schedules_know_nothing_of_each_other()
    {
        using var fixture = await JobFixture.CreateAsync();
        var schedule = ScheduleOf(fixture);

        Assert.True(await schedule.TakeAsync("one", Period, Ct));

        Assert.True(await schedule.TakeAsync("other", Period, Ct));
    }

    [Fact]
    public async Task A_turn_that_was_planned_by_a_clock_far_ahead_is_taken_now()
    {
        using var fixture = await JobFixture.CreateAsync();
        var schedule = ScheduleOf(fixture);
        Assert.True(await schedule.TakeAsync("work", Period, Ct));

        await SetBackAsync(fixture, -2 * Period);

        Assert.True(await schedule.TakeAsync("work", Period, Ct));
        Assert.False(await schedule.TakeAsync("work", Period, Ct));
    }

    private static Schedule ScheduleOf(JobFixture fixture) => new(fixture.Store.Database, fixture.Time);

    /// <summary>The time passes: by the manual clock, or for a database with a clock of its own, by setting back what it has planned.</summary>
    private static Task PassAsync(JobFixture fixture, TimeSpan time)
    {
        if (!fixture.Store.Database.IsShared)
        {
            fixture.Time.Advance(time);
            return Task.CompletedTask;
        }

        return SetBackAsync(fixture, time);
    }

    private static Task SetBackAsync(JobFixture fixture, TimeSpan time) => fixture.Store.Database.SystemWriteAsync(
        session => session.ExecuteAsync("UPDATE schedules SET due_at = due_at - @time", new { time = (long)time.TotalMicroseconds }), Ct);
}
