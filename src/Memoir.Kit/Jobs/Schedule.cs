using Memoir.Kit.Data;

namespace Memoir.Kit.Jobs;

/// <summary>
/// Work that is due once in a period, whichever of the processes on one database comes first. Periods are slots of the
/// database's own clock, so that processes whose clocks differ agree on them.
/// </summary>
public sealed class Schedule(Database database, TimeProvider time)
{
    /// <summary>
    /// Takes this period's turn. True for one caller alone; should its process end before the work does, the next period
    /// has a turn of its own, so the work must be such that a lost turn only delays it.
    /// </summary>
    public Task<bool> TakeAsync(string name, TimeSpan period, CancellationToken ct)
    {
        var now = time.Now().ToMicroseconds();
        var length = (long)period.TotalMicroseconds;
        return database.SystemWriteAsync(session => ScheduleStore.TakeAsync(session, name, length, now), ct);
    }
}
