namespace Memoir.Kit.Audit.Chain;

/// <summary>Whether a tenant's audit records are as they were written.</summary>
/// <param name="Tenant">Whose they are.</param>
/// <param name="Sealed">Records with a place in the chain.</param>
/// <param name="Unsealed">Records of the last moment, which have none yet and which nothing protects.</param>
/// <param name="Checkpoints">Signed lines about this chain that were held against it.</param>
/// <param name="Vouched">The last place that a checkpoint confirms; nothing outside the database speaks for what comes later.</param>
/// <param name="FirstBad">Null when all is well.</param>
public sealed record ChainReport(string Tenant, long Sealed, long Unsealed, int Checkpoints, long Vouched, BadRecord? FirstBad)
{
    public bool IsOk => FirstBad is null;
}

/// <summary>The first record that is not what it was.</summary>
/// <param name="Position">Its place in the chain.</param>
/// <param name="Id">What stands there; null when nothing does.</param>
/// <param name="Reason">One of <see cref="ChainFault"/>.</param>
public sealed record BadRecord(long Position, Guid? Id, string Reason);

/// <summary>What can be wrong with a place.</summary>
public static class ChainFault
{
    /// <summary>There is no record, and there was one.</summary>
    public const string Missing = "missing";

    /// <summary>The record is not the one that was sealed here: changed, put here from elsewhere, or added.</summary>
    public const string Changed = "changed";

    /// <summary>A place that no record can have, or that another one has already.</summary>
    public const string Added = "added";

    /// <summary>The chain fits together, but it is not the one that the checkpoints have seen.</summary>
    public const string Rewritten = "rewritten";

    /// <summary>The checkpoint for this place has no signature of a key that is known here.</summary>
    public const string Signature = "checkpoint-signature";
}
