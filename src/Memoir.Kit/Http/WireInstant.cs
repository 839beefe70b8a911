using System.Globalization;
using System.Text;
using Memoir.Kit.Data;

namespace Memoir.Kit.Http;

/// <summary>Times on the wire: RFC 3339, UTC, <c>Z</c>.</summary>
public static class WireInstant
{
    public const int MaxLength = 32;

    private static readonly DateTimeOffset Oldest = new(1, 1, 2, 0, 0, 0, TimeSpan.Zero);

    /// <summary>A date and time with an offset or <c>Z</c>; fractions finer than a microsecond are cut.</summary>
    public static bool TryParse(string text, out DateTimeOffset instant)
    {
        instant = default;
        if (text.Length is < 20 or > 40 || !HasForm(text))
        {
            return false;
        }

        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed) || parsed < Oldest)
        {
            return false;
        }

        instant = parsed.ToStored();
        return true;
    }

    /// <summary>Writes ASCII into <paramref name="target"/> and tells how much.</summary>
    public static int Format(DateTimeOffset instant, Span<byte> target)
    {
        var utc = instant.UtcDateTime;
        utc.TryFormat(target, out var length, "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        var microseconds = (int)(utc.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        if (microseconds > 0)
        {
            target[length++] = (byte)'.';
            microseconds.TryFormat(target[length..], out var digits, "D6", CultureInfo.InvariantCulture);
            length += digits;
        }

        target[length++] = (byte)'Z';
        return length;
    }

    public static string Format(DateTimeOffset instant)
    {
        Span<byte> text = stackalloc byte[MaxLength];
        return Encoding.ASCII.GetString(text[..Format(instant, text)]);
    }

    /// <summary>The parser of the framework takes much more than RFC 3339: slashes, blanks, a decimal comma.</summary>
    private static bool HasForm(string text)
    {
        const string form = "0000-00-00T00:00:00";

        for (var i = 0; i < form.Length; i++)
        {
            var fits = form[i] switch
            {
                '0' => char.IsAsciiDigit(text[i]),
                'T' => text[i] is 'T' or 't' or ' ',
                var mark => text[i] == mark,
            };
            if (!fits)
            {
                return false;
            }
        }

        var rest = text.AsSpan(form.Length);
        if (rest is ['.', var digit, ..] && char.IsAsciiDigit(digit))
        {
            rest = rest[1..].TrimStart("0123456789");
        }

        return rest is "Z" or "z"
            || (rest is ['+' or '-', var h, var hh, ':', var m, var mm]
                && char.IsAsciiDigit(h) && char.IsAsciiDigit(hh) && char.IsAsciiDigit(m) && char.IsAsciiDigit(mm));
    }
}
