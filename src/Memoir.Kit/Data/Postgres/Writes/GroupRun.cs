using System.Diagnostics;
using Memoir.Kit.Http;

namespace Memoir.Kit.Data.Postgres.Writes;

/// <summary>What the writes of a group know of each other while they are tried: together first, then one after another.</summary>
internal sealed class GroupRun
{
    private const int MostAttempts = 5;

    /// <summary>After so long nothing is tried again: those behind it in the lane wait too.</summary>
    private static readonly TimeSpan LongestTry = TimeSpan.FromSeconds(15);

    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Under what the next one runs.</summary>
    public Proviso Proviso { get; set; } = Proviso.None;

    /// <summary>The last attempt failed by the database, not by its closure.</summary>
    public bool HasDatabaseFailed { get; set; }

    /// <summary>Why those that were not tried yet need not be; null where they should.</summary>
    public ProblemException? Refusal =>
        Proviso.IsLost ? PostgresErrors.Unknown()
        : !HasDatabaseFailed || !IsLate ? null
        : Proviso.IsGiven ? PostgresErrors.Unknown() : PostgresErrors.Unavailable();

    private bool IsLate => Stopwatch.GetElapsedTime(_started) >= LongestTry;

    public bool MayTryAgain(int attempt) => attempt < MostAttempts && !IsLate;

    /// <summary>A write alone was kept. If it moved what the group had assumed, the group never will be, and the rest are free.</summary>
    public void Kept(PostgresTransaction transaction)
    {
        HasDatabaseFailed = false;
        if (transaction.Assumptions.Count > Proviso.Count)
        {
            Proviso = Proviso.None;
        }
    }
}
