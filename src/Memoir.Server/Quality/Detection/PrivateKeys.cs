using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>Private keys as blocks of text, also such as were cut short or stand in one line with <c>\n</c> in it.</summary>
internal sealed class PrivateKeys
{
    public const string Mark = "-----BEGIN";

    private const string Closing = "-----END";
    private const string Line = "-----";
    private const int LongestName = 40;
    private const int LeastKey = 24;

    private static readonly SearchValues<char> Base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    /// <summary>Where the next end stands, from the last place that was asked for; searched once for all beginnings before it.</summary>
    private int _closing = -1;

    public Finding? Match(string text, int at)
    {
        if (!text.AsSpan(at).StartsWith(Mark, StringComparison.Ordinal))
        {
            return null;
        }

        var named = at + Mark.Length;
        var name = text.AsSpan(named, Math.Min(LongestName, text.Length - named));
        var close = name.IndexOf(Line, StringComparison.Ordinal);
        if (close < 0 || !name[..close].Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            return null;
        }

        var body = named + close + Line.Length;
        if (_closing < body)
        {
            var found = text.AsSpan(body).IndexOf(Closing, StringComparison.Ordinal);
            _closing = found < 0 ? int.MaxValue : body + found;
        }

        var (end, longest) = Read(text, body, Math.Min(_closing, text.Length));
        if (longest < LeastKey)
        {
            return null;
        }

        if (_closing <= text.Length && _closing - end < 200)
        {
            var last = text.AsSpan(_closing + Closing.Length, Math.Min(LongestName, text.Length - _closing - Closing.Length)).IndexOf(Line, StringComparison.Ordinal);
            end = _closing + Closing.Length + (last < 0 ? 0 : last + Line.Length);
        }

        return new Finding(SensitiveKind.PrivateKey, at, end - at);
    }

    /// <summary>Goes on while there are long pieces, or short ones of a header before them.</summary>
    private static (int End, int Longest) Read(string text, int at, int limit)
    {
        var (end, longest, others) = (at, 0, 0);
        while (at < limit)
        {
            if (text[at] is ' ' or '\r' or '\n' or '\t' || (text[at] == '\\' && at + 1 < limit && text[at + 1] is 'n' or 'r'))
            {
                at += text[at] == '\\' ? 2 : 1;
                continue;
            }

            var length = Math.Min(limit - at, Letters.Run(text, at, Base64, int.MaxValue));
            if (length >= LeastKey || (longest > 0 && length > 0 && text[at + length - 1] == '='))
            {
                (at, end, longest) = (at + length, at + length, Math.Max(longest, length));
                continue;
            }

            if (longest > 0 || ++others > 12)
            {
                break;
            }

            var next = text.AsSpan(at, limit - at).IndexOfAny(" \r\n\t\\");
            at += Math.Max(1, next < 0 ? limit - at : next);
        }

        return (end, longest);
    }
}
