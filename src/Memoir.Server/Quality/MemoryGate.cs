using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Memories;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Quality.Duplicates;

namespace Memoir.Server.Quality;

/// <summary>What every text passes on its way into memory: when it comes, what of it is masked, whether it is doubted, and that it is counted.</summary>
internal sealed class MemoryGate(Intake intake, DoubtJudge doubts, Meters meters)
{
    /// <summary>The moment, as the database keeps it.</summary>
    public DateTimeOffset Now() => intake.Now();

    /// <inheritdoc cref="Intake.ScreenAsync(Tenant, IReadOnlyList{NewMemory}, Func{Session, Task}, CancellationToken)"/>
    public Task<IReadOnlyList<NewMemory>> ScreenAsync(Tenant tenant, IReadOnlyList<NewMemory> items, Func<Session, Task>? answered, CancellationToken ct) =>
        intake.ScreenAsync(tenant, items, answered, ct);

    /// <inheritdoc cref="Intake.ScreenAsync(Session, Memory, Memory, bool)"/>
    public Task<Memory> ScreenAsync(Session session, Memory old, Memory changed, bool isVersion) => intake.ScreenAsync(session, old, changed, isVersion);

    /// <summary>Where it is switched off, nothing is doubted anew, and what is doubted stays so.</summary>
    public bool DoubtsAtAll => doubts.IsOn;

    /// <inheritdoc cref="DoubtJudge.Judge"/>
    public IReadOnlyList<string> Judge(Tenant tenant, Memory memory) => doubts.Judge(tenant, memory);

    /// <summary>
    /// What a change of a memory makes of its links and of the doubts: other words are judged anew, unless somebody let it in
    /// before, and what is not the same any more repeats nothing.
    /// </summary>
    public Memory Changed(Memory old, Memory changed)
    {
        var hash = Statement.Of(changed)?.Hash();
        return changed with
        {
            ContentHash = hash,
            DuplicateOf = hash == old.ContentHash ? changed.DuplicateOf : null,
            Quarantine = changed.Content == old.Content || changed.ReleasedAt is not null || !doubts.IsOn ? changed.Quarantine : DoubtJudge.Spell(doubts.Lasting(changed)),
        };
    }

    /// <summary>Whether what repeated a memory does so no more: all but its weight counts. It must not hide what it is gone before, or is doubted instead of.</summary>
    public static bool SaysOther(Memory old, Memory changed) =>
        old.ContentHash is not null
        && (changed.ExpiresAt < (old.ExpiresAt ?? DateTimeOffset.MaxValue) || (changed.IsHidden && !old.IsHidden) || IsOther(old, changed));

    private static bool IsOther(Memory old, Memory changed) =>
        Statement.Of(old with { ImportanceOverride = null }) != Statement.Of(changed with { ImportanceOverride = null });

    /// <summary>Counts what a write has linked and kept apart, once it is committed.</summary>
    public void Count(Session session, IReadOnlyList<Memory> answered, IReadOnlyList<Memory> written)
    {
        var duplicates = answered.Count(memory => memory.DuplicateOf is not null);
        var reasons = written.SelectMany(memory => DoubtJudge.Read(memory.Quarantine) ?? []).ToList();
        if (duplicates + reasons.Count > 0)
        {
            session.AfterCommit(() =>
            {
                meters.DuplicatesLinked(duplicates);
                reasons.ForEach(meters.Quarantined);
            });
        }
    }
}
