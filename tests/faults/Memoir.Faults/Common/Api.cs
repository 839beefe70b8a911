using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Memoir.Faults.Common;

/// <summary>An answer, read to its end.</summary>
internal sealed record ApiAnswer(int Status, byte[] Body, bool IsReplay)
{
    public bool IsSuccess => Status is >= 200 and <= 299;

    public JsonElement Json => JsonElement.Parse(Body);

    public string Excerpt => System.Text.Encoding.UTF8.GetString(Body.AsSpan(0, Math.Min(300, Body.Length)));
}

/// <summary>The server of one cycle as its callers see it.</summary>
internal sealed class Api(IPEndPoint endpoint) : IDisposable
{
    public const string OperatorKey = "operator-key-of-the-fault-tests";

    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false })
    {
        BaseAddress = new Uri($"http://{endpoint}"),
        Timeout = TimeSpan.FromSeconds(30),
    };

    public Task<ApiAnswer> SendAsync(Request request, CancellationToken ct) =>
        SendAsync(request.Method, request.Path, request.Body, request.Key, OperatorKey, ct, request.Id);

    public Task<ApiAnswer> SendAsync(HttpMethod method, string path, CancellationToken ct) =>
        SendAsync(method, path, null, null, OperatorKey, ct);

    public Task<ApiAnswer> PostAsync(string path, byte[] body, CancellationToken ct) =>
        SendAsync(HttpMethod.Post, path, body, null, OperatorKey, ct);

    public Task<ApiAnswer> GetAsync(string path, CancellationToken ct) => GetAsync(path, OperatorKey, ct);

    public Task<ApiAnswer> GetAsync(string path, string apiKey, CancellationToken ct) =>
        SendAsync(HttpMethod.Get, path, null, null, apiKey, ct);

    public void Dispose() => _http.Dispose();

    private async Task<ApiAnswer> SendAsync(
        HttpMethod method, string path, byte[]? body, string? idempotencyKey, string apiKey, CancellationToken ct, string? id = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add("X-Request-ID", id ?? "unnamed");
        request.Headers.Add("x-api-key", apiKey);
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = Json;
        }

        using var response = await _http.SendAsync(request, ct);
        var isReplay = response.Headers.TryGetValues("Idempotency-Replayed", out var replayed) && replayed.Contains("true");
        return new ApiAnswer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(ct), isReplay);
    }
}
