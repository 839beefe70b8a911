using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;

namespace Memoir.Kit.Audit;

/// <summary>
/// Requests that were denied, until they are written, within a second. Equal ones of a second become one record with their
/// number, and a tenant that is denied all the time gets no more than a record a second: a flood fills no disk. What has no
/// record of its own is counted in one that names none of them.
/// </summary>
public sealed class DenialLog(Database database, Meters meters, TimeProvider time)
{
    /// <summary>The first part of every action here.</summary>
    public const string Family = "denied";

    /// <summary>The record for those without one of their own.</summary>
    public const string Others = Family + ".others";

    /// <summary>What a tenant may spend at once; it gets one back every second.</summary>
    internal const int Allowance = 200;

    private const string Several = "several";
    private const int MostTenants = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);

    /// <summary>Takes note; nothing waits for it.</summary>
    /// <param name="tenant">In whose trail it belongs.</param>
    /// <param name="denial">What was denied; an equal one differs in nothing but request and address.</param>
    public void Note(Tenant tenant, AuditRecord denial)
    {
        meters.Denied();
        var now = time.Now();
        lock (_gate)
        {
            if (!_accounts.TryGetValue(tenant.Id, out var account))
            {
                if (_accounts.Count >= MostTenants && Forget(now) == 0)
                {
                    meters.DenialDropped(); // A thousand tenants that are all denied at once.
                    return;
                }

                _accounts.Add(tenant.Id, account = new Account(now));
            }

            if (!account.TryAdd(denial, now))
            {
                account.AddToOthers(denial, now);
                meters.DenialDropped();
            }
        }
    }

    /// <summary>Writes what there is, a commit for each tenant. What cannot be written is kept for the next time.</summary>
    public async Task WriteAsync(CancellationToken ct)
    {
#if FAULT_STORAGE
        while (AuditLog.Apart.TryDequeue(out var apart))
        {
            await database.WriteAsync(apart.Tenant, session => AuditLog.AppendManyAsync(session, [(apart.Record, apart.At)]), ct);
        }
#endif
        var taken = new Queue<(Tenant Tenant, List<(AuditRecord Record, DateTimeOffset At)> Records)>(Take());
        try
        {
            while (taken.TryPeek(out var next))
            {
                if (!await TryWriteAsync(next.Tenant, next.Records, ct))
                {
                    PutBack(next.Tenant, next.Records);
                }

                taken.Dequeue();
            }
        }
        finally
        {
            foreach (var (tenant, records) in taken)
            {
                PutBack(tenant, records);
            }
        }
    }

    /// <returns>False when the tenant's own writes fill its queue.</returns>
    private async Task<bool> TryWriteAsync(Tenant tenant, List<(AuditRecord Record, DateTimeOffset At)> records, CancellationToken ct)
    {
        try
        {
            await database.WriteAsync(tenant, session => AuditLog.AppendManyAsync(session, records), ct);
            return true;
        }
        catch (ProblemException refusal) when (refusal.Problem is Problem.Overloaded)
        {
            return false;
        }
    }

    private List<(Tenant Tenant, List<(AuditRecord Record, DateTimeOffset At)> Records)> Take()
    {
        lock (_gate)
        {
            var now = time.Now();
            var taken = _accounts.Where(one => one.Value.HasAny).Select(one => (new Tenant(one.Key), one.Value.Take())).ToList();
            Forget(now);
            return taken;
        }
    }

    private void PutBack(Tenant tenant, List<(AuditRecord Record, DateTimeOffset At)> records)
    {
        lock (_gate)
        {
            if (!_accounts.TryGetValue(tenant.Id, out var account))
            {
                _accounts.Add(tenant.Id, account = new Account(time.Now()));
            }

            records.ForEach(one => account.PutBack(one.Record, one.At));
        }
    }

    /// <returns>How many that owe nothing and have nothing were forgotten.</returns>
    private int Forget(DateTimeOffset now)
    {
        var idle = _accounts.Where(one => one.Value.IsIdle(now)).Select(one => one.Key).ToList();
        idle.ForEach(one => _accounts.Remove(one));
        return idle.Count;
    }

    /// <summary>What one tenant's trail is to get, and how much it still may.</summary>
    private sealed class Account(DateTimeOffset now)
    {
        private readonly Dictionary<(string Actor, string Action, string? Subject), (AuditRecord Record, DateTimeOffset At)> _records = [];
        private double _allowance = Allowance;
        private DateTimeOffset _since = now;

        public bool HasAny => _records.Count > 0;

        public bool IsIdle(DateTimeOffset at)
        {
            Refill(at);
            return !HasAny && _allowance >= Allowance;
        }

        /// <returns>False when it would need a record that the tenant may not have any more.</returns>
        public bool TryAdd(AuditRecord denial, DateTimeOffset at)
        {
            Refill(at);
            if (!_records.ContainsKey(KeyOf(denial)))
            {
                if (_allowance < 1)
                {
                    return false;
                }

                _allowance--;
            }

            PutBack(denial, at);
            return true;
        }

        public void AddToOthers(AuditRecord denial, DateTimeOffset at) =>
            PutBack(denial with { Actor = Several, Action = Others, Subject = null, Address = null }, at);

        public void PutBack(AuditRecord denial, DateTimeOffset at)
        {
            var key = KeyOf(denial);
            _records[key] = _records.TryGetValue(key, out var known)
                ? (known.Record with { Count = known.Record.Count + denial.Count }, known.At < at ? known.At : at)
                : (denial, at);
        }

        public List<(AuditRecord Record, DateTimeOffset At)> Take()
        {
            List<(AuditRecord, DateTimeOffset)> taken = [.. _records.Values];
            _records.Clear();
            return taken;
        }

        private void Refill(DateTimeOffset at)
        {
            _allowance = Math.Min(Allowance, _allowance + Math.Max(0, (at - _since).TotalSeconds));
            _since = at;
        }

        private static (string, string, string?) KeyOf(AuditRecord denial) => (denial.Actor, denial.Action, denial.Subject);
    }
}
