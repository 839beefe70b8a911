using System.Text.Json;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Server.Memories;
using Memoir.Server.Wire;

namespace Memoir.Server.Privacy.Erasure;

/// <summary>A memory that is to go: its place, and what names it elsewhere.</summary>
internal sealed record DoomedMemory
{
    public required long Sequence { get; init; }

    public required Guid Id { get; init; }

    public required long Version { get; init; }

    /// <summary>Where its text stands when it is not in the database.</summary>
    public string? ArchiveFile { get; init; }
}

/// <summary>All SQL about what a subject has in a tenant, over all tables that have something of it.</summary>
internal static class SubjectStore
{
    private const string Doomed = "sequence, id, version, archive_file";

    /// <summary>The places of a subject's memories in a stretch of the tenant's order.</summary>
    public static Task<IReadOnlyList<long>> ListPlacesAsync(Session session, string userId, long after, long upTo)
    {
        const string sql = """
            SELECT sequence FROM memories
            WHERE tenant_id = @Tenant AND sequence > @after AND sequence <= @upTo AND user_id = @userId
            ORDER BY sequence
            """;

        return session.QueryAsync<long>(sql, new { userId, after, upTo });
    }

    /// <summary>Those of these places that are the subject's still.</summary>
    public static Task<IReadOnlyList<DoomedMemory>> ListOwnAsync(Session session, string userId, IReadOnlyList<long> sequences) => session.QueryAsync<DoomedMemory>(
        $"SELECT {Doomed} FROM memories WHERE tenant_id = @Tenant AND sequence IN @sequences AND user_id = @userId", new { userId, sequences });

    /// <summary>Those of these places that are made from other memories.</summary>
    public static Task<IReadOnlyList<DoomedMemory>> ListMadeAsync(Session session, IReadOnlyList<long> sequences) => session.QueryAsync<DoomedMemory>(
        $"SELECT {Doomed} FROM memories WHERE tenant_id = @Tenant AND sequence IN @sequences AND derived_from IS NOT NULL", new { sequences });

    /// <summary>
    /// The places of what was made from a subject's memories, and of what was made from that, the last made first: who is cut
    /// off in between still finds the rest.
    /// </summary>
    public static async Task<IReadOnlyList<long>> ListDerivedAsync(Session session, string userId)
    {
        const string sql = """
            SELECT sequence, id, derived_from FROM memories
            WHERE tenant_id = @Tenant AND derived_from IS NOT NULL
            ORDER BY sequence
            """;

        var made = new List<(long Sequence, Guid Id, Guid[] Sources)>();
        await session.ScanAsync(sql, new { }, row => made.Add((row.Number(0), row.Id(1), Provenance.SourcesOf(row.Text(2)))));
        var tainted = new HashSet<Guid>();
        foreach (var source in made.SelectMany(item => item.Sources).Distinct())
        {
            if (await session.ScalarAsync("SELECT 1 FROM memories WHERE tenant_id = @Tenant AND id = @source AND user_id = @userId", new { source, userId }) is not null)
            {
                tainted.Add(source);
            }
        }

        var found = new List<long>();
        for (var before = -1; before < found.Count;)
        {
            before = found.Count;
            foreach (var item in made.Where(item => item.Sources.Any(tainted.Contains)).ToList())
            {
                tainted.Add(item.Id);
                found.Add(item.Sequence);
                made.Remove(item);
            }
        }

        found.Reverse();
        return found;
    }

    /// <summary>Deletes memories with all that hangs on them but the index.</summary>
    public static async Task<ErasedCounts> DeleteAsync(Session session, IReadOnlyList<DoomedMemory> memories)
    {
        var sequences = memories.Select(memory => memory.Sequence).ToList();
        var versions = await session.QueryAsync<long>(
            "SELECT version FROM memory_versions WHERE tenant_id = @Tenant AND memory_id IN (SELECT id FROM memories WHERE tenant_id = @Tenant AND sequence IN @sequences)",
            new { sequences });
        var vectors = await session.QueryAsync<long>("SELECT sequence FROM embeddings WHERE tenant_id = @Tenant AND sequence IN @sequences", new { sequences });
        var answers = await IdempotentRequest.ListAsync(session, KeptAnswers.Of(session.Tenant, [.. memories.Select(memory => memory.Id)]));
        await IdempotentRequest.ForgetAsync(session, answers);
        foreach (var memory in memories)
        {
            await session.SendAsync("DELETE FROM memory_versions WHERE tenant_id = @Tenant AND memory_id = @Id", memory);
            await session.SendAsync("DELETE FROM embeddings WHERE tenant_id = @Tenant AND sequence = @Sequence", memory);
            await session.SendAsync("DELETE FROM memories WHERE tenant_id = @Tenant AND id = @Id", memory);
        }

        return new ErasedCounts { Memories = memories.Count, Versions = versions.Count, Vectors = vectors.Count, IdempotencyKeys = answers.Count };
    }

    /// <summary>Versions in which a memory that is another's by now was the subject's.</summary>
    public static async Task<IReadOnlyList<(Guid Memory, long Version)>> ListVersionsAsync(Session session, string userId)
    {
        const string sql = """
            SELECT memory_id, version, snapshot FROM memory_versions
            WHERE tenant_id = @Tenant AND snapshot LIKE @pattern ESCAPE '!'
            """;

        // As the snapshot's writer spells it. SQLite's LIKE knows no case, so each is looked at once more.
        var spelled = $"\"user_id\":\"{JsonEncodedText.Encode(userId)}\"";
        var pattern = $"%{spelled.Replace("!", "!!", StringComparison.Ordinal).Replace("%", "!%", StringComparison.Ordinal).Replace("_", "!_", StringComparison.Ordinal)}%";
        var found = new List<(Guid Memory, long Version)>();
        await session.ScanAsync(sql, new { pattern }, row =>
        {
            if (MemorySnapshot.UserOf(row.Text(2)) == userId)
            {
                found.Add((row.Id(0), row.Number(1)));
            }
        });
        return found;
    }

