using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Memoir.Server.Memories;
using Memoir.Server.Privacy.Erasure;

namespace Memoir.Server.Admin.Isolation;

/// <summary>
/// Plants canaries in two tenants and asks every route, as the one, about the other: no answer may hold a byte of the
/// other's, tell it from a tenant that does not exist, or change it. Both tenants are erased afterwards.
/// </summary>
internal sealed class IsolationSelfTest(CanaryPlanter planter, InnerRequests requests, EndpointDataSource endpoints, TenantErasure erasure)
{
    /// <summary>Asking the self-test within the self-test would have no end.</summary>
    public const string Route = "/v1/admin/isolation/selftest";

    public async Task<IsolationReport> RunAsync(Writer writer, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var asking = await planter.PlantAsync(writer, ct);
        var other = await planter.PlantAsync(writer, ct);
        try
        {
            var findings = new List<IsolationFinding>();
            await RequireSightAsync(asking, findings, ct);
            var before = await PictureAsync(other, ct);
            var unknown = CanaryTenant.Unknown();
            var asked = 0;
            var routes = 0;
            foreach (var (endpoint, method) in Routes())
            {
                routes++;
                var name = $"{method} /{endpoint.RoutePattern.RawText?.TrimStart('/')}";
                foreach (var (request, twin) in ForeignRequests.Of(endpoint.RoutePattern, method, other).Zip(ForeignRequests.Of(endpoint.RoutePattern, method, unknown)))
                {
                    asked += 2;
                    var answer = await requests.SendAsync(request, asking.Key, ct);
                    var toTwin = await requests.SendAsync(twin, asking.Key, ct);
                    if (answer.Text.Contains(other.Secret, StringComparison.OrdinalIgnoreCase) && !(request.Query + request.Body).Contains(other.Secret, StringComparison.Ordinal))
                    {
                        findings.Add(new IsolationFinding(name, "the answer holds the other tenant's data"));
                    }
                    else if (answer.Status != toTwin.Status)
                    {
                        findings.Add(new IsolationFinding(name, $"answers {answer.Status} about the other tenant and {toTwin.Status} about one that does not exist"));
                    }
                }

                if (findings.Count == 0 && before != await PictureAsync(other, ct))
                {
                    findings.Add(new IsolationFinding(name, "changed the other tenant's data"));
                }
            }

            return new IsolationReport(findings.Count == 0, routes, asked, Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds), findings);
        }
        finally
        {
            await erasure.EraseAsync(asking.Tenant, writer, CancellationToken.None);
            await erasure.EraseAsync(other.Tenant, writer, CancellationToken.None);
        }
    }

    private IEnumerable<(RouteEndpoint Endpoint, string Method)> Routes() =>
        from endpoint in endpoints.Endpoints.OfType<RouteEndpoint>()
        where endpoint.RoutePattern.RawText != Route
        from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
        select (endpoint, method);

    /// <summary>A test that finds nothing because it sees nothing would prove nothing.</summary>
    private async Task RequireSightAsync(CanaryTenant own, List<IsolationFinding> findings, CancellationToken ct)
    {
        foreach (var path in (string[])[$"/v1/messages/{own.MessageId}", $"/v1/messages/{own.MessageId}/history", $"/v1/conversations/{own.ConversationId}/messages", "/v1/admin/keys", "/v1/admin/analytics",
            $"/memory/{own.UserId}", $"/memory/{own.UserId}/history", "/v1/memories", $"/v1/memories/user/{own.UserId}"])
        {
            var answer = await requests.SendAsync(new InnerRequest("GET", path), own.Key, ct);
            if (answer.Status != 200 || !answer.Text.Contains(own.Secret, StringComparison.Ordinal))
            {
                findings.Add(new IsolationFinding($"GET {path.Replace(own.MessageId.ToString(), "{id}", StringComparison.Ordinal)}", "does not find the tenant's own data, so the test would prove nothing"));
            }
        }
    }

    /// <summary>All that the other tenant sees of itself.</summary>
    private async Task<string> PictureAsync(CanaryTenant other, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in (string[])[$"/v1/messages/{other.MessageId}", $"/v1/messages/{other.MessageId}/history", $"/v1/conversations/{other.ConversationId}/messages", "/v1/conversations",
            $"/memory/{other.UserId}", $"/memory/{other.UserId}/history", "/v1/documents", $"/v1/memories/{other.MemoryId}", $"/v1/memories/{other.MemoryId}/history", $"/v1/messages/{other.DoubtedId}", "/v1/quarantine"])
        {
            var answer = await requests.SendAsync(new InnerRequest("GET", path), other.Key, ct);
            hash.AppendData(Encoding.UTF8.GetBytes($"{answer.Status}{answer.Text[(answer.Text.IndexOf("\n\n", StringComparison.Ordinal) + 1)..]}"));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <param name="Passed">No route shows or changes anything of another tenant.</param>
/// <param name="Routes">How many were asked, by method.</param>
/// <param name="Requests">How many requests that took.</param>
/// <param name="DurationMs">Milliseconds.</param>
/// <param name="Findings">What went wrong; empty when it passed.</param>
public sealed record IsolationReport(bool Passed, int Routes, int Requests, double DurationMs, IReadOnlyList<IsolationFinding> Findings);

/// <param name="Route">Method and path of the route.</param>
/// <param name="What">What it did.</param>
public sealed record IsolationFinding(string Route, string What);
