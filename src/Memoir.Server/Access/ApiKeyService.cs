using System.Collections.Concurrent;
using Memoir.Kit.Audit;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Kit.Security;

namespace Memoir.Server.Access;

/// <summary>Makes, lists, revokes and recognises the keys of tenants.</summary>
internal sealed class ApiKeyService(Database database, TimeProvider time)
{
    private const string Mark = "mk_";
    private const int PrefixLength = 11; // mk_ and the eight visible characters
    private const int KeyLength = PrefixLength + 1 + 43;
    private const int LargestCache = 10_000;

    /// <summary>How long a key is recognised after it was read: another process may have revoked it.</summary>
    public static readonly TimeSpan Trust = TimeSpan.FromSeconds(3);

    /// <summary>Keys seen lately, and prefixes that do not exist. Revoking here forgets at once, in commit order.</summary>
    private readonly ConcurrentDictionary<string, SeenKey> _byPrefix = new(StringComparer.Ordinal);

    /// <summary>Counts keys made and revoked, so that a lookup that one of these overtook is not kept.</summary>
    private int _changes;

    private readonly ConcurrentDictionary<Guid, (Tenant Tenant, DateTimeOffset At)> _uses = new();

    /// <returns>The key's row and the secret, which is known only now.</returns>
    public async Task<(ApiKey Key, string Secret)> CreateAsync(
        Tenant tenant, CreateApiKeyRequest request, string actor, string requestId, Companion<(ApiKey Key, string Secret)>? companion, CancellationToken ct)
    {
        var now = time.Now();
        var scopes = Validate(request, now);
        var prefix = Mark + Visible();
        var secret = $"{prefix}_{Secrets.Random(32)}";
        var key = new ApiKey
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant.Id,
            Prefix = prefix,
            Hash = Secrets.Hash(secret),
            Name = request.Name,
            Scopes = scopes,
            CreatedAt = now,
            ExpiresAt = request.ExpiresAt,
            RateLimit = RateLimit.Parse(request.RateLimit)?.ToString(),
        };

