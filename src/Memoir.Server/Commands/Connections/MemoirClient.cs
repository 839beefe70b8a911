using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Memoir.Kit.CommandLine;
using Memoir.Kit.Http;
using Memoir.Server.Admin;
using Memoir.Server.Audit;
using Memoir.Server.Backups;
using Memoir.Server.Documents;
using Memoir.Server.Messages;
using Memoir.Server.Privacy;
using Memoir.Server.Privacy.Exchange;
using Memoir.Server.Recall;
using Memoir.Server.Wire;

namespace Memoir.Server.Commands.Connections;

/// <summary>
/// Speaks the wire contract to a server. What may pass is tried again, after the pause that the server asks for: storing
/// the same messages twice under their external ids changes nothing.
/// </summary>
internal sealed class MemoirClient : IDisposable
{
    private const int Tries = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    /// <summary>A newer server may answer members that this program does not know.</summary>
    private static readonly JsonSerializerOptions Answers = new(WireJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    public MemoirClient(Uri url, string? key, TimeProvider time)
    {
        Url = url;
        _time = time;

        // A redirect or a proxy would be shown the key, and the messages.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = !url.IsLoopback, UseCookies = false })
        {
            BaseAddress = url,
            Timeout = Timeout.InfiniteTimeSpan, // Each question has its own limit.
        };
        if (key is not null)
        {
            _http.DefaultRequestHeaders.TryAddWithoutValidation("x-api-key", key);
        }
    }

    public Uri Url { get; }

    /// <summary>Whether a Memoir answers there.</summary>
    public async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(TimeSpan.FromSeconds(5));
            using var answer = await _http.GetAsync(Relative("version"), limit.Token);
            var body = await answer.Content.ReadAsByteArrayAsync(limit.Token);
            return answer.IsSuccessStatusCode && JsonSerializer.Deserialize(body, Reads<VersionResponse>()) is not null;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (JsonException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <returns>The status with which the route answers a GET; null when nothing answers.</returns>
    public async Task<HttpStatusCode?> ProbeAsync(string path, CancellationToken ct)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(TimeSpan.FromSeconds(5));
            using var answer = await _http.GetAsync(Relative(path), HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Stores a batch.</summary>
    /// <returns>What became of its items; null when the server takes only smaller batches.</returns>
    public Task<StoreBatchResponse?> StoreAsync(ReadOnlyMemory<byte> body, CancellationToken ct) =>
        AskAsync(HttpMethod.Post, "v1/messages/batch", body, Reads<StoreBatchResponse>(), HttpStatusCode.RequestEntityTooLarge, ct);

    public async Task<SearchResponse> SearchAsync(ReadOnlyMemory<byte> body, CancellationToken ct) =>
        (await AskAsync(HttpMethod.Post, "v1/memory/search", body, Reads<SearchResponse>(), null, ct))!;

    /// <returns>The message, or null when the tenant has none with that id.</returns>
    public Task<MessageResponse?> FindAsync(string tenant, Guid id, CancellationToken ct) =>
        AskAsync(HttpMethod.Get, $"v1/messages/{id}?tenant_id={Uri.EscapeDataString(tenant)}", null, Reads<MessageResponse>(), HttpStatusCode.NotFound, ct);

    /// <summary>Writes an export as it comes; whether it is whole, its last line says.</summary>
    /// <exception cref="CommandException">The server refuses it, or does not answer.</exception>
    public async Task ExportAsync(string tenant, string? user, Stream target, CancellationToken ct)
    {
        var path = user is null
            ? $"v1/tenants/{Uri.EscapeDataString(tenant)}/export"
            : $"v1/users/{Uri.EscapeDataString(user)}/export?tenant_id={Uri.EscapeDataString(tenant)}";
        await TransferAsync(new HttpRequestMessage(HttpMethod.Get, Relative(path)), async answer =>
        {
            await answer.Content.CopyToAsync(target, ct);
            return true;
        }, ct);
    }

    /// <summary>Sends an export back.</summary>
    /// <exception cref="CommandException">The server refuses it, or does not answer.</exception>
    public Task<ImportReport> ImportAsync(string tenant, Stream lines, CancellationToken ct)
    {
        var content = new StreamContent(lines);
        content.Headers.ContentType = new MediaTypeHeaderValue(ExchangeLines.MediaType);
        var request = new HttpRequestMessage(HttpMethod.Post, Relative($"v1/admin/import?tenant_id={Uri.EscapeDataString(tenant)}")) { Content = content };
        return TransferAsync(request, async answer => JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(ct), Reads<ImportReport>())!, ct);
    }

    /// <summary>Those who have a structured memory, page by page.</summary>
    public async Task<DocumentList> ListDocumentsAsync(string tenant, string? cursor, CancellationToken ct) => (await AskAsync(
        HttpMethod.Get, $"v1/documents?limit=200&tenant_id={Uri.EscapeDataString(tenant)}{(cursor is null ? "" : $"&cursor={cursor}")}", null, Reads<DocumentList>(), null, ct))!;

    /// <returns>A user's structured memory; null when there is none.</returns>
    public Task<JsonObject?> FindDocumentAsync(string tenant, string user, CancellationToken ct) =>
        AskAsync(HttpMethod.Get, DocumentPath(tenant, user), null, Reads<JsonObject>(), HttpStatusCode.NotFound, ct);

    /// <returns>The stored one; null when there is one already, and it is not to be replaced.</returns>
    public Task<JsonObject?> StoreDocumentAsync(string tenant, string user, ReadOnlyMemory<byte> body, bool replace, CancellationToken ct) =>
        AskAsync(HttpMethod.Post, $"{DocumentPath(tenant, user)}{(replace ? "&overwrite=true" : "")}", body, Reads<JsonObject>(), HttpStatusCode.Conflict, ct);

    /// <summary>Has the server begin a backup.</summary>
    public async Task<BackupResponse> BackUpAsync(CancellationToken ct) =>
        (await AskAsync(HttpMethod.Post, "v1/admin/backups", null, Reads<BackupResponse>(), null, ct))!;

    /// <returns>How the backup stands, or null when there is none of that name.</returns>
    public Task<BackupResponse?> FindBackupAsync(string name, CancellationToken ct) =>
        AskAsync(HttpMethod.Get, $"v1/admin/backups/{Uri.EscapeDataString(name)}", null, Reads<BackupResponse>(), HttpStatusCode.NotFound, ct);

    /// <summary>Audit records held against their chains: of one tenant, or of all, page by page.</summary>
    public async Task<AuditVerification> VerifyAuditAsync(string? tenant, string? cursor, CancellationToken ct) => (await AskAsync(
        HttpMethod.Get,
        tenant is null ? $"v1/admin/audit/verify?all=true&limit=200{(cursor is null ? "" : $"&cursor={cursor}")}" : $"v1/admin/audit/verify?tenant_id={Uri.EscapeDataString(tenant)}",
        null, Reads<AuditVerification>(), null, ct))!;

    /// <summary>Sends a request once: what comes of it is the caller's to judge.</summary>
    public async Task<OneAnswer> SendOnceAsync(HttpMethod method, string path, byte[]? body, CancellationToken ct)
    {
        try
        {
            using var request = new HttpRequestMessage(method, Relative(path));
            if (body is not null)
            {
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue(Answer.Json);
            }

            using var answer = await _http.SendAsync(request, ct);
            return new OneAnswer((int)answer.StatusCode, answer.Headers.RetryAfter?.Delta, await answer.Content.ReadAsByteArrayAsync(ct));
        }
        catch (HttpRequestException)
        {
            return OneAnswer.None;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return OneAnswer.None;
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>What is long in coming or going is not tried again.</summary>
    private async Task<T> TransferAsync<T>(HttpRequestMessage request, Func<HttpResponseMessage, Task<T>> read, CancellationToken ct)
    {
        using (request)
        {
            try
            {
                using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
                if (answer.IsSuccessStatusCode)
                {
                    return await read(answer);
                }

                var code = answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? ExitCode.NotAllowed
                    : answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge ? ExitCode.Data
                    : ExitCode.Unavailable;
                throw new CommandException(code, Refusal(answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(ct)));
            }
            catch (HttpRequestException exception)
            {
                throw new CommandException(ExitCode.Unavailable, $"no answer from {Url}, or it was cut off: {exception.Message}");
            }
        }
    }

    private static JsonTypeInfo<T> Reads<T>() => (JsonTypeInfo<T>)Answers.GetTypeInfo(typeof(T));

    private static string DocumentPath(string tenant, string user) => $"memory/{Uri.EscapeDataString(user)}?tenant_id={Uri.EscapeDataString(tenant)}";

    private static Uri Relative(string path) => new(path, UriKind.Relative);

    private async Task<T?> AskAsync<T>(
        HttpMethod method, string path, ReadOnlyMemory<byte>? body, JsonTypeInfo<T> type, HttpStatusCode? nothing, CancellationToken ct)
        where T : class
    {
        for (var attempt = 1; ; attempt++)
        {
            string fault;
            TimeSpan? pause = null;
            try
            {
                using var request = new HttpRequestMessage(method, Relative(path));
                if (body is { } bytes)
                {
                    request.Content = new ReadOnlyMemoryContent(bytes);
                    request.Content.Headers.ContentType = new MediaTypeHeaderValue(Answer.Json);
                }

                using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
                limit.CancelAfter(Patience);
                using var answer = await _http.SendAsync(request, limit.Token);
                if (answer.StatusCode == nothing)
                {
                    return null;
                }

                var text = await answer.Content.ReadAsByteArrayAsync(limit.Token);
                if (answer.IsSuccessStatusCode)
                {
                    return JsonSerializer.Deserialize(text, type);
                }

                fault = Refusal(answer.StatusCode, text);
                if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                {
                    throw new CommandException(ExitCode.NotAllowed, $"{fault} (commands read the key from MEMORY_API_KEY)");
                }

                if (answer.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout))
                {
                    throw new CommandException(
                        answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity ? ExitCode.Data : ExitCode.Unavailable, fault);
                }

                pause = answer.Headers.RetryAfter?.Delta;
            }
            catch (HttpRequestException exception)
            {
                fault = $"no answer from {Url}: {exception.Message}";
            }
            catch (JsonException)
            {
                fault = $"what answers at {Url} speaks another language";
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                fault = $"no answer from {Url} within {Patience.TotalSeconds:0} s";
            }

            if (attempt == Tries)
            {
                throw new CommandException(ExitCode.Unavailable, fault);
            }

            var wait = pause ?? TimeSpan.FromMilliseconds(100 << attempt);
            await Task.Delay(wait < LongestPause ? wait : LongestPause, _time, ct);
        }
    }

    /// <summary>The server's own words where it speaks in problems.</summary>
    private static string Refusal(HttpStatusCode status, byte[] body)
    {
        try
        {
            using var problem = JsonDocument.Parse(body);
            if (problem.RootElement.TryGetProperty("detail", out var detail) && detail.GetString() is { } text)
            {
                return PrintableText.Of($"the server answered {(int)status}: {text}");
            }
        }
        catch (JsonException)
        {
            // A proxy's page, for example: the status says enough.
        }

        return $"the server answered {(int)status}";
    }
}

/// <summary>What came of one request.</summary>
/// <param name="Status">Null when there was no answer.</param>
/// <param name="RetryAfter">The pause that the server asks for.</param>
/// <param name="Body">All of it.</param>
internal sealed record OneAnswer(int? Status, TimeSpan? RetryAfter, byte[] Body)
{
    public static OneAnswer None { get; } = new(null, null, []);
}
