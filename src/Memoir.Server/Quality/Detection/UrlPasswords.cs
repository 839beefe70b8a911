using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>The password of a URL that names its user: <c>scheme://user:password@host</c>.</summary>
internal static class UrlPasswords
{
    public const string Mark = "://";

    private const int Longest = 512;

    private static readonly SearchValues<char> Ends = SearchValues.Create(" \t\r\n/?#\"'<>`\\|");

    public static Finding? Match(string text, int at)
    {
        if (!text.AsSpan(at).StartsWith(Mark, StringComparison.Ordinal) || !char.IsAsciiLetterOrDigit(Letters.Before(text, at)))
        {
            return null;
        }

        var start = at + Mark.Length;
        var authority = text.AsSpan(start, Math.Min(Longest, text.Length - start));
        var end = authority.IndexOfAny(Ends);
        authority = end < 0 ? authority : authority[..end];
        var host = authority.LastIndexOf('@');
        var colon = host < 0 ? -1 : authority[..host].IndexOf(':');
        if (colon < 0 || colon + 1 == host || Placeholder.Is(authority[(colon + 1)..host]))
        {
            return null;
        }

        var (from, to) = (start + colon + 1, start + host);
        return new Finding(TokenForms.KindOf(text, from, to) ?? SensitiveKind.UrlPassword, from, to - from);
    }
}
