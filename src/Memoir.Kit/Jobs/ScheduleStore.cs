using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>The SQL of the schedules: a row each, which says when the next turn is.</summary>
internal static class ScheduleStore
{
    /// <param name="system">A system session.</param>
    /// <param name="name">The schedule.</param>
    /// <param name="period">In microseconds.</param>
    /// <param name="now">The process's time, for an engine that lives inside it.</param>
    /// <returns>True when the turn was there and is taken.</returns>
    public static async Task<bool> TakeAsync(Session system, string name, long period, long now)
    {
        // A turn later than the next one was planned by a clock that has been set back since.
        var clock = system.Dialect.Clock;
        var sql = $"""
            INSERT INTO schedules (name, due_at) VALUES (@name, {clock} - {clock} % @period + @period)
            ON CONFLICT (name) DO UPDATE SET due_at = {clock} - {clock} % @period + @period
            WHERE schedules.due_at <= {clock} OR schedules.due_at > {clock} + @period
            """;

        return await system.ExecuteAsync(sql, new { name, period, now }) == 1;
    }
}
