using static Memoir.Tests.Hostile.HostileCase;

namespace Memoir.Tests.Hostile;

/// <summary>X: what a stranger from elsewhere gets to see without a credential.</summary>
internal static class ExposureCases
{
    /// <summary>What other servers were found to serve.</summary>
    private static readonly string[] NotThere =
    [
        "/swagger", "/swagger/index.html", "/debug", "/debug/pprof/", "/.git/config", "/.env", "/appsettings.json", "/appsettings.Production.json",
        "/web.config", "/actuator/env", "/server-status", "/memoir.db", "/secret.key", "/docs/assets/..%2f..%2fappsettings.json", "/v1/admin/config", "/trace",
    ];

    public static IEnumerable<HostileCase> All =>
    [
        new("X04", "/metrics without a credential", "401 unauthenticated", () => Stranger("/metrics")),
        new("X04", "what other servers leave lying about", "404 not-found", () => NotThere.Select(Stranger)),
        new("X04", "/health?verbose=1 says one word", "200", () => Stranger("/health?verbose=1")),
        new("X04", "the routes of operators without a credential", "401 unauthenticated", () => ((string[])["/v1/admin/keys", "/v1/admin/embeddings", "/v1/jobs"]).Select(Stranger)),
    ];

    /// <summary>A caller on this machine may see its metrics; one who came through a proxy is none.</summary>
    private static byte[] Stranger(string target) => Raw($"GET {target} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
}
