using Memoir.Kit.Data;
using Memoir.Server.Retention;

namespace Memoir.Tests.Testing;

/// <summary>A database's clock that goes with the test's own, or beside it by as much as the test says.</summary>
internal sealed class ManualRetentionClock(ManualTime time) : RetentionClock(time)
{
    private readonly ManualTime _time = time;

    public TimeSpan Skew { get; set; }

    /// <summary>The database itself is asked.</summary>
    public bool IsReal { get; set; }

    /// <summary>Called whenever the time is asked for: before a run decides, and in each of its writes.</summary>
    public Action Asked { get; set; } = () => { };

    public override Task<DateTimeOffset> ReadAsync(Session session)
    {
        Asked();
        return IsReal ? base.ReadAsync(session) : Task.FromResult(_time.Now() + Skew);
    }
}
