using Memoir.Kit.Data;
using Memoir.Kit.Http;

namespace Memoir.Server.Retention;

/// <summary>The time by which memories are old: the database's, which is the same for all processes. Not sealed: tests on PostgreSQL set it.</summary>
internal class RetentionClock(TimeProvider time)
{
    private static readonly TimeSpan MostSkew = TimeSpan.FromSeconds(60);

    public virtual async Task<DateTimeOffset> ReadAsync(Session session) =>
        Instants.FromMicroseconds((await session.ScalarAsync($"SELECT {session.Dialect.Clock}", new { now = time.Now() }))!.Value);

    /// <summary>The time, if nothing speaks against it.</summary>
    /// <exception cref="ProblemException">503: this process and the database disagree about it, and deleting too early cannot be undone.</exception>
    public async Task<DateTimeOffset> RequireAsync(Session session)
    {
        var before = time.Now();
        var now = await ReadAsync(session);
        var after = time.Now();
        return now >= before - MostSkew && now <= after + MostSkew
            ? now
            : throw new ProblemException(
                Problem.DependencyUnavailable,
                FormattableString.Invariant($"The clocks of this server and of the database are {Math.Abs((now - after).TotalSeconds):0} seconds apart. Retention goes by time and runs when they are no more than 60 apart. Nothing was touched."));
    }
}
