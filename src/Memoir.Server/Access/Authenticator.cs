using System.Net;
using Memoir.Kit.Data;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Kit.Security;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Access;

/// <summary>Turns what a request carries into a caller, in constant time for wrong secrets.</summary>
internal sealed class Authenticator(IOptions<AccessOptions> options, ApiKeyService keys, ForeignTokens tokens)
{
    private readonly byte[][] _operators = [.. options.Value.OperatorKeys().Select(Secrets.Hash)];
    private readonly byte[][] _metrics = [.. options.Value.MetricsTokens().Select(Secrets.Hash)];

    /// <summary>No operator key is configured: only this machine is served.</summary>
    public bool IsLoopbackOnly => _operators.Length == 0;

    /// <returns>The caller, or null for a stranger.</returns>
    /// <exception cref="ProblemException">401 for a credential that is not ours, 400 for two different ones.</exception>
    public async ValueTask<Caller?> IdentifyAsync(HttpContext http)
    {
        var secret = Presented(http.Request);
        if (secret is null)
        {
            return IsLoopbackOnly && IsLocal(http) ? new Caller(null, "loopback", Scopes.All) : null;
        }

        var hash = Secrets.Hash(secret);
        if (IsAmong(_operators, hash))
        {
            return new Caller(null, "operator:" + Convert.ToHexStringLower(hash.AsSpan(0, 4)), Scopes.All);
        }

        if (SignedTokens.IsToken(secret))
        {
            return tokens.Recognise(secret);
        }

        return await keys.RecogniseAsync(secret, http.RequestAborted) is { } key
            ? new Caller(new Tenant(key.TenantId), "key:" + key.Prefix, ScopeNames.Parse(key.Scopes)) { Limit = RateLimit.Parse(key.RateLimit) }
            : null;
    }

    /// <summary>The scraper's token opens <c>/metrics</c> alone.</summary>
    public bool IsMetricsToken(HttpRequest request) =>
        _metrics.Length > 0 && Presented(request) is { } secret && IsAmong(_metrics, Secrets.Hash(secret));

    /// <summary>Whose key it was that a stranger showed: right, but out of date. Null for every other stranger.</summary>
    public Caller? FindFormer(HttpRequest request) => Presented(request) is { } secret && keys.FindFormer(secret) is { } key
        ? new Caller(new Tenant(key.TenantId), "key:" + key.Prefix, Scopes.None)
        : null;

    /// <summary>What was shown has the form of a signed token, whose faults all have one answer.</summary>
    public static bool HasToken(HttpRequest request) => Presented(request) is { } secret && SignedTokens.IsToken(secret);

    /// <summary>A token that was right once: its caller is no guesser.</summary>
    public bool HasGenuineToken(HttpRequest request) => Presented(request) is { } secret && tokens.IsGenuine(secret);

    public static bool HasCredential(HttpRequest request) => Presented(request) is not null;

    /// <summary>
    /// From this machine, meant for this machine, and not handed on by anybody: a tunnel from the internet also arrives
    /// from loopback, and a web page can point a foreign name at 127.0.0.1.
    /// </summary>
    public static bool IsLocal(HttpContext http)
    {
        var headers = http.Request.Headers;
        if (http.Connection.RemoteIpAddress is not { } address || !IPAddress.IsLoopback(address))
        {
            return false;
        }

        foreach (var header in headers)
        {
            if (header.Key.Equals("Forwarded", StringComparison.OrdinalIgnoreCase)
                || header.Key.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
                || header.Key.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        var host = http.Request.Host.Host;
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var named) && IPAddress.IsLoopback(named));
    }

    private static bool IsAmong(byte[][] known, byte[] hash)
    {
        var isAmong = false;
        foreach (var one in known)
        {
            isAmong |= Secrets.AreEqual(one, hash); // No early end: its time would tell which one was close.
        }

        return isAmong;
    }

    private static string? Presented(HttpRequest request)
    {
        var header = request.Headers["x-api-key"];
        var authorization = request.Headers.Authorization;
        if (header.Count > 1 || authorization.Count > 1)
        {
            throw new ProblemException(Problem.InvalidRequest, "Send one credential, once.");
        }

        const string bearer = "Bearer ";
        var key = header.Count == 1 ? header[0] : null;
        var token = authorization.Count == 1 && authorization[0] is { } value
            ? value.StartsWith(bearer, StringComparison.OrdinalIgnoreCase) ? value[bearer.Length..].Trim() : ""
            : null;
        if (key is not null && token is not null && key != token)
        {
            throw new ProblemException(Problem.InvalidRequest, "x-api-key and Authorization carry different credentials.");
        }

        return key ?? token;
    }
}
