namespace Memoir.Server.Memories.Periods;

/// <summary>When what a version of a memory says was true, and from when to when we took it to be so. All ends are exclusive.</summary>
internal sealed record Period
{
    /// <summary>Its own place in the tenant's order, under which the index has it.</summary>
    public required long Sequence { get; init; }

    public required Guid MemoryId { get; init; }

    /// <summary>The version whose words these are.</summary>
    public required long Version { get; init; }

    public required string Type { get; init; }

    public string? UserId { get; init; }

    public required string Scope { get; init; }

    public required DateTimeOffset KnownFrom { get; init; }

    /// <summary>Null while it is still taken to be so.</summary>
    public DateTimeOffset? KnownUntil { get; init; }

    public required DateTimeOffset ValidFrom { get; init; }

    /// <summary>Null while no end is known.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>From when on its words are not returned any more.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>1 of words that were in quarantine: they are kept from recall until the memory is released; else 0.</summary>
    public long Doubted { get; init; }

    /// <summary>The period that a memory's row stands for.</summary>
    public static Period Of(Memory row) => new()
    {
        Sequence = row.Sequence,
        MemoryId = row.Id,
        Version = row.Version,
        Type = row.Type,
        UserId = row.UserId,
        Scope = row.Scope,
        KnownFrom = row.UpdatedAt,
        ValidFrom = row.ValidFrom ?? row.OccurredAt,
        ValidUntil = row.ValidUntil,
        ExpiresAt = row.ExpiresAt,
        Doubted = row.Quarantine is null ? 0 : 1,
    };
}

/// <summary>Which moment is asked about: what was true <paramref name="AsOf"/>, as far as we had been told by <paramref name="KnownAt"/>.</summary>
internal sealed record Moment(DateTimeOffset AsOf, DateTimeOffset KnownAt)
{
    /// <summary>Who asks only for what we knew then means what we took to be true then; who asks only for what was true, by what we know now.</summary>
    /// <returns>Null when neither was asked for: then it is what is true now.</returns>
    public static Moment? Of(DateTimeOffset? asOf, DateTimeOffset? knownAt, DateTimeOffset now) =>
        asOf is null && knownAt is null ? null : new Moment(asOf ?? knownAt!.Value, knownAt ?? now);

    public bool Has(Memory memory) =>
        memory.UpdatedAt <= KnownAt && !(memory.KnownUntil <= KnownAt)
        && (memory.ValidFrom ?? memory.OccurredAt) <= AsOf && !(memory.ValidUntil <= AsOf);
}
