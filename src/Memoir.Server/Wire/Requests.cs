using Memoir.Kit.Http;
using Memoir.Server.Access;
using Microsoft.Extensions.Options;
using Memoir.Kit.Hosting;
using Memoir.Kit.Http.Json;

namespace Memoir.Server.Wire;

/// <summary>What doors do with every request: read its body, keep its idempotency key.</summary>
internal static class Requests
{
    /// <summary>A batch may be eight times as large as an ordinary request.</summary>
    public const int BatchFactor = 8;

    public static Task<RequestBody> ReadBodyAsync(this HttpContext http, params IReadOnlyList<string> alsoAs) => StrictJson.ReadBodyAsync(http, Limit(http), alsoAs);

    public static Task<RequestBody> ReadBatchAsync(this HttpContext http) => StrictJson.ReadBodyAsync(http, BatchFactor * Limit(http));

    /// <summary>The idempotency key of this request as a companion of the service's write; null when the caller sent none.</summary>
    /// <param name="http">The request.</param>
    /// <param name="body">Its body, part of the fingerprint.</param>
    /// <param name="answer">Makes the answer that a repetition gets.</param>
    public static Companion<T>? Idempotently<T>(this HttpContext http, ReadOnlySpan<byte> body, Func<T, Answer> answer)
    {
        var request = IdempotentRequest.From(http.Request, Caller.Of(http).Credential, body);
        if (request is null)
        {
            return null;
        }

        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        return new Companion<T>(
            session => request.BeginAsync(session, Memoir.Kit.Data.Instants.Now(time)),
            (session, result) => request.CompleteAsync(session, answer(result)));
    }

    private static int Limit(HttpContext http) => http.RequestServices.GetRequiredService<IOptions<HttpOptions>>().Value.RequestMaxBytes;
}
