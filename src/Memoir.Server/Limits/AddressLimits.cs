using System.Net;
using Memoir.Kit.Hosting;
using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Kit.Telemetry;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Limits;

/// <summary>
/// What one address may ask for. Refusals are counted in the same way as requests: who has had as many as are forgiven is
/// blocked at the next one. This machine and the trusted proxies are limited like everybody, but never blocked.
/// </summary>
internal sealed class AddressLimits(
    IPermits permits, BlockedAddresses blocked, IOptions<LimitOptions> options, IOptions<HttpOptions> http, Meters meters)
{
    private const int RefusalSeconds = 300;

    private readonly RateLimit? _limit = options.Value.OfAddress;
    private readonly int _mostRefusals = options.Value.BlockAfterRefusals;
    private readonly IReadOnlyList<IPNetwork> _proxies = http.Value.ListTrustedProxies();

    /// <returns>The refusal, or null when the request may go on.</returns>
    public async ValueTask<ProblemException?> AdmitAsync(HttpContext context)
    {
        var address = CallerAddress.Of(context);
        if (MayBeBlocked(context) && await blocked.WaitAsync(address, context.RequestAborted) is { } wait)
        {
            meters.RateLimitRejected("blocked");
            return new ProblemException(Problem.RateLimited, "This address was refused too often and is blocked for a while.") { Wait = wait };
        }

        if (_limit is not { } limit)
        {
            return null;
        }

        var kind = context.GetEndpoint()?.Metadata.GetMetadata<ProbeRoute>() is null ? "a:" : "p:";
        var standing = await permits.TakeAsync(new RateBucket(kind + address, limit), context.RequestAborted);
        RateLimitHeaders.Note(context, standing);
        if (standing.IsGranted)
        {
            return null;
        }

        meters.RateLimitRejected("address");

        // What the request would be asked for next begins to count a moment later, and ends so.
        var later = standing.Wait + TimeSpan.FromMicroseconds(limit.SlotMicroseconds);
        return new ProblemException(Problem.RateLimited, $"More than {limit} requests of this address.") { Wait = later };
    }

    /// <summary>Counts a refusal of the request, and blocks its address when that was one too many.</summary>
    public async Task NoteRefusalAsync(HttpContext context)
    {
        if (!MayBeBlocked(context))
        {
            return;
        }

        // Not under the request's token: who hangs up in time would not be counted.
        var address = CallerAddress.Of(context);
        if (await permits.TakeAsync(Refusals(address), CancellationToken.None) is { IsGranted: false } && !permits.IsCrowded)
        {
            try
            {
                await blocked.BlockAsync(address, RequestId.Of(context), CancellationToken.None);
            }
            catch (ProblemException)
            {
                // The database has no room for it; the next refusal tries again, and this one stays what it is.
            }
        }
    }

    /// <returns>False when the address was not blocked.</returns>
    public async Task<bool> LiftAsync(string address, string actor, string requestId, CancellationToken ct)
    {
        var isLifted = await blocked.LiftAsync(address, actor, requestId, ct);
        if (isLifted)
        {
            await permits.ForgetAsync(Refusals(address), ct);
        }

        return isLifted;
    }

    private RateBucket Refusals(string address) => new("r:" + address, new RateLimit(_mostRefusals - 1, RefusalSeconds));

    private bool MayBeBlocked(HttpContext context) =>
        _mostRefusals > 0 && context.Connection.RemoteIpAddress is { } address && !IPAddress.IsLoopback(address) && !IsProxy(address);

    private bool IsProxy(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _proxies.Any(network => network.Contains(plain));
    }
}
