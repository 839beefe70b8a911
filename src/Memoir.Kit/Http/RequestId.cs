using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Http;

/// <summary>The name of one request in its answer, its problem body and every log line about it.</summary>
public static class RequestId
{
    public const string Header = "X-Request-ID";

    /// <summary>The caller's own id when it is harmless, else a new one.</summary>
    public static string Choose(string? offered, TimeProvider time) =>
        offered is { Length: > 0 and <= 64 } && IsHarmless(offered)
            ? offered
            : Guid.CreateVersion7(time.GetUtcNow()).ToString("N");

    public static string Of(HttpContext http) => http.TraceIdentifier;

    private static bool IsHarmless(string text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
