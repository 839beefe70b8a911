using Microsoft.AspNetCore.Http.Features;

namespace Memoir.Server.Wire;

/// <summary>A path segment as its caller meant it: the server leaves <c>%2F</c> as it is, so that an id with a slash could not be named.</summary>
internal static class PathText
{
    /// <param name="http">The request.</param>
    /// <param name="segment">Which segment, from 0.</param>
    /// <param name="routed">What routing made of it; stands where the address as it was sent is not known.</param>
    public static string Of(HttpContext http, int segment, string routed)
    {
        if (!routed.Contains('%', StringComparison.Ordinal))
        {
            return routed; // Fully decoded already.
        }

        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var segments = target.Split('?')[0].Split('/');
        return target.StartsWith('/') && segments.Length > segment + 1 ? Uri.UnescapeDataString(segments[segment + 1]) : routed;
    }
}
