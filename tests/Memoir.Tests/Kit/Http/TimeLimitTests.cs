using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Memoir.Kit.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Kit.Http;

/// <summary>Requests that take longer than they may.</summary>
public sealed class TimeLimitTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // The worst moment: its headers are set, and not a byte of its body was written.
    public async Task A_request_that_takes_too_long_is_answered_with_a_problem(bool hasHeaders)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddRequestTimeouts(timeouts =>
            timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = TimeSpan.FromMilliseconds(50), TimeoutStatusCode = 504 });
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.UseMiddleware<RequestFrame>();
        app.UseRouting();
        app.UseRequestTimeouts();
        app.MapGet("/", async (HttpContext http) =>
        {
            await ((Task)Task.Delay(Timeout.Infinite, http.RequestAborted)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (hasHeaders)
            {
                http.Response.ContentType = "application/json";
                http.Response.ContentLength = 100;
            }

            http.RequestAborted.ThrowIfCancellationRequested();
        });
        await app.StartAsync(Ct);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };

        using var answer = await client.GetAsync(new Uri("/", UriKind.Relative), Ct);

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Ct);
        Assert.Equal(504, problem.GetProperty("status").GetInt32());
        Assert.Single(answer.Headers.GetValues(RequestId.Header));
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
    }
}