        return await database.WriteAsync(tenant, async session =>
        {
            if (companion is not null)
            {
                await companion.Before(session);
            }

            await ApiKeyStore.InsertAsync(session, key);
            await AuditLog.AppendAsync(session, new AuditRecord(actor, "key.create", key.Id.ToString(), 1, requestId), now);
            if (companion is not null)
            {
                await companion.After(session, (key, secret));
            }

            session.AfterCommit(() => Forget(prefix));
            return (key, secret);
        }, ct);
    }

    public Task<IReadOnlyList<ApiKey>> ListAsync(Tenant tenant, Guid after, int limit, CancellationToken ct) =>
        database.ReadAsync(tenant, session => ApiKeyStore.ListAsync(session, after, limit), ct);

    /// <returns>False when this tenant has no such key.</returns>
    public Task<bool> RevokeAsync(Tenant tenant, Guid id, string actor, string requestId, CancellationToken ct) =>
        database.WriteAsync(tenant, async session =>
        {
            var key = await ApiKeyStore.FindAsync(session, id);
            if (key is null)
            {
                return false;
            }

            await ApiKeyStore.DeleteAsync(session, id);
            await AuditLog.AppendAsync(session, new AuditRecord(actor, "key.revoke", id.ToString(), 1, requestId), time.Now());
            session.AfterCommit(() => Forget(key.Prefix));
            return true;
        }, ct);

    /// <summary>Forgets what is known of a tenant's keys; called after its data was erased.</summary>
    public void ForgetCached()
    {
        Interlocked.Increment(ref _changes);
        _byPrefix.Clear();
    }

    /// <returns>The key that this secret opens, or null: unknown, revoked and expired look alike.</returns>
    public async ValueTask<ApiKey?> RecogniseAsync(string secret, CancellationToken ct)
    {
        if (secret.Length != KeyLength || !secret.StartsWith(Mark, StringComparison.Ordinal) || secret[PrefixLength] != '_')
        {
            return null;
        }

        var prefix = secret[..PrefixLength];
        var now = time.Now();
        if (!_byPrefix.TryGetValue(prefix, out var seen) || now - seen.At >= Trust || now < seen.At)
        {
            var changes = Volatile.Read(ref _changes);
            seen = new SeenKey(await database.SystemReadAsync(session => ApiKeyStore.FindByPrefixAsync(session, prefix), ct), now);
            if (_byPrefix.Count >= LargestCache)
            {
                _byPrefix.Clear(); // A stranger trying prefixes must not grow this for ever.
            }

            _byPrefix[prefix] = seen;
            if (changes != Volatile.Read(ref _changes))
            {
                _byPrefix.TryRemove(prefix, out _); // What was read may have been revoked meanwhile; it must not be remembered.
            }
        }

        var key = seen.Key;

        // The hash is compared for unknown prefixes too, so that both take the same time.
        var isRight = Secrets.AreEqual(Secrets.Hash(secret), key?.Hash ?? new byte[32]);
        if (!isRight || key is null || key.ExpiresAt <= now)
        {
            return null;
        }

        _uses[key.Id] = (new Tenant(key.TenantId), now);
        return key;
    }

    /// <returns>The key that this secret opened once, if it was just looked for and not recognised; null for any other.</returns>
    public ApiKey? FindFormer(string secret) =>
        secret.Length == KeyLength && _byPrefix.TryGetValue(secret[..PrefixLength], out var seen) && seen.Key is { } key
        && Secrets.AreEqual(Secrets.Hash(secret), key.Hash) ? key : null;

    /// <summary>Writes down when keys were last used: at most once a minute each, never on a request's time.</summary>
    public async Task SaveUsesAsync(CancellationToken ct)
    {
        foreach (var (id, use) in _uses)
        {
            if (_uses.TryRemove(id, out _))
            {
                await database.WriteAsync(use.Tenant, session => ApiKeyStore.TouchAsync(session, id, use.At), ct);
            }
        }
    }

    private void Forget(string prefix)
    {
        Interlocked.Increment(ref _changes);
        _byPrefix.TryRemove(prefix, out _);
    }

    private static string Validate(CreateApiKeyRequest request, DateTimeOffset now)
    {
        var checks = new FieldChecks().Length("name", request.Name, 1, 128);
        var scopes = request.Scopes ?? [ScopeNames.Read, ScopeNames.Write];
        for (var i = 0; i < scopes.Count; i++)
        {
            if (scopes[i] is null)
            {
                throw ProblemException.Body($"scopes[{i}]", "must be a string"); // The parser looks into no list.
            }

            checks.OneOf($"scopes[{i}]", scopes[i], ScopeNames.Read, ScopeNames.Write, ScopeNames.Admin);
        }

        if (scopes.Count is 0 or > 3)
        {
            checks.Add("scopes", "must name one to three scopes");
        }

        if (request.ExpiresAt <= now)
        {
            checks.Add("expires_at", "must be in the future");
        }

        if (request.RateLimit is { } limit && !RateLimit.TryParse(limit, out _))
        {
            checks.Add("rate_limit", RateLimit.Form);
        }

        checks.ThrowIfAny();
        return string.Join(' ', scopes.Distinct().Order(StringComparer.Ordinal));
    }

    private static string Visible()
    {
        const string alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

        return System.Security.Cryptography.RandomNumberGenerator.GetString(alphabet, 8);
    }
}

/// <summary>A key, or its absence, as it was when it was read.</summary>
internal sealed record SeenKey(ApiKey? Key, DateTimeOffset At);

/// <summary>Scopes as the wire spells them.</summary>
internal static class ScopeNames
{
    public const string Read = "memory:read";
    public const string Write = "memory:write";
    public const string Admin = "admin";

    public static string Of(Scopes scope) => scope switch
    {
        Scopes.Read => Read,
        Scopes.Write => Write,
        _ => Admin,
    };

    public static Scopes Parse(string names)
    {
        var scopes = Scopes.None;
        foreach (var name in names.Split(' '))
        {
            scopes |= name switch { Read => Scopes.Read, Write => Scopes.Write, Admin => Scopes.Admin, _ => Scopes.None };
        }

        return scopes;
    }
}
