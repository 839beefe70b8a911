using Memoir.Kit.Data;

namespace Memoir.Server.Retention;

/// <summary>A run of a tenant: what it goes by, and how far it has come. It is resumed as it was begun, so that a run in two halves does what one does.</summary>
internal sealed record RetentionRun
{
    public required Guid Id { get; init; }

    /// <summary>The actions, with commas between them.</summary>
    public required string Actions { get; init; }

    /// <summary>The moment that decides what is old, by the database's clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Until then nobody else begins one.</summary>
    public required DateTimeOffset LeaseUntil { get; init; }

    /// <summary>The memories up to here, in the tenant's order, are done.</summary>
    public required long DoneTo { get; init; }

    public required long Archived { get; init; }

    public required long Deleted { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public bool Does(string? action) => action is not null && Actions.Split(',').Contains(action);
}

/// <summary>By what a run decides at this moment.</summary>
/// <param name="Policy">The tenant's.</param>
/// <param name="ExcessTo">See <see cref="RetentionPolicy.Decide"/>.</param>
internal sealed record RetentionRule(RetentionPolicy Policy, RetentionPlace? ExcessTo)
{
    /// <returns>What the run does with the memory; null for nothing.</returns>
    public RetentionDecision? Decide(RetentionRun run, RetentionFacts memory)
    {
        var decision = Policy.Decide(memory, run.StartedAt, ExcessTo);
        return run.Does(decision.Action) ? decision : null;
    }

    /// <summary>The rule of a run, from what the tenant has.</summary>
    public static async Task<RetentionRule> ReadAsync(Session session, RetentionRun run, RetentionPolicy policy)
    {
        if (policy.MaxItems is not { } most || !run.Does(RetentionAction.Archive))
        {
            return new RetentionRule(policy, null);
        }

        var counts = await RetentionStore.CountAsync(session, policy, run.StartedAt);
        var excess = counts.Live - counts.Old - counts.OldThoughImportant - most;

        // The old ones among the unimportant are the first in the order of those that go.
        return new RetentionRule(policy, excess <= 0 ? null : await RetentionStore.FindPlaceAsync(session, policy, run.StartedAt, counts.Old + excess));
    }
}
