namespace Memoir.Server.Quality.Detection;

/// <summary>Mail addresses, and not what only looks like one: a version of a package, the name of a picture, a repository.</summary>
internal static class EmailAddresses
{
    private const int LongestLocal = 64;
    private const int LongestDomain = 253;

    /// <summary>Ends of file names that are no domains.</summary>
    private static readonly string[] Files = ["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "css", "json", "html", "htm", "pdf", "ico", "bmp", "tgz", "gz", "txt", "exe", "dll"];

    /// <param name="text">The text.</param>
    /// <param name="at">Where its <c>@</c> stands.</param>
    public static Finding? Match(string text, int at)
    {
        var start = at;
        while (start > 0 && at - start < LongestLocal && IsLocal(text[start - 1]) && !Letters.IsBehindEscape(text, start))
        {
            start--;
        }

        while (start < at && text[start] is '.' or '-' or '+' or '%')
        {
            start++;
        }

        if (start == at || text[at - 1] == '.' || Letters.Before(text, start) is '/' or '@' || char.IsLetterOrDigit(Letters.Before(text, start)))
        {
            return null; // Also the user of a URL, and what is too long.
        }

        var end = at + 1;
        while (end < text.Length && end - at <= LongestDomain && (char.IsLetterOrDigit(text[end]) || text[end] is '-' or '.'))
        {
            end++;
        }

        var domain = text.AsSpan(at + 1, end - at - 1).TrimEnd(".-");
        end = at + 1 + domain.Length;
        return IsDomain(domain) && !IsRepository(text, end) && Letters.At(text, end) is not ('@' or '_')
            ? new Finding(SensitiveKind.Email, start, end - start)
            : null;
    }

    private static bool IsLocal(char c) => char.IsLetterOrDigit(c) || c is '.' or '_' or '-' or '+' or '%';

    private static bool IsDomain(ReadOnlySpan<char> domain)
    {
        var last = domain.LastIndexOf('.');
        if (last <= 0 || domain[0] is '.' or '-' || domain.Contains("..", StringComparison.Ordinal))
        {
            return false;
        }

        var top = domain[(last + 1)..];
        if (top.Length < 2 || (Letters.HasDigit(top) && !top.StartsWith("xn--", StringComparison.OrdinalIgnoreCase)))
        {
            return false;
        }

        foreach (var file in Files)
        {
            if (top.Equals(file, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary><c>git@host.org:owner/name</c>.</summary>
    private static bool IsRepository(string text, int end) => Letters.At(text, end) == ':' && (Letters.IsWord(Letters.At(text, end + 1)) || Letters.At(text, end + 1) is '/' or '~');
}
