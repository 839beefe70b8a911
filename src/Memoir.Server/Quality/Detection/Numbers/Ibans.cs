using System.Collections.Frozen;

namespace Memoir.Server.Quality.Detection.Numbers;

/// <summary>Numbers of bank accounts: of a country's length, with the right check digits (ISO 13616).</summary>
internal static class Ibans
{
    private static readonly FrozenDictionary<string, int> Lengths = (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 "
        + "GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 "
        + "PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20")
        .Split(' ').ToFrozenDictionary(one => one[..2], one => int.Parse(one.AsSpan(2), provider: null), StringComparer.Ordinal);

    /// <param name="text">The text.</param>
    /// <param name="at">Where a run of digits begins: its check digits.</param>
    public static Finding? Match(string text, int at)
    {
        var start = at - 2;
        if (start < 0 || !char.IsAsciiLetter(text[start]) || !char.IsAsciiLetter(text[start + 1]) || Letters.IsWord(Letters.Before(text, start))
            || !Lengths.TryGetValue(text[start..at].ToUpperInvariant(), out var length))
        {
            return null;
        }

        var (remainder, count, next) = (0, 0, start);
        var country = 0;
        while (count < length)
        {
            var c = Letters.At(text, next);
            if (c is ' ' or '-' or '\u00a0' && next < text.Length && char.IsAsciiLetterOrDigit(text[next - 1]))
            {
                next++;
                continue;
            }

            if (!char.IsAsciiLetterOrDigit(c) || (count is 2 or 3 && !char.IsAsciiDigit(c)))
            {
                return null;
            }

            var value = char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
            if (count < 4)
            {
                country = count < 2 ? (country * 100) + value : (country * 10) + value; // They are reckoned behind the others.
            }
            else
            {
                remainder = ((remainder * (value > 9 ? 100 : 10)) + value) % 97;
            }

            count++;
            next++;
        }

        remainder = (int)(((remainder * 1_000_000L) + country) % 97);
        return remainder == 1 && !Letters.IsWord(Letters.At(text, next)) ? new Finding(SensitiveKind.Iban, start, next - start) : null;
    }
}