    public static async Task<int> DeleteVersionsAsync(Session session, IEnumerable<(Guid Memory, long Version)> versions)
    {
        var gone = 0;
        foreach (var (memory, version) in versions)
        {
            gone += await session.ExecuteAsync(
                "DELETE FROM memory_versions WHERE tenant_id = @Tenant AND memory_id = @memory AND version = @version", new { memory, version });
        }

        return gone;
    }

    /// <summary>Jobs that name the subject as a value, and those whose error alone does.</summary>
    public static async Task<(IReadOnlyList<Guid> Named, IReadOnlyList<Guid> Blamed)> ListJobsAsync(Session session, string userId)
    {
        var (named, blamed) = (new List<Guid>(), new List<Guid>());
        string[] spelled = [$"\"{JsonEncodedText.Encode(userId)}\"", JsonSerializer.Serialize(userId, WireJson.Options.GetTypeInfo(typeof(string)))];
        await session.ScanAsync("SELECT id, payload, last_error FROM jobs WHERE tenant_id = @Tenant", new { }, row =>
        {
            var payload = row.Text(1);
            if (payload == userId || spelled.Any(text => payload.Contains(text, StringComparison.Ordinal)))
            {
                named.Add(row.Id(0));
            }
            else if (Names(row.Text(2), userId))
            {
                blamed.Add(row.Id(0));
            }
        });
        return (named, blamed);
    }

    public static async Task<int> DeleteJobsAsync(Session session, IReadOnlyList<Guid> named, IReadOnlyList<Guid> blamed)
    {
        var gone = 0;
        foreach (var id in named)
        {
            gone += await session.ExecuteAsync("DELETE FROM jobs WHERE tenant_id = @Tenant AND id = @id", new { id });
        }

        foreach (var id in blamed)
        {
            await session.SendAsync("UPDATE jobs SET last_error = 'What it said named somebody who was erased.' WHERE tenant_id = @Tenant AND id = @id", new { id });
        }

        return gone;
    }

    /// <summary>Everything of a tenant but its memories.</summary>
    public static async Task<ErasedCounts> DeleteRestAsync(Session session)
    {
        await session.ExecuteAsync("DELETE FROM blocked_addresses WHERE tenant_id = @Tenant", new { });
        await session.ExecuteAsync("DELETE FROM retention_policies WHERE tenant_id = @Tenant", new { });
        await session.ExecuteAsync("DELETE FROM quality_policies WHERE tenant_id = @Tenant", new { });
        await session.ExecuteAsync("DELETE FROM retention_runs WHERE tenant_id = @Tenant", new { });
        return new ErasedCounts
        {
            Jobs = await session.ExecuteAsync("DELETE FROM jobs WHERE tenant_id = @Tenant", new { }),
            IdempotencyKeys = await session.ExecuteAsync("DELETE FROM idempotency_keys WHERE tenant_id = @Tenant", new { }),
            Keys = await DeleteKeysAsync(session),
        };
    }

    public static Task<int> DeleteKeysAsync(Session session) => session.ExecuteAsync("DELETE FROM api_keys WHERE tenant_id = @Tenant", new { });

    /// <summary>Whoever has memories in the tenant, each once.</summary>
    public static Task<IReadOnlyList<string>> ListUsersAsync(Session session) =>
        session.QueryAsync<string>("SELECT DISTINCT user_id FROM memories WHERE tenant_id = @Tenant AND user_id IS NOT NULL", new { });

    /// <summary>Whoever is named in an older version, each once.</summary>
    public static async Task<IReadOnlyCollection<string>> ListFormerUsersAsync(Session session)
    {
        var users = new HashSet<string>(StringComparer.Ordinal);
        await session.ScanAsync("SELECT snapshot FROM memory_versions WHERE tenant_id = @Tenant", new { }, row =>
        {
            if (MemorySnapshot.UserOf(row.Text(0)) is { } user)
            {
                users.Add(user);
            }
        });
        return users;
    }

    /// <summary>The first memories that a tenant, or a subject, had stored up to a moment.</summary>
    public static Task<IReadOnlyList<DoomedMemory>> ListStoredAsync(Session session, string? userId, DateTimeOffset upTo, int limit)
    {
        const string all = $"SELECT {Doomed} FROM memories WHERE tenant_id = @Tenant AND stored_at <= @upTo ORDER BY sequence LIMIT @limit";
        const string own = $"SELECT {Doomed} FROM memories WHERE tenant_id = @Tenant AND user_id = @userId AND stored_at <= @upTo ORDER BY sequence LIMIT @limit";

        return userId is null
            ? session.QueryAsync<DoomedMemory>(all, new { upTo, limit })
            : session.QueryAsync<DoomedMemory>(own, new { userId, upTo, limit });
    }

    /// <summary>As a word of its own: a short id is a part of many words.</summary>
    private static bool Names(string? text, string userId)
    {
        for (var at = text?.IndexOf(userId, StringComparison.Ordinal) ?? -1; at >= 0; at = text!.IndexOf(userId, at + 1, StringComparison.Ordinal))
        {
            var end = at + userId.Length;
            if ((at == 0 || !char.IsLetterOrDigit(text![at - 1])) && (end == text!.Length || !char.IsLetterOrDigit(text[end])))
            {
                return true;
            }
        }

        return false;
    }
}
