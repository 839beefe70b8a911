using System.Collections.Concurrent;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;

namespace Memoir.Server.Limits;

/// <summary>
/// The addresses that are not answered for a while. They are stored, so that a restart lifts no block, and every process has
/// them in memory, so that a blocked address costs nothing.
/// </summary>
internal sealed partial class BlockedAddresses
{
    public static readonly TimeSpan Duration = TimeSpan.FromMinutes(15);

    /// <summary>So many at a time; an attacker with more networks than that is only limited.</summary>
    private const int Most = 10_000;

    private readonly Database _database;
    private readonly DefaultTenant _tenant;
    private readonly Meters _meters;
    private readonly TimeProvider _time;
    private readonly ILogger<BlockedAddresses> _logger;
    private readonly ConcurrentDictionary<string, bool> _underWay = new(StringComparer.Ordinal);
    private volatile ConcurrentDictionary<string, DateTimeOffset>? _known;

    /// <summary>Counts blocks made and lifted here, so that a list which one of these overtook is not kept.</summary>
    private int _changes;

    public BlockedAddresses(Database database, DefaultTenant tenant, Meters meters, TimeProvider time, ILogger<BlockedAddresses> logger)
    {
        _database = database;
        _tenant = tenant;
        _meters = meters;
        _time = time;
        _logger = logger;
        meters.BlockedAddresses = () => _known is { } known ? known.Count(blocked => blocked.Value > time.GetUtcNow()) : 0;
    }

    /// <returns>For how long it is still blocked, or null.</returns>
    public async ValueTask<TimeSpan?> WaitAsync(string address, CancellationToken ct)
    {
        if (_known is null)
        {
            try
            {
                await ReadAnewAsync(ct);
            }
            catch (ProblemException)
            {
                return null; // Without its database the server has its own answer, to everybody.
            }
        }

        var now = _time.GetUtcNow();
        return _known is { IsEmpty: false } known && known.TryGetValue(address, out var until) && until > now ? until - now : null;
    }

    /// <summary>Learns what other processes blocked and lifted.</summary>
    public async Task ReadAnewAsync(CancellationToken ct)
    {
        var changes = Volatile.Read(ref _changes);
        var rows = await _database.ReadAsync(_tenant.Tenant, session => BlockedAddressStore.ListAsync(session, "", _time.Now(), Most), ct);
        var read = new ConcurrentDictionary<string, DateTimeOffset>(rows.Select(row => KeyValuePair.Create(row.Address, row.Until)), StringComparer.Ordinal);
        if (changes == Volatile.Read(ref _changes) || _known is null)
        {
            _known = read;
        }
    }

    public async Task BlockAsync(string address, string requestId, CancellationToken ct)
    {
        if (_known is { Count: >= Most } || IsBlocked(address) || !_underWay.TryAdd(address, true))
        {
            return;
        }

        try
        {
            var now = _time.Now();
            var blocked = new BlockedAddress { Address = address, BlockedAt = now, Until = now + Duration };
            var isNew = await _database.WriteAsync(_tenant.Tenant, async session =>
            {
                if (!await BlockedAddressStore.BlockAsync(session, blocked))
                {
                    return false;
                }

                session.AfterCommit(() => Changed(known => known[address] = blocked.Until));
                await AuditLog.AppendAsync(session, new AuditRecord("server", "address.block", address, 1, requestId) { Address = address }, now);
                return true;
            }, ct);
            if (isNew)
            {
                _meters.AddressBlocked();
                LogBlocked(address, blocked.Until);
            }
        }
        finally
        {
            _underWay.TryRemove(address, out _);
        }
    }

    public Task<IReadOnlyList<BlockedAddress>> ListAsync(string after, int limit, CancellationToken ct) =>
        _database.ReadAsync(_tenant.Tenant, session => BlockedAddressStore.ListAsync(session, after, _time.Now(), limit), ct);

    /// <returns>False when it was not blocked.</returns>
    public async Task<bool> LiftAsync(string address, string actor, string requestId, CancellationToken ct)
    {
        var isLifted = await _database.WriteAsync(_tenant.Tenant, async session =>
        {
            var now = _time.Now();
            if (!await BlockedAddressStore.LiftAsync(session, address, now))
            {
                return false;
            }

            await AuditLog.AppendAsync(session, new AuditRecord(actor, "address.lift", address, 1, requestId), now);
            session.AfterCommit(() => Changed(known => known.TryRemove(address, out _)));
            return true;
        }, ct);
        if (isLifted)
        {
            LogLifted(address);
        }

        return isLifted;
    }

    public Task PurgeAsync(CancellationToken ct) =>
        _database.WriteAsync(_tenant.Tenant, session => BlockedAddressStore.PurgeAsync(session, _time.Now()), ct);

    private bool IsBlocked(string address) => _known is { } known && known.TryGetValue(address, out var until) && until > _time.GetUtcNow();

    private void Changed(Action<ConcurrentDictionary<string, DateTimeOffset>> change)
    {
        Interlocked.Increment(ref _changes);
        if (_known is { } known)
        {
            change(known);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Address {Address} was refused too often and is blocked until {Until}.")]
    private partial void LogBlocked(string address, DateTimeOffset until);

    [LoggerMessage(LogLevel.Information, "The block of address {Address} was lifted.")]
    private partial void LogLifted(string address);
}
