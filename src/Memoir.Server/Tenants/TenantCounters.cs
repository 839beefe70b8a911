using Memoir.Kit.Data;

namespace Memoir.Server.Tenants;

/// <summary>
/// How far a tenant's rows have come: what is kept in memory compares itself with this. No write lowers any of them; they
/// fall only with a database that is set back, by a restore or by a standby that had not heard of the last commits.
/// </summary>
internal record TenantCounters
{
    public static TenantCounters None { get; } = new();

    private const string Columns = "last_sequence, last_change, index_epoch, generation_change";

    private const string Are = """
        SELECT COUNT(*) FROM tenants
        WHERE tenant_id = @Tenant AND last_sequence = @LastSequence AND last_change = @LastChange AND index_epoch = @Epoch
            AND generation_change = @GenerationChange
        """;

    /// <summary>The last place in the tenant's order that was taken.</summary>
    public long LastSequence { get; init; }

    /// <summary>Rises by one with every write that the index has to know of.</summary>
    public long LastChange { get; init; }

    /// <summary>Rises when the tenant is erased.</summary>
    public long Epoch { get; init; }

    /// <summary>Rises with every change of the generations of vectors that the tenant has.</summary>
    public long GenerationChange { get; init; }

    /// <summary>Whether any of them is lower than it was known to be before these were read: then the database was set back.</summary>
    public bool AreBehind(TenantCounters known) =>
        Epoch < known.Epoch || LastChange < known.LastChange || LastSequence < known.LastSequence || GenerationChange < known.GenerationChange;

    /// <summary>Takes places in the tenant's order, and the number of a change, for a write that the index has to know of.</summary>
    /// <returns>The counters as they are after it.</returns>
    public static async Task<TenantCounters> TakeAsync(Session session, int sequences, DateTimeOffset now)
    {
        const string sql = $"""
            INSERT INTO tenants (tenant_id, last_sequence, last_change, created_at)
            VALUES (@Tenant, @sequences, 1, @now)
            ON CONFLICT (tenant_id) DO UPDATE SET
                last_sequence = tenants.last_sequence + @sequences, last_change = tenants.last_change + 1
            RETURNING {Columns}
            """;

        var taken = None;
        await session.ScanAsync(sql, new { sequences, now }, row => taken = Of(row.Number(0), row.Number(1), row.Number(2), row.Number(3)));
        return taken;
    }

    /// <summary>As <see cref="TakeAsync"/>, where the transaction knows what was taken last.</summary>
    /// <returns>The counters as they are after it.</returns>
    public async Task<TenantCounters> TakeNextAsync(Session session, int sequences)
    {
        const string sql = """
            UPDATE tenants SET last_sequence = last_sequence + @sequences, last_change = last_change + 1 WHERE tenant_id = @Tenant
            """;

        await session.SendAsync(sql, new { sequences });
        return this with { LastSequence = LastSequence + sequences, LastChange = LastChange + 1 };
    }

    /// <summary>Takes more places in the tenant's order for a write that has some already.</summary>
    public async Task<TenantCounters> TakeMoreAsync(Session session, int sequences)
    {
        await session.SendAsync("UPDATE tenants SET last_sequence = last_sequence + @sequences WHERE tenant_id = @Tenant", new { sequences });
        return this with { LastSequence = LastSequence + sequences };
    }

    /// <summary>What they were before a write took so many places.</summary>
    public TenantCounters Before(int sequences) => this with { LastSequence = LastSequence - sequences, LastChange = LastChange - 1 };

    /// <summary>Takes these for the tenant's counters; see <see cref="Session.AssumeAsync"/>.</summary>
    public Task AssumeAsync(Session session) => session.AssumeAsync(Are, this);

    /// <summary>Says that these were the tenant's counters before the transaction; see <see cref="Session.NoteBefore"/>.</summary>
    public void NoteBefore(Session session) => session.NoteBefore(Are, this);

    public static async Task<TenantCounters> FindAsync(Session session)
    {
        const string sql = $"SELECT {Columns} FROM tenants WHERE tenant_id = @Tenant";

        var found = None;
        await session.ScanAsync(sql, new { }, row => found = Of(row.Number(0), row.Number(1), row.Number(2), row.Number(3)));
        return found;
    }

    /// <summary>Cross-tenant: the counters of these tenants, for following the writes of other processes.</summary>
    public static Task<IReadOnlyList<TenantPosition>> ListAsync(Session system, IReadOnlyList<string> tenants)
    {
        const string sql = """
            SELECT tenant_id, last_sequence, last_change, index_epoch AS epoch, generation_change
            FROM tenants WHERE tenant_id IN @tenants
            """;

        return system.QueryAsync<TenantPosition>(sql, new { tenants });
    }

    public static async Task<long> FindGenerationChangeAsync(Session session) =>
        await session.ScalarAsync("SELECT generation_change FROM tenants WHERE tenant_id = @Tenant", new { }) ?? 0;

    /// <returns>What the counter is from this write on.</returns>
    public static async Task<long> RaiseGenerationChangeAsync(Session session, DateTimeOffset now)
    {
        const string sql = """
            INSERT INTO tenants (tenant_id, last_sequence, generation_change, created_at)
            VALUES (@Tenant, 0, 1, @now)
            ON CONFLICT (tenant_id) DO UPDATE SET generation_change = tenants.generation_change + 1
            RETURNING generation_change
            """;

        session.Notes.Forget<TenantCounters>();
        return (await session.ScalarAsync(sql, new { now }))!.Value;
    }

    public static Task RaiseEpochAsync(Session session)
    {
        session.Notes.Forget<TenantCounters>();
        return session.ExecuteAsync("UPDATE tenants SET index_epoch = index_epoch + 1 WHERE tenant_id = @Tenant", new { });
    }

    private static TenantCounters Of(long sequence, long change, long epoch, long generationChange) => new()
    {
        LastSequence = sequence,
        LastChange = change,
        Epoch = epoch,
        GenerationChange = generationChange,
    };
}

/// <summary>A tenant's counters with its name, as a read of many tenants finds them.</summary>
internal sealed record TenantPosition : TenantCounters
{
    public required string TenantId { get; init; }
}
