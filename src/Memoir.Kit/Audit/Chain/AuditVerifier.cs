using Memoir.Kit.Data;
using Memoir.Kit.Security;

namespace Memoir.Kit.Audit.Chain;

/// <summary>
/// Walks chains from their first record on, in portions of their own short reads, and holds them against the checkpoints.
/// Without checkpoints it finds what does not fit together, but not a chain that was cut off or written anew as a whole.
/// </summary>
public sealed class AuditVerifier(Database database, InstanceKeys keys, CheckpointWriter checkpoints, TimeProvider time)
{
    private const int Portion = 1000;

    /// <summary>The file of this process, where there is one.</summary>
    public IReadOnlyList<string> OwnFiles => File.Exists(checkpoints.Path) ? [checkpoints.Path] : [];

    /// <summary>Tenants with records or checkpoints, in the order of their names: one whose records are all gone must not be passed over.</summary>
    public async Task<IReadOnlyList<Tenant>> ListTenantsAsync(IReadOnlyList<string> files, string after, int limit, CancellationToken ct)
    {
        var named = await new CheckpointReader(keys, files).ListTenantsAsync(ct);
        var found = new SortedSet<string>(named.Where(name => string.CompareOrdinal(name, after) > 0), StringComparer.Ordinal);
        for (var (count, last) = (0, after); count < limit; count++)
        {
            if (await database.SystemReadAsync(system => ChainStore.FindTenantAfterAsync(system, last), ct) is not { } next)
            {
                break;
            }

            found.Add(last = next);
        }

        return [.. found.Take(limit).Select(name => new Tenant(name))];
    }

    /// <exception cref="IOException">A file cannot be read.</exception>
    public async Task<IReadOnlyList<ChainReport>> VerifyAsync(IReadOnlyList<Tenant> tenants, IReadOnlyList<string> files, CancellationToken ct)
    {
        // The files first: the database is then at least as far as they are.
        var reader = new CheckpointReader(keys, files);
        var said = await reader.ReadAsync(tenants.Select(tenant => tenant.Id).ToHashSet(StringComparer.Ordinal), ct);
        var reports = new List<ChainReport>(tenants.Count);
        foreach (var tenant in tenants)
        {
            reports.Add(await VerifyAsync(tenant, said.GetValueOrDefault(tenant.Id) ?? new Testimony(), reader, ct));
        }

        return reports;
    }

    /// <summary>Signs that the database was set back on purpose, so that what is missing from it since is no fault.</summary>
    /// <returns>Of how many tenants.</returns>
    public async Task<int> AcceptRestoreAsync(CancellationToken ct)
    {
        const int most = 200;
        var (after, count) = ("", 0);
        while (await ListTenantsAsync(OwnFiles, after, most, ct) is { Count: > 0 } tenants)
        {
            var lines = new List<Checkpoint>(tenants.Count);
            foreach (var tenant in tenants)
            {
                var head = await database.ReadAsync(tenant, ChainStore.FindHeadAsync, ct);
                lines.Add(new Checkpoint
                {
                    Kind = Checkpoint.Restored,
                    TenantId = tenant.Id,
                    From = head?.Position ?? 0,
                    Position = head?.Position ?? 0,
                    Hash = head?.Hash ?? ChainHash.Start,
                    At = time.Now(),
                    Marks = [],
                });
            }

            await checkpoints.AppendAsync(lines, ct);
            count += tenants.Count;
            after = tenants[^1].Id;
        }

        return count;
    }

    private async Task<ChainReport> VerifyAsync(Tenant tenant, Testimony said, CheckpointReader reader, CancellationToken ct)
    {
        var points = said.Counting;
        var (walked, vouched, bad) = await WalkAsync(tenant, points, ct);
        if (bad is not null)
        {
            // Somewhere between the last place that is certain and this one the chain may have been written anew.
            var marks = await reader.ReadMarksAsync(tenant.Id, points, vouched, bad.Position, ct);
            bad = await FindRewrittenAsync(tenant, marks, vouched, bad.Position, ct) ?? bad;
        }

        if (said.Unsigned is { } unsigned && (bad is null || unsigned < bad.Position))
        {
            bad = new BadRecord(unsigned, Id: null, ChainFault.Signature);
        }

        var counted = await database.ReadAsync(tenant, ChainStore.CountAsync, ct);
        return new ChainReport(tenant.Id, bad is null ? walked : counted.Sealed, counted.Unsealed, points.Count, vouched, bad);
    }

    private async Task<(long Walked, long Vouched, BadRecord? Bad)> WalkAsync(Tenant tenant, IReadOnlyList<Checkpoint> points, CancellationToken ct)
    {
        using var hash = new ChainHash();
        var previous = ChainHash.Start;
        var (expected, vouched, point) = (1L, 0L, 0);
        while (point < points.Count && points[point].Position == 0)
        {
            point++; // A restore to a time before the first record.
        }

        await foreach (var entry in ReadChainAsync(tenant, after: long.MinValue, ct))
        {
            var place = entry.Position!.Value;
            if (place != expected)
            {
                return (expected - 1, vouched, place < expected ? new BadRecord(place, entry.Id, ChainFault.Added) : new BadRecord(expected, Id: null, ChainFault.Missing));
            }

            previous = hash.Of(previous, expected, tenant, entry);
            if (!previous.AsSpan().SequenceEqual(entry.Hash))
            {
                return (expected - 1, vouched, new BadRecord(expected, entry.Id, ChainFault.Changed));
            }

            for (; point < points.Count && points[point].Position == expected; point++)
            {
                if (!previous.AsSpan().SequenceEqual(points[point].Hash))
                {
                    return (expected, vouched, new BadRecord(expected, entry.Id, ChainFault.Rewritten));
                }

                vouched = expected;
            }

            expected++;
        }

        return (expected - 1, vouched, point < points.Count ? new BadRecord(expected, Id: null, ChainFault.Missing) : null);
    }

    private async Task<BadRecord?> FindRewrittenAsync(
        Tenant tenant, IReadOnlyDictionary<long, byte[]> marks, long after, long until, CancellationToken ct)
    {
        await foreach (var entry in ReadChainAsync(tenant, after, ct))
        {
            if (entry.Position >= until)
            {
                break;
            }

            if (marks.TryGetValue(entry.Position!.Value, out var mark) && !(entry.Hash ?? ChainHash.Start).AsSpan().StartsWith(mark))
            {
                return new BadRecord(entry.Position.Value, entry.Id, ChainFault.Rewritten);
            }
        }

        return null;
    }

    /// <summary>Sealed records from behind a place on, without holding a transaction meanwhile.</summary>
    private async IAsyncEnumerable<AuditEntry> ReadChainAsync(
        Tenant tenant, long after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var (position, id) = (after, Guid.AllBitsSet);
        while (true)
        {
            var portion = await database.ReadAsync(tenant, session => ChainStore.ListChainAsync(session, position, id, Portion), ct);
            foreach (var entry in portion)
            {
                yield return entry;
            }

            if (portion.Count < Portion)
            {
                yield break;
            }

            (position, id) = (portion[^1].Position!.Value, portion[^1].Id);
        }
    }
}
