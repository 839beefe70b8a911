namespace Memoir.Server.Recall.Text;

/// <summary>Maps one UTF-16 character to the lower-case, accent-free form under which words are compared.</summary>
internal static class CharacterFolding
{
    /// <summary>What a combining accent folds to: nothing.</summary>
    public const char Dropped = '\uffff';

    private const string AsciiLetters = "abcdefghijklmnopqrstuvwxyz";

    /// <summary>The folded character, '\0' for a separator, or <see cref="Dropped"/> for an accent that belongs to the letter before.</summary>
    public static char Fold(char c) => c switch
    {
        < '\u0080' => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '\0',
        >= '\u00c0' and <= '\u024f' => Letter(FoldingTables.Latin[c - '\u00c0']),
        >= '\u0300' and <= '\u036f' or '\u200c' or '\u200d' or '\u00ad' or >= '\u1ab0' and <= '\u1aff'
            or >= '\u1dc0' and <= '\u1dff' or >= '\u20d0' and <= '\u20ff' or >= '\ufe00' and <= '\ufe2f' => Dropped,
        >= '\u0370' and <= '\u03ff' => Letter(FoldingTables.Greek[c - '\u0370']),
        >= '\u0400' and <= '\u045f' => FoldingTables.Cyrillic[c - '\u0400'],
        >= '\u1e00' and <= '\u1eff' => FoldingTables.LatinAdditional[c - '\u1e00'],
        '\u00b2' => '2',
        '\u00b3' => '3',
        '\u00b9' => '1',
        '\uff07' => '\'',
        >= '\uff01' and <= '\uff5e' => Fold((char)(c - 0xfee0)),
        >= '\uff66' and <= '\uff9d' => FoldingTables.HalfwidthKana[c - '\uff66'],
        >= '\u0900' and <= '\u0dff' when char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.NonSpacingMark
            or System.Globalization.UnicodeCategory.SpacingCombiningMark => c,
        _ => Letter(char.ToLowerInvariant(c)),
    };

    /// <summary>Letters that fold to two; '\0' when <paramref name="c"/> folds to one.</summary>
    public static (char First, char Second) Expand(char c) => c switch
    {
        '\u00df' or '\u1e9e' => ('s', 's'),
        '\u00e6' or '\u00c6' => ('a', 'e'),
        '\u0153' or '\u0152' => ('o', 'e'),
        '\u00fe' or '\u00de' => ('t', 'h'),
        '\ufb01' => ('f', 'i'),
        '\ufb02' => ('f', 'l'),
        '\ufb00' => ('f', 'f'),
        _ => ('\0', '\0'),
    };

    /// <summary>Mathematical alphanumerics, which people use as fancy fonts; '\0' for everything else.</summary>
    public static char FoldFancy(int codePoint) => codePoint switch
    {
        >= 0x1d400 and < 0x1d6a4 => AsciiLetters[(codePoint - 0x1d400) % 26],
        >= 0x1d7ce and < 0x1d800 => (char)('0' + ((codePoint - 0x1d7ce) % 10)),
        _ => '\0',
    };

    /// <summary>Scripts written without spaces (and Hangul), which are read as character bigrams.</summary>
    public static bool IsUnspaced(int c) => c is >= 0x0e00 and <= 0x0eff or >= 0x1000 and <= 0x109f or >= 0x1780 and <= 0x17ff
        or >= 0x3041 and <= 0x30ff and not 0x30fb or >= 0x3400 and <= 0x4dbf or >= 0x4e00 and <= 0x9fff
        or >= 0xac00 and <= 0xd7af or >= 0xf900 and <= 0xfaff or >= 0x20000 and <= 0x323af or 0x3005;

    private static char Letter(char c) => char.IsLetterOrDigit(c) ? c : '\0';
}
