using Memoir.Kit.Http;
using Memoir.Kit.Limits;
using Memoir.Kit.Telemetry;
using Memoir.Server.Access;
using Microsoft.Extensions.Options;

namespace Memoir.Server.Limits;

/// <summary>Stands behind the credentials: what one tenant may ask for by all its keys together, and a key that has a limit of its own.</summary>
internal sealed class TenantGate(RequestDelegate next, IPermits permits, IOptions<LimitOptions> options, Meters meters)
{
    private readonly RateLimit? _limit = options.Value.OfTenant;

    public async Task InvokeAsync(HttpContext http)
    {
        var policy = http.GetEndpoint()?.Metadata.GetMetadata<AccessPolicy>();
        if (policy is { IsOpen: false, IsForScrapers: false } && Caller.TryOf(http) is { } caller && http.Features.Get<InnerRequestMark>() is null)
        {
            if (caller.Limit is { } own && await RefusesAsync(http, new RateBucket("k:" + caller.Credential, own), "key"))
            {
                return;
            }

            var tenant = caller.CountsFor(http).Id;
            if (_limit is { } limit && await RefusesAsync(http, new RateBucket("t:" + tenant, limit), "tenant"))
            {
                return;
            }

            Transfers.SetOwner(http, tenant);
        }

        await next(http);
    }

    private async ValueTask<bool> RefusesAsync(HttpContext http, RateBucket bucket, string whose)
    {
        var standing = await permits.TakeAsync(bucket, http.RequestAborted);
        RateLimitHeaders.Note(http, standing);
        if (standing.IsGranted)
        {
            return false;
        }

        meters.RateLimitRejected(whose);
        await ProblemAnswer.WriteAsync(
            http, new ProblemException(Problem.RateLimited, $"More than {bucket.Limit} requests of this {whose}.") { Wait = standing.Wait });
        return true;
    }
}
