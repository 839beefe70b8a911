using Memoir.Kit.Data;
using Memoir.Kit.Telemetry;
using Memoir.Server.Quality;
using Memoir.Server.Quality.Doubts;
using Memoir.Server.Recall;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Analytics;

/// <summary>
/// What searches leave behind: measurements, and a record for the tenant's operator. Records wait in memory, at most so
/// many, until <see cref="SearchLogWriter"/> comes: a search is no write and waits for none.
/// </summary>
internal sealed class SearchLog(Meters meters, RecentlyRecalled recalled, IOptions<SearchLogOptions> options, TimeProvider time)
{
    public const int MostWaiting = 16_384;

    /// <summary>What could not be written for so long is given up.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    /// <summary>Clocks of processes differ; an erasure reaches this far past its own time.</summary>
    private static readonly TimeSpan ErasureReach = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private List<SearchRecord> _waiting = [];

    /// <summary>How long records are kept; 0 when there are none.</summary>
    public int Days { get; } = options.Value.Days;

    public void Add(Tenant tenant, RecallQuestion question, string mode, RecallAnswer answer, TimeSpan took)
    {
        var isDegraded = answer.DegradedReason is not null;
        meters.Searched(mode, isDegraded, took);
        foreach (var item in answer.Items)
        {
            recalled.Add(tenant, item.Memory.Sequence, item.Memory.Version, item.Memory.Content);
        }

        if (Days == 0)
        {
            return;
        }

        var now = time.Now();
        PutBack([new SearchRecord
        {
            TenantId = tenant.Id,
            Id = Guid.CreateVersion7(now),
            At = now,
            UserId = question.UserId,
            ConversationId = question.ConversationId,
            Query = SearchRecord.Cut(new Screening(SensitivePolicy.MaskSecrets).Text("query", question.Query)),
            Hits = answer.Items.Count,
            Degraded = isDegraded ? 1 : 0,
            Milliseconds = took.TotalMilliseconds,
        }]);
    }

    /// <summary>All that waits; from now on it is the caller's to write, or to put back.</summary>
    public IReadOnlyList<SearchRecord> Take()
    {
        lock (_gate)
        {
            var taken = _waiting;
            _waiting = [];
            return taken;
        }
    }

    /// <summary>Lets records wait; what is too old, or has no room, is dropped and counted.</summary>
    public void PutBack(IReadOnlyList<SearchRecord> records)
    {
        var oldest = time.Now() - LongestWait;
        var dropped = 0;
        lock (_gate)
        {
            foreach (var record in records)
            {
                if (_waiting.Count < MostWaiting && record.At >= oldest)
                {
                    _waiting.Add(record);
                }
                else
                {
                    dropped++;
                }
            }
        }

        if (dropped > 0)
        {
            meters.SearchLogDropped(dropped);
        }
    }

    /// <summary>
    /// Writes records of the session's tenant. Those of a tenant that stored nothing yet are not kept, nor those from
    /// before an erasure: what was erased must not come back from a process that still had it in memory.
    /// </summary>
    public static async Task<int> WriteAsync(Session session, IReadOnlyList<SearchRecord> records)
    {
        if (await SearchLogStore.FindErasedAtAsync(session) is not { } erasedAt)
        {
            return 0;
        }

        var kept = erasedAt == 0 ? records : [.. records.Where(record => record.At > Instants.FromMicroseconds(erasedAt) + ErasureReach)];
        if (kept.Count > 0)
        {
            await SearchLogStore.InsertManyAsync(session, kept);
        }

        return kept.Count;
    }

    /// <summary>What was recorded, in the order of the ids, which is nearly that of time.</summary>
    /// <param name="session">The tenant's.</param>
    /// <param name="userId">Only the searches that named this user; null for all.</param>
    /// <param name="after">The last one of the portion before; all zero for the first.</param>
    /// <param name="limit">Ends a portion.</param>
    public static Task<IReadOnlyList<SearchRecord>> ListAsync(Session session, string? userId, Guid after, int limit) =>
        userId is null ? SearchLogStore.ListAsync(session, after, limit) : SearchLogStore.ListOfUserAsync(session, userId, after, limit);

    /// <summary>Whether records of the session's tenant are kept: not before it has stored something.</summary>
    public static async Task<bool> IsKeptAsync(Session session) => await SearchLogStore.FindErasedAtAsync(session) is not null;

    /// <summary>Brings records back into the session's tenant; what is there already is left as it is.</summary>
    /// <returns>How many were not there.</returns>
    public static async Task<int> RestoreAsync(Session session, IReadOnlyList<SearchRecord> records)
    {
        var restored = 0;
        foreach (var record in records)
        {
            restored += await SearchLogStore.InsertAsync(session, record) ? 1 : 0;
        }

        return restored;
    }

    /// <summary>Erases what the session's tenant searched, here and in the memory of every process.</summary>
    /// <returns>How many rows went.</returns>
    public static async Task<int> EraseAllAsync(Session session, DateTimeOffset now)
    {
        await SearchLogStore.SetErasedAtAsync(session, now);
        return await SearchLogStore.DeleteAllAsync(session);
    }

    /// <summary>Whoever was named in a search, each once.</summary>
    public static Task<IReadOnlyList<string>> ListUsersAsync(Session session) => SearchLogStore.ListUsersAsync(session);

    /// <summary>Whether a recorded search named a user.</summary>
    public static Task<bool> NamesAsync(Session session, string userId) => SearchLogStore.HasUserAsync(session, userId);

    /// <summary>
    /// Erases the searches that named a user, here and in the memory of every process; the tenant's other searches of the
    /// last seconds that were not written yet go with them.
    /// </summary>
    /// <returns>How many rows went.</returns>
    public static async Task<int> EraseUserAsync(Session session, string userId, DateTimeOffset now)
    {
        await SearchLogStore.SetErasedAtAsync(session, now);
        return await SearchLogStore.DeleteUserAsync(session, userId);
    }
}
