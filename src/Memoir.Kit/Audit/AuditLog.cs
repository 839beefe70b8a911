using Memoir.Kit.Data;

namespace Memoir.Kit.Audit;

/// <summary>One change that somebody made, or a request that was denied: who, what, to which thing, under which request.</summary>
/// <param name="Actor">The credential, never a secret: <c>operator:&lt;fingerprint&gt;</c>, <c>loopback</c>, <c>key:&lt;prefix&gt;</c>, <c>stranger</c>.</param>
/// <param name="Action">What was done, for example <c>memory.store</c>, or <c>denied.&lt;problem&gt;</c>.</param>
/// <param name="Subject">The id of the thing that changed, or null when there are several; the method and route of what was denied.</param>
/// <param name="Count">How many things changed, or how many requests were denied.</param>
/// <param name="RequestId">The request that caused it; of several, the first.</param>
public sealed record AuditRecord(string Actor, string Action, string? Subject, int Count, string RequestId)
{
    /// <summary>Where a denied request came from.</summary>
    public string? Address { get; init; }
}

/// <summary>
/// Append-only records of changes, committed with the change they describe. Their places in the tenant's chain are given
/// afterwards, by <see cref="Chain.AuditSealer"/>, so that no write waits for the one before it.
/// </summary>
public static class AuditLog
{
    private const string Insert = """
        INSERT INTO audit_records (tenant_id, id, at, actor, action, subject, count, request_id, address)
        VALUES (@Tenant, @Id, @At, @Actor, @Action, @Subject, @Count, @RequestId, @Address)
        """;

    public static Task AppendAsync(Session session, AuditRecord record, DateTimeOffset now)
    {
#if FAULT_STORAGE
        if (Data.Sqlite.SeededFault.Is("AuditApart"))
        {
            session.AfterCommit(() => Apart.Enqueue((session.Tenant, record, now)));
            return Task.CompletedTask;
        }
#endif
        return session.SendAsync(Insert, Row.Of(record, now));
    }

    /// <summary>The same for records that commit together.</summary>
    public static Task AppendManyAsync(Session session, IReadOnlyList<(AuditRecord Record, DateTimeOffset At)> records) =>
        session.SendManyAsync(Insert, [.. records.Select(one => Row.Of(one.Record, one.At))]);

#if FAULT_STORAGE
    internal static System.Collections.Concurrent.ConcurrentQueue<(Tenant Tenant, AuditRecord Record, DateTimeOffset At)> Apart { get; } = new();
#endif

    private sealed record Row(Guid Id, DateTimeOffset At, string Actor, string Action, string? Subject, int Count, string RequestId, string? Address)
    {
        public static Row Of(AuditRecord record, DateTimeOffset now) => new(
            Guid.CreateVersion7(now), now, record.Actor, record.Action, record.Subject, record.Count, record.RequestId, record.Address);
    }
}
