using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Hosting;

/// <summary>
/// Learns from trusted proxies for whom they ask: the rightmost address of <c>X-Forwarded-For</c> that is none of theirs, and
/// whether the caller came by TLS. What anybody else sends in these headers is ignored. The headers stay as they came, so that
/// a request that was handed on never passes for one of this machine.
/// </summary>
public sealed partial class ForwardedCaller(RequestDelegate next, IOptions<HttpOptions> options, ILogger<ForwardedCaller> logger)
{
    private const string For = "X-Forwarded-For";
    private const string Proto = "X-Forwarded-Proto";

    private readonly IReadOnlyList<IPNetwork> _trusted = options.Value.ListTrustedProxies();
    private bool _hasWarned;

    public Task InvokeAsync(HttpContext http)
    {
        var headers = http.Request.Headers;
        if (http.Connection.RemoteIpAddress is not { } peer || !(headers.ContainsKey(For) || headers.ContainsKey(Proto)))
        {
            return next(http);
        }

        if (!IsTrusted(peer))
        {
            if (!_hasWarned && _trusted.Count == 0)
            {
                _hasWarned = true;
                LogUntrusted(peer);
            }

            return next(http);
        }

        http.Connection.RemoteIpAddress = Furthest(peer, headers[For].ToString());
        if (headers[Proto].ToString().Split(',')[^1].Trim().Equals("https", StringComparison.OrdinalIgnoreCase))
        {
            http.Request.Scheme = Uri.UriSchemeHttps;
        }

        return next(http);
    }

    /// <summary>From the right: what a proxy of ours wrote is true, and what stands before an address that is none of ours is anybody's claim.</summary>
    private IPAddress Furthest(IPAddress peer, string chain)
    {
        var caller = peer;
        var rest = chain.AsSpan();
        while (!rest.IsEmpty && IsTrusted(caller))
        {
            var comma = rest.LastIndexOf(',');
            var entry = rest[(comma + 1)..].Trim();
            rest = comma < 0 ? default : rest[..comma];
            if (AddressOf(entry) is not { } address)
            {
                return caller;
            }

            caller = address;
        }

        return caller;
    }

    /// <summary>With or without a port; an IPv6 address with one stands in brackets.</summary>
    private static IPAddress? AddressOf(ReadOnlySpan<char> entry)
    {
        var isWithPort = entry.StartsWith('[') || entry.Count(':') == 1;
        return isWithPort
            ? IPEndPoint.TryParse(entry, out var endPoint) ? endPoint.Address : null
            : IPAddress.TryParse(entry, out var address) ? address : null;
    }

    private bool IsTrusted(IPAddress address)
    {
        if (address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: true })
        {
            address = address.MapToIPv4();
        }

        for (var i = 0; i < _trusted.Count; i++)
        {
            if (_trusted[i].Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    [LoggerMessage(LogLevel.Warning, "X-Forwarded-For from {Peer} is ignored: all its callers count as one. If it is your proxy, name it in MEMORY_TRUSTED_PROXIES.")]
    private partial void LogUntrusted(IPAddress peer);
}
