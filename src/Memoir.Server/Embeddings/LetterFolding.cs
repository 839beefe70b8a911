using System.Globalization;

namespace Memoir.Server.Embeddings;

/// <summary>
/// Letters without case and marks ("É" is "e"), and which of them are words by themselves.
/// Own tables, because without a globalization library the runtime leaves accents where they are.
/// </summary>
internal static class LetterFolding
{
    /// <summary>What <see cref="Fold"/> answers for a character that belongs to no word.</summary>
    public const char Separator = '\0';

    /// <summary>What <see cref="Fold"/> answers for a mark that changes nothing about its letter.</summary>
    public const char Nothing = '\uFFFF';

    private const char LatinStart = '\u00C0';
    private const char GreekStart = '\u0386';
    private const char CyrillicStart = '\u0400';
    private const char VietnameseStart = '\u1E00';

    private const string Latin =
        "aaaaaaaceeeeiiiidnooooo×ouuuuytsaaaaaaaceeeeiiiidnooooo÷ouuuuytyaaaaaaccccccccddddeeeeeeeeeegggg" +
        "gggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

    private const string Greek =
        "α·εηι΋ο΍υωιαβγδεζηθικλμνξοπρ΢στυφχψωιυαεηιυαβγδεζηθικλμνξοπρσστυφχψωιυουω";

    private const string Cyrillic =
        "ееђгєѕііјљњћкиуџабвгдежзииклмнопрстуфхцчшщъыьэюяабвгдежзииклмнопрстуфхцчшщъыьэюяееђгєѕііјљњћкиуџ";

    private const string Vietnamese =
        "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrr" +
        "ssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwyasssssaaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee" +
        "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyyllvvyy";

    private static readonly char[] Ascii = [.. Enumerable.Range(0, 128).Select(FoldAscii)];

    public static char Fold(char c) => c < 128 ? Ascii[c] : FoldOther(c);

    /// <summary>Whether a folded character is of a script that writes no spaces, where pairs of characters stand for words.</summary>
    public static bool IsUnspaced(char c) =>
        c >= '\u0E00' && c is
            (>= '\u0E00' and <= '\u0EFF') // Thai, Lao
            or (>= '\u1000' and <= '\u109F') // Myanmar
            or (>= '\u1780' and <= '\u17FF') // Khmer
            or (>= '\u3040' and <= '\u30FF') // Hiragana, Katakana
            or (>= '\u3100' and <= '\u312F') // Bopomofo
            or (>= '\u31F0' and <= '\u31FF')
            or (>= '\u3400' and <= '\u4DBF') // Han
            or (>= '\u4E00' and <= '\u9FFF')
            or (>= '\uAC00' and <= '\uD7AF') // Hangul
            or (>= '\uF900' and <= '\uFAFF')
            or (>= '\uFF66' and <= '\uFF9F');

    private static char FoldAscii(int c) => char.IsAsciiLetterOrDigit((char)c) ? char.ToLowerInvariant((char)c) : Separator;

    private static char FoldOther(char c)
    {
        var folded = c switch
        {
            < LatinStart => c,
            < (char)(LatinStart + 192) => Latin[c - LatinStart],
            >= '\u0300' and <= '\u036F' => Nothing, // combining marks
            >= GreekStart and <= '\u03CE' => Greek[c - GreekStart],
            >= CyrillicStart and <= '\u045F' => Cyrillic[c - CyrillicStart],
            >= VietnameseStart and <= '\u1EFF' => Vietnamese[c - VietnameseStart],
            >= '\u200B' and <= '\u200D' => Nothing, // zero-width marks inside words
            >= '\uFF01' and <= '\uFF5E' => Ascii[c - '\uFF01' + '!'], // full-width forms
            '\u00AD' or '\u2060' or '\uFEFF' or (>= '\uFE00' and <= '\uFE0F') => Nothing, // soft hyphen, variation selectors
            _ => char.ToLowerInvariant(c),
        };

        return folded is Separator or Nothing || IsWordPart(folded) ? folded : Separator;
    }

    private static bool IsWordPart(char c) => CharUnicodeInfo.GetUnicodeCategory(c) is
        UnicodeCategory.LowercaseLetter or UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.DecimalDigitNumber
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
