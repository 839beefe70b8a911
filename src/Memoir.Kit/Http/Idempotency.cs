using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Memoir.Kit.Data;

namespace Memoir.Kit.Http;

/// <summary>
/// One request that its caller may repeat. The key commits in the transaction of the effect, so the effect happens once
/// whatever is cut or killed; a repetition within a day gets the first answer again.
/// </summary>
/// <param name="Credential">Whose key it is: two credentials never share one.</param>
/// <param name="Key">What the caller sent.</param>
/// <param name="Fingerprint">SHA-256 of method, path, query and body: the same key with another request is refused.</param>
public sealed record IdempotentRequest(string Credential, string Key, string Fingerprint)
{
    public const string Header = "Idempotency-Key";
    public const string ReplayedHeader = "Idempotency-Replayed";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>In place of the status of an answer that was forgotten with what it was about.</summary>
    private const int Forgotten = StatusCodes.Status410Gone;

    /// <returns>Null when the caller sent no key.</returns>
    /// <exception cref="ProblemException">The key is not 1..255 printable ASCII characters.</exception>
    public static IdempotentRequest? From(HttpRequest request, string credential, ReadOnlySpan<byte> body)
    {
        var header = request.Headers[Header];
        if (header.Count == 0)
        {
            return null;
        }

        var key = header.ToString();
        if (header.Count > 1 || key.Length is < 1 or > 255 || key.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ProblemException(Problem.InvalidRequest, "Idempotency-Key must be 1 to 255 printable ASCII characters.");
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method}\n{request.Path}\n{request.QueryString}\n"));
        hash.AppendData(body);
        return new IdempotentRequest(credential, key, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Takes the key, or ends the closure with the first answer.</summary>
    /// <exception cref="IdempotencyReplayException">The request was answered before; this is that answer.</exception>
    /// <exception cref="ProblemException">
    /// The key was used for another request: 422 <c>idempotency-key-reused</c>. What the request did is deleted since: 409
    /// <c>conflict</c>, for a repetition must not bring it back.
    /// </exception>
    public async Task BeginAsync(Session session, DateTimeOffset now)
    {
        const string expire = """
            DELETE FROM idempotency_keys
            WHERE tenant_id = @Tenant AND credential = @Credential AND key = @Key AND created_at < @oldest
            """;
        const string take = """
            INSERT INTO idempotency_keys (tenant_id, credential, key, fingerprint, created_at)
            VALUES (@Tenant, @Credential, @Key, @Fingerprint, @now)
            ON CONFLICT DO NOTHING
            """;
        const string find = """
            SELECT fingerprint, status, body, location, etag FROM idempotency_keys
            WHERE tenant_id = @Tenant AND credential = @Credential AND key = @Key
            """;

        await session.SendAsync(expire, new { Credential, Key, oldest = now - Lifetime });
        if (await session.ExecuteAsync(take, new { Credential, Key, Fingerprint, now }) == 1)
        {
            return;
        }

        var first = await session.FindAsync<StoredAnswer>(find, new { Credential, Key });
        if (first is null || first.Status is null)
        {
            throw new ProblemException(Problem.IdempotencyInProgress, "The first request with this key is still being worked on.");
        }

        if (first.Fingerprint == Fingerprint && first.Status == Forgotten)
        {
            throw new ProblemException(Problem.Conflict, "This request was carried out before; what it stored has been deleted since. Use another key to store it anew.");
        }

        throw first.Fingerprint == Fingerprint
            ? new IdempotencyReplayException(new Answer((int)first.Status.Value, first.Body, first.Location) { ETag = first.Etag })
            : new ProblemException(Problem.IdempotencyKeyReused, "This idempotency key was used for another request within the last 24 hours.");
    }

    /// <summary>Keeps the answer beside the effect.</summary>
    public Task CompleteAsync(Session session, Answer answer)
    {
        const string sql = """
            UPDATE idempotency_keys SET status = @Status, body = @Body, location = @Location, etag = @ETag
            WHERE tenant_id = @Tenant AND credential = @Credential AND key = @Key
            """;

        return session.SendAsync(sql, new { Credential, Key, answer.Status, Body = answer.Body.ToArray(), answer.Location, answer.ETag });
    }

    /// <summary>
    /// Removes the answers that were kept about things which are gone, by the <c>Location</c> that they stated. The keys stay
    /// taken: a late repetition must not bring back what was deleted.
    /// </summary>
    public static async Task ForgetAsync(Session session, IEnumerable<string> locations)
    {
        foreach (var location in locations)
        {
            await session.SendAsync(
                "UPDATE idempotency_keys SET status = @Forgotten, body = NULL, location = NULL WHERE tenant_id = @Tenant AND location = @location", new { location, Forgotten });
        }
    }

    /// <summary>Which of these locations kept answers state.</summary>
    public static Task<IReadOnlyList<string>> ListAsync(Session session, IReadOnlyList<string> locations) => session.QueryAsync<string>(
        "SELECT location FROM idempotency_keys WHERE tenant_id = @Tenant AND location IN @locations", new { locations });

    /// <summary>Removes keys whose day is over, of all tenants.</summary>
    public static Task<int> PurgeAsync(Database database, DateTimeOffset now, CancellationToken ct) =>
        database.SystemWriteAsync(
            session => session.ExecuteAsync(
                """
                DELETE FROM idempotency_keys WHERE (tenant_id, credential, key) IN (
                    SELECT tenant_id, credential, key FROM idempotency_keys WHERE created_at < @oldest LIMIT 2000)
                """,
                new { oldest = now - Lifetime }),
            ct);

    private sealed record StoredAnswer
    {
        public required string Fingerprint { get; init; }

        public long? Status { get; init; }

        public byte[]? Body { get; init; }

        public string? Location { get; init; }

        public string? Etag { get; init; }
    }
}

/// <summary>Leaves a write closure with the answer that the same request got before.</summary>
public sealed class IdempotencyReplayException(Answer answer) : Exception("The request was answered before.")
{
    public Answer Answer { get; } = answer;
}

/// <summary>What a door adds to a service's write: work before it and after it, in the same transaction.</summary>
/// <param name="Before">Runs first; may end the closure by throwing.</param>
/// <param name="After">Runs with the service's result before the commit.</param>
public sealed record Companion<T>(Func<Session, Task> Before, Func<Session, T, Task> After);
