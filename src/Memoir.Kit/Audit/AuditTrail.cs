using Memoir.Kit.Data;

namespace Memoir.Kit.Audit;

/// <summary>Which records of a tenant are asked for; null leaves open.</summary>
/// <param name="Actor">Exactly this credential.</param>
/// <param name="Action">Exactly this, or all whose first part it is: <c>memory</c>, <c>denied</c>.</param>
/// <param name="Subject">Exactly this thing.</param>
/// <param name="RequestId">Exactly this request.</param>
/// <param name="Since">Not before.</param>
/// <param name="Until">Before.</param>
public sealed record AuditFilter(
    string? Actor, string? Action, string? Subject, string? RequestId, DateTimeOffset? Since, DateTimeOffset? Until);

/// <summary>Reads a tenant's audit records.</summary>
public sealed class AuditTrail(Database database)
{
    /// <summary>Newest first, from just before the given record on; null starts at the newest.</summary>
    public Task<IReadOnlyList<AuditEntry>> ListAsync(
        Tenant tenant, AuditFilter filter, (DateTimeOffset At, Guid Id)? before, int limit, CancellationToken ct)
    {
        // At the end of a span the smallest id, for nothing of that instant belongs to it any more.
        var end = filter.Until is { } until ? (until, Guid.Empty) : (Instants.FromMicrosecondsClamped(long.MaxValue), Guid.AllBitsSet);
        var (at, id) = before is { } last && last.CompareTo(end) < 0 ? last : end;
        return database.ReadAsync(tenant, session => AuditStore.ListAsync(session, filter, at, id, limit), ct);
    }
}
