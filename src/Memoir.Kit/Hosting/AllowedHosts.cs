using System.Net;
using Memoir.Kit.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Memoir.Kit.Hosting;

/// <summary>
/// Answers to the names that the operator lists and to no other, so that a page of somebody else's name cannot speak to
/// this server through a browser. Probes on this machine come by its address and are always answered.
/// </summary>
public sealed class AllowedHosts(RequestDelegate next, IOptions<HttpOptions> options)
{
    private readonly IReadOnlyList<string> _names = options.Value.ListAllowedHosts();

    public Task InvokeAsync(HttpContext http) => _names.Count == 0 || IsAllowed(http.Request.Host.Host.TrimEnd('.')) || IsOwnProbe(http)
        ? next(http)
        : throw new ProblemException(Problem.InvalidRequest, "This server does not answer to that host name.");

    private bool IsAllowed(string host) => _names.Any(name => name.StartsWith("*.", StringComparison.Ordinal)
        ? host.Length > name.Length - 1 && host.EndsWith(name[1..], StringComparison.OrdinalIgnoreCase)
        : host.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static bool IsOwnProbe(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } caller && IPAddress.IsLoopback(caller)
        && (http.Request.Host.Host == "localhost" || (IPAddress.TryParse(http.Request.Host.Host, out var asked) && IPAddress.IsLoopback(asked)));
}
