using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>What can be said of single characters and of runs of them.</summary>
internal static class Letters
{
    public static readonly SearchValues<char> Alphanumeric = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

    public static readonly SearchValues<char> Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public static readonly SearchValues<char> Base64Url = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    public static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_';

    /// <summary>The character before a place; a space at the beginning, the end of a line behind one that is written as JSON does.</summary>
    public static char Before(string text, int at) => at <= 0 ? ' ' : IsBehindEscape(text, at) ? '\n' : text[at - 1];

    /// <summary>Whether the two characters before a place are <c>\n</c>, <c>\r</c> or <c>\t</c>.</summary>
    public static bool IsBehindEscape(string text, int at) => at > 1 && text[at - 2] == '\\' && text[at - 1] is 'n' or 'r' or 't';

    /// <summary>The character at a place; a space behind the end.</summary>
    public static char At(string text, int at) => at < text.Length ? text[at] : ' ';

    /// <summary>How many of the next characters are of a set; at most so many are looked at.</summary>
    public static int Run(string text, int at, SearchValues<char> letters, int most)
    {
        var rest = text.AsSpan(at, Math.Min(most, text.Length - at));
        var end = rest.IndexOfAnyExcept(letters);
        return end < 0 ? rest.Length : end;
    }

    public static bool HasDigit(ReadOnlySpan<char> text) => text.ContainsAnyInRange('0', '9');

    public static bool HasLetter(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (char.IsLetter(c))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Not <c>xxxxxxxx</c> or <c>12121212</c>, as examples have it.</summary>
    public static bool IsVaried(ReadOnlySpan<char> text, int least)
    {
        var seen = 0UL;
        var count = 0;
        foreach (var c in text)
        {
            var bit = 1UL << (c & 63);
            count += (seen & bit) == 0 ? 1 : 0;
            seen |= bit;
        }

        return count >= least;
    }

    /// <summary>Long, and changes between small and capital letters as words do not.</summary>
    public static bool IsRandom(ReadOnlySpan<char> text)
    {
        var changes = 0;
        for (var i = 1; i < text.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(text[i]))
            {
                return false;
            }

            changes += char.IsAsciiLetterUpper(text[i]) != char.IsAsciiLetterUpper(text[i - 1]) ? 1 : 0;
        }

        return text.Length >= 16 && changes * 5 >= text.Length * 2;
    }
}
