using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Hosting;

/// <summary>Answers HEAD wherever GET is answered, with the same headers; the server itself leaves the body out.</summary>
public sealed class HeadRequests(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext http) => HttpMethods.IsHead(http.Request.Method) ? AsGetAsync(http) : next(http);

    private async Task AsGetAsync(HttpContext http)
    {
        http.Request.Method = HttpMethods.Get;
        try
        {
            await next(http);
        }
        finally
        {
            http.Request.Method = HttpMethods.Head;
        }
    }
}
