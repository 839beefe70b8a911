using System.Net;
using System.Text;
using Memoir.Kit.Limits;
using Microsoft.AspNetCore.Http.Features;

namespace Memoir.Server.Admin.Isolation;

/// <summary>
/// Requests that the server asks itself, through everything that a request from outside passes: authentication, gates,
/// routes. Nothing goes over a network.
/// </summary>
internal sealed class InnerRequests(IHttpContextFactory contexts, IServiceScopeFactory scopes)
{
    private const int LongestAnswer = 4 << 20;

    /// <summary>The whole of it; set where the program puts it together.</summary>
    public RequestDelegate Pipeline { get; set; } = _ => throw new InvalidOperationException("The pipeline is not built yet.");

    public async Task<InnerAnswer> SendAsync(InnerRequest request, string key, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        using var body = new MemoryStream(request.Body is null ? [] : Encoding.UTF8.GetBytes(request.Body));
        using var answer = new MemoryStream();
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Method = request.Method,
            Scheme = "http",
            Protocol = "HTTP/1.1",
            Path = Uri.UnescapeDataString(request.Path),
            QueryString = request.Query,
            Body = body,
        });
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(answer));
        features.Set<IHttpConnectionFeature>(new HttpConnectionFeature { RemoteIpAddress = IPAddress.Loopback });
        features.Set(InnerRequestMark.Instance);
        features.Set<IHttpRequestLifetimeFeature>(new HttpRequestLifetimeFeature { RequestAborted = ct });
        var http = contexts.Create(features);
        try
        {
            http.RequestServices = scope.ServiceProvider;
            http.Request.Host = new HostString("localhost");
            http.Request.Headers["x-api-key"] = key;
            if (request.TenantHeader is not null)
            {
                http.Request.Headers["X-Tenant-ID"] = request.TenantHeader;
            }

            if (request.Body is not null)
            {
                http.Request.ContentType = "application/json";
                http.Request.ContentLength = body.Length;
            }

            await Pipeline(http);
            var text = Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)Math.Min(answer.Length, LongestAnswer));
            return new InnerAnswer(http.Response.StatusCode, string.Join('\n', http.Response.Headers.Select(header => $"{header.Key}: {header.Value}")) + "\n\n" + text);
        }
        finally
        {
            contexts.Dispose(http);
        }
    }
}

/// <param name="Method">The verb.</param>
/// <param name="Path">With what a path needs in percent encoding.</param>
/// <param name="Query">Empty, or from the question mark on.</param>
/// <param name="TenantHeader">What <c>X-Tenant-ID</c> says; absent when null.</param>
/// <param name="Body">JSON, or null for none.</param>
internal sealed record InnerRequest(string Method, string Path, string Query = "", string? TenantHeader = null, string? Body = null);

/// <param name="Status">The HTTP status.</param>
/// <param name="Text">All that a caller sees: headers and body.</param>
internal sealed record InnerAnswer(int Status, string Text);
