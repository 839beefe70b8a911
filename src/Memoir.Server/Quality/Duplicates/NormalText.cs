using System.Buffers;
using System.Text;
using Memoir.Server.Recall.Text;

namespace Memoir.Server.Quality.Duplicates;

/// <summary>
/// The form in which two texts are the same: letters small, the shapes that keyboards and fonts give one character made one,
/// runs of white space one space, and without the punctuation around it. What asks stays apart from what states.
/// </summary>
internal static class NormalText
{
    public const int FewestCharacters = 20;

    private const int FewestWords = 4;
    private static readonly char[] Outer = [.. " \"'()[]{}<>*_~`.,;:!"];

    public static string Of(string text) => Ascii.IsValid(text) ? OfAscii(text) : OfAny(text);

    /// <summary>The same, of what most texts are made of alone: several times as fast, and it is done for everything that is stored.</summary>
    private static string OfAscii(string text)
    {
        var rented = ArrayPool<char>.Shared.Rent(text.Length);
        try
        {
            var length = 0;
            foreach (var c in text)
            {
                if (c is > ' ' and < '\u007f')
                {
                    rented[length++] = c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
                }
                else if (length > 0 && rented[length - 1] != ' ')
                {
                    rented[length++] = ' ';
                }
            }

            return rented.AsSpan(0, length).Trim(Outer).ToString();
        }
        finally
        {
            ArrayPool<char>.Shared.Return(rented);
        }
    }

    private static string OfAny(string text)
    {
        var normal = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && CharacterFolding.FoldFancy(char.ConvertToUtf32(text, i)) is var plain and not '\0')
            {
                normal.Append(plain);
                i++;
                continue;
            }

            Append(normal, c);
        }

        return normal.ToString().Trim(Outer);
    }

    /// <summary>Whether a normal text says enough that saying it twice is saying the same: "yes" and "thanks" are said anew each time.</summary>
    public static bool SaysEnough(string normal)
    {
        if (normal.Length < FewestCharacters)
        {
            return false;
        }

        var words = 0;
        var isWithin = false;
        foreach (var c in normal)
        {
            words += (!isWithin && c != ' ') || (c > '\u007f' && CharacterFolding.IsUnspaced(c)) ? 1 : 0;
            isWithin = c != ' ';
        }

        return words >= FewestWords;
    }

    private static void Append(StringBuilder normal, char c)
    {
        switch (c)
        {
            case '\u00ad' or '\u200b' or '\u2060' or '\ufeff':
                return; // Nobody sees them.
            case '\u2018' or '\u2019' or '\u02bc' or '\u00b4':
                normal.Append('\'');
                return;
            case '\u201c' or '\u201d' or '\u201e' or '\u00ab' or '\u00bb':
                normal.Append('"');
                return;
            case >= '\u2010' and <= '\u2015' or '\u2212':
                normal.Append('-');
                return;
            case '\u2026':
                normal.Append("...");
                return;
            case '\ufb00' or '\ufb01' or '\ufb02':
                normal.Append(c == '\ufb00' ? "ff" : c == '\ufb01' ? "fi" : "fl");
                return;
            case >= '\uff01' and <= '\uff5e':
                normal.Append(char.ToLowerInvariant((char)(c - 0xfee0)));
                return;
            case var space when char.IsWhiteSpace(space) || char.IsControl(space):
                if (normal.Length > 0 && normal[^1] != ' ')
                {
                    normal.Append(' ');
                }

                return;
            default:
                normal.Append(char.ToLowerInvariant(c));
                return;
        }
    }
}
