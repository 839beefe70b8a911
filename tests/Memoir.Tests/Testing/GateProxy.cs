using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Memoir.Tests.Testing;

/// <summary>
/// Stands between a command and a server. From a given batch on it hands requests on and keeps the answers: what was
/// stored is then not acknowledged, which is the worst moment to be killed in.
/// </summary>
internal sealed class GateProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _server;
    private readonly int _closesAt;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<(int Status, string RetryAfter)> _refusals = new();
    private int _batches;
    private volatile bool _isOpen;

    private GateProxy(WebApplication app, HttpClient server, int closesAt)
    {
        _app = app;
        _server = server;
        _closesAt = closesAt;
    }

    public Uri Address => new(_app.Urls.First());

    /// <summary>Batches that came, refused ones included.</summary>
    public int Batches => _batches;

    /// <summary>The batch was stored whose answer is kept.</summary>
    public Task ReachedAsync() => _reached.Task.WaitAsync(TimeSpan.FromSeconds(60), Wire.Ct);

    public static async Task<GateProxy> StartAsync(Uri server, int closesAt)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var proxy = new GateProxy(app, new HttpClient { BaseAddress = server }, closesAt);
        app.Urls.Add("http://127.0.0.1:0");
        app.Run(proxy.ForwardAsync);
        await app.StartAsync(Wire.Ct);
        return proxy;
    }

    /// <summary>Lets everything through from now on, and counts anew.</summary>
    public void Open()
    {
        _isOpen = true;
        _batches = 0;
    }

    /// <summary>The next batch is refused by the gate itself.</summary>
    public void RefuseNext(int status, string retryAfter) => _refusals.Enqueue((status, retryAfter));

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _server.Dispose();
    }

    private async Task ForwardAsync(HttpContext http)
    {
        var isBatch = http.Request.Path == "/v1/messages/batch";
        var number = isBatch ? Interlocked.Increment(ref _batches) : 0;
        if (isBatch && _refusals.TryDequeue(out var refusal))
        {
            http.Response.StatusCode = refusal.Status;
            http.Response.Headers.RetryAfter = refusal.RetryAfter;
            return;
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { } size)
        {
            size.MaxRequestBodySize = null;
        }

        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), http.Request.Path + http.Request.QueryString.Value);
        if (http.Request.ContentType is { } type)
        {
            request.Content = new StreamContent(http.Request.Body);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        using var answer = await _server.SendAsync(request, CancellationToken.None);
        if (number >= _closesAt && !_isOpen)
        {
            _reached.TrySetResult();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new TaskCompletionSource().Task.WaitAsync(http.RequestAborted));
            return;
        }

        http.Response.StatusCode = (int)answer.StatusCode;
        http.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        await answer.Content.CopyToAsync(http.Response.Body, CancellationToken.None);
    }
}
