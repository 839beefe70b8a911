namespace Memoir.Server.Quality.Detection.Numbers;

/// <summary>Numbers of payment cards: of an issuer's beginning and length, with the right check digit.</summary>
internal static class PaymentCards
{
    private const int Least = 13;
    private const int Most = 19;

    /// <param name="text">The text.</param>
    /// <param name="at">Where a run of digits begins.</param>
    /// <param name="end">Where it ends.</param>
    public static Finding? Match(string text, int at, int end)
    {
        if (!MayBegin(text, at))
        {
            return null;
        }

        Span<char> digits = stackalloc char[Most];
        var run = end - at;
        if (run is > Least and <= Most) // Thirteen in one piece are a number of a ware.
        {
            text.AsSpan(at, run).CopyTo(digits);
            return MayEnd(text, end) && IsCard(digits[..run]) ? new Finding(SensitiveKind.PaymentCard, at, run) : null;
        }

        return run == 4 ? Grouped(text, at, digits) : null;
    }

    /// <summary>In groups as they stand on the card, all with the same character between.</summary>
    private static Finding? Grouped(string text, int at, Span<char> digits)
    {
        var separator = Letters.At(text, at + 4);
        if (separator is not (' ' or '-' or '\u00a0'))
        {
            return null;
        }

        Finding? best = null;
        var (length, next) = (0, at);
        while (true)
        {
            var group = 0;
            while (char.IsAsciiDigit(Letters.At(text, next)) && length < Most)
            {
                digits[length++] = text[next++];
                group++;
            }

            if (group is < 1 or > 6 || char.IsAsciiDigit(Letters.At(text, next)))
            {
                return best;
            }

            if (length >= Least && MayEnd(text, next) && IsCard(digits[..length]))
            {
                best = new Finding(SensitiveKind.PaymentCard, at, next - at);
            }

            if (Letters.At(text, next) != separator)
            {
                return best;
            }

            next++;
        }
    }

    private static bool MayBegin(string text, int at) => Letters.Before(text, at) switch
    {
        '.' or ',' or '-' or '/' or ':' => at < 2 || !Letters.IsWord(Letters.Before(text, at - 1)) || (text[at - 1] == ':' && char.IsLetter(text[at - 2])),
        var before => !Letters.IsWord(before),
    };

    private static bool MayEnd(string text, int end) => Letters.At(text, end) switch
    {
        '.' or ',' or '-' or '/' or ':' => !Letters.IsWord(Letters.At(text, end + 1)),
        var after => !Letters.IsWord(after),
    };

    private static bool IsCard(ReadOnlySpan<char> digits) => IsIssued(digits) && HasCheckDigit(digits);

    private static bool IsIssued(ReadOnlySpan<char> digits)
    {
        var four = int.Parse(digits[..4], provider: null);
        var (two, three) = (four / 100, four / 10);
        return digits.Length switch
        {
            13 => two / 10 == 4,
            14 => two is 36 or 38 or 39 || three is >= 300 and <= 305,
            15 => two is 34 or 37,
            16 => two / 10 == 4 || two is >= 51 and <= 55 || four is >= 2221 and <= 2720 || IsOther(four) || two == 36,
            19 => two / 10 == 4 || IsOther(four),
            _ => IsOther(four),
        };
    }

    /// <summary>Those of 16 to 19 digits: Discover, JCB, UnionPay, Maestro, Mir.</summary>
    private static bool IsOther(int four) =>
        four is 6011 or (>= 6440 and <= 6599) or (>= 3528 and <= 3589) or (>= 6200 and <= 6299) or 5018 or 5020 or 5038 or 5893 or 6304 or 6759 or 6761 or 6762 or 6763
            or (>= 2200 and <= 2204);

    /// <summary>Luhn's.</summary>
    private static bool HasCheckDigit(ReadOnlySpan<char> digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[^(i + 1)] - '0';
            digit = i % 2 == 0 ? digit : digit * 2;
            sum += digit > 9 ? digit - 9 : digit;
        }

        return sum % 10 == 0;
    }
}
