using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Limits;

/// <summary>Tells a caller where it stands: of the limits that its request fell under, the one that is nearest.</summary>
public sealed class RateLimitHeaders
{
    public const string Limit = "X-RateLimit-Limit";
    public const string Remaining = "X-RateLimit-Remaining";
    public const string Reset = "X-RateLimit-Reset";

    private Standing _nearest;

    private RateLimitHeaders(Standing first) => _nearest = first;

    public static void Note(HttpContext http, Standing standing)
    {
        if (http.Features.Get<RateLimitHeaders>() is { } noted)
        {
            noted._nearest = !standing.IsGranted || standing.Remaining < noted._nearest.Remaining ? standing : noted._nearest;
            return;
        }

        noted = new RateLimitHeaders(standing);
        http.Features.Set(noted);

        // At the last moment: a refusal clears what was set before it.
        http.Response.OnStarting(
            static state =>
            {
                var (http, noted) = ((HttpContext, RateLimitHeaders))state;
                noted.Write(http.Response.Headers);
                return Task.CompletedTask;
            },
            (http, noted));
    }

    private void Write(IHeaderDictionary headers)
    {
        headers[Limit] = _nearest.Limit.Permits.ToString(CultureInfo.InvariantCulture);
        headers[Remaining] = _nearest.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[Reset] = ((long)Math.Ceiling(_nearest.Reset.ToUnixTimeMilliseconds() / 1000.0)).ToString(CultureInfo.InvariantCulture);
    }
}
