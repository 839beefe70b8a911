namespace Memoir.Server.Quality.Detection.Numbers;

/// <summary>
/// Telephone numbers with <c>+</c> and a country, or written in groups as one country or another does. A number without both is
/// none: too much else looks like it.
/// </summary>
internal static class PhoneNumbers
{
    private const int MostGroups = 8;
    private const int MostDigits = 17;

    /// <param name="text">The text.</param>
    /// <param name="at">Where a run of digits begins.</param>
    public static Finding? Match(string text, int at)
    {
        var start = at;
        var isInternational = Letters.Before(text, start) == '+';
        start -= isInternational ? 1 : 0;
        var isInBrackets = Letters.Before(text, start) == '(';
        start -= isInBrackets ? 1 : 0;
        if (!MayBegin(text, start, isInternational))
        {
            return null;
        }

        var number = new Groups(stackalloc Group[MostGroups], stackalloc char[MostDigits]);
        Read(text, at, isInBrackets, ref number);
        for (var count = number.Count; count > 0; count--, number.DropLast())
        {
            var isWithin = isInBrackets && !number[0].Bracket; // The whole of it stands in brackets, and they stay.
            var (from, end) = (isWithin ? start + 1 : start, number.Last.End + (number.Last.Bracket && !isWithin ? 1 : 0));
            if (MayEnd(text, end, isAll: count == number.Read) && IsNumber(number, isInternational))
            {
                return new Finding(SensitiveKind.Phone, from, end - from);
            }
        }

        return null;
    }

    private static bool MayBegin(string text, int start, bool isInternational) => Letters.Before(text, start) switch
    {
        '-' or '.' or ',' or '/' or '#' or '$' or '€' or '£' or '¥' or '+' or ')' or '\'' or '\\' or '*' or '^' or '~' or '@' => false,
        ':' => isInternational || (start > 1 && char.IsLetter(text[start - 2])),
        ' ' when start > 3 && !isInternational => text.AsSpan(start - 4, 3).ContainsAnyExceptInRange('0', '9'), // Not the middle of a longer one.
        var before => !Letters.IsWord(before),
    };

    private static bool MayEnd(string text, int end, bool isAll) => Letters.At(text, end) switch
    {
        '%' or '€' or '$' or '£' or '°' or '_' or '@' or '=' => false,
        '-' or '.' or ',' or '/' or ':' => isAll && !Letters.IsWord(Letters.At(text, end + 1)),
        ' ' or '\u00a0' => true,
        var after => isAll && !char.IsLetterOrDigit(after),
    };

    private static void Read(string text, int at, bool isInBrackets, ref Groups number)
    {
        var separator = '\0';
        while (true)
        {
            var from = at;
            while (char.IsAsciiDigit(Letters.At(text, at)))
            {
                at++;
            }

            var closes = isInBrackets && Letters.At(text, at) == ')';
            if (!number.Add(text, new Group(from, at, separator, closes)))
            {
                number.Spoil();
                return;
            }

            var next = closes ? at + 1 : at;
            isInBrackets = isInBrackets && !closes;
            separator = closes ? ')' : '\0';
            if (Letters.At(text, next) is ' ' or '\u00a0' or '-' or '.' or '/')
            {
                separator = Letters.At(text, next) is '\u00a0' ? ' ' : Letters.At(text, next);
                next++;
                if (separator == ' ' && Letters.At(text, next) is '/' or '-' && Letters.At(text, next + 1) == ' ' && char.IsAsciiDigit(Letters.At(text, next + 2)))
                {
                    separator = text[next];
                    next += 2;
                }
            }

            if (!isInBrackets && separator is '\0' or ' ' && Letters.At(text, next) == '(')
            {
                isInBrackets = true;
                separator = ' ';
                next++;
            }

            if (separator == '\0' || !char.IsAsciiDigit(Letters.At(text, next)))
            {
                return;
            }

            at = next;
        }
    }

    private static bool IsNumber(in Groups number, bool isInternational)
    {
        var digits = number.Digits;
        if (isInternational)
        {
            return IsInternational(number, digits, first: 0);
        }

        return digits.StartsWith("00", StringComparison.Ordinal)
            ? number.Count > 1 && IsInternational(number, digits[2..], first: 2)
            : IsAmerican(number) || IsRussian(number) || (digits.Length > 1 && digits[0] == '0' && digits[1] != '0' && IsWithTrunk(number, digits));
    }

    /// <param name="number">Its groups.</param>
    /// <param name="digits">Its digits from the country's code on.</param>
    /// <param name="first">How many stand before that.</param>
    private static bool IsInternational(in Groups number, ReadOnlySpan<char> digits, int first)
    {
        if (digits.Length is < 8 or > 15 || (number.Has('.') && number.Count < 3))
        {
            return false; // Also a coordinate.
        }

        var country = CountryLength(digits);
        var rest = digits[country..];
        if (country == 0 || (number.Count > 1 && number[0].Length > first && number[0].Length < first + country))
        {
            return false;
        }

        if (country == 1 && digits[0] == '1')
        {
            return rest.Length == 10 && rest[0] > '1' && rest[3] > '1';
        }

        var isTrunkShown = number.Count > 2 && number[1] is { Length: 1, Bracket: true } && rest[0] == '0'; // +44 (0)20 …
        rest = isTrunkShown ? rest[1..] : rest;
        return rest.Length >= 7 && Letters.IsVaried(rest, 2) && (rest[0] != '0' || (rest[1] != '0' && (digits.StartsWith("39", StringComparison.Ordinal) || number.Count > 2)));
    }

    private static int CountryLength(ReadOnlySpan<char> digits) => (((digits[0] - '0') * 10) + digits[1] - '0') switch
    {
        >= 10 and <= 19 or >= 70 and <= 79 => 1,
        20 or 27 or (>= 30 and <= 34) or 36 or 39 or 40 or 41 or (>= 43 and <= 49) or (>= 51 and <= 58) or (>= 60 and <= 66) or 81 or 82 or 84 or 86
            or (>= 90 and <= 95) or 98 => 2,
        21 or 22 or 23 or 24 or 25 or 26 or 29 or 35 or 37 or 38 or 42 or 50 or 59 or 67 or 68 or 69 or 85 or 87 or 88 or 96 or 97 or 99 => 3,
        _ => 0,
    };

    /// <summary><c>212-555-0199</c>, <c>(212) 555-0199</c>, <c>1.212.555.0199</c>.</summary>
    private static bool IsAmerican(in Groups number)
    {
        var from = number.Count == 4 && number[0].Length == 1 && number.Digits[0] == '1' ? 1 : 0;
        if (number.Count != from + 3 || number[from].Length != 3 || number[from + 1].Length != 3 || number[from + 2].Length != 4)
        {
            return false;
        }

        var digits = number.Digits[from..];
        var last = number[from + 2].Separator;
        return digits[0] > '1' && digits[3] > '1' && (number[from].Bracket ? last is '-' or '.' or ' ' : last is '-' or '.' && number[from + 1].Separator == last);
    }

    /// <summary><c>8 (495) 123-45-67</c>.</summary>
    private static bool IsRussian(in Groups number) =>
        number.Count == 5 && number[0].Length == 1 && number.Digits[0] is '7' or '8' && number[1].Length == 3 && number[2].Length == 3
        && number[3].Length == 2 && number[4].Length == 2 && number[3].Separator == '-' && number[4].Separator == '-';

    /// <summary>With a zero before the area: <c>0170 1234567</c>, <c>030/1234567</c>, <c>020 7946 0958</c>, <c>01 23 45 67 89</c>.</summary>
    private static bool IsWithTrunk(in Groups number, ReadOnlySpan<char> digits)
    {
        var first = number[0].Length;
        if (digits.Length is < 9 or > 12 || number.Count is < 2 or > 5 || !Letters.IsVaried(digits, 3))
        {
            return false;
        }

        if (first == 2 && !number[0].Bracket)
        {
            var separator = number[1].Separator;
            var isFrench = number.Count == 5 && number.All(2) && number.AllBetween(separator);
            var isJapanese = number.Count == 3 && number[1].Length == 4 && number[2].Length == 4 && number.AllBetween('-');
            return isFrench || isJapanese;
        }

        return first is >= 2 and <= 5 && !number.Has('.') && !(number.Has('/') && number.Has('-')) && number.Shortest >= 2;
    }

    /// <param name="Start">Its first digit.</param>
    /// <param name="End">Behind its last digit.</param>
    /// <param name="Separator">What stands before it.</param>
    /// <param name="Bracket">It stands in brackets.</param>
    private readonly record struct Group(int Start, int End, char Separator, bool Bracket)
    {
        public int Length => End - Start;
    }

    /// <summary>What was read of a number, group by group.</summary>
    private ref struct Groups(Span<Group> groups, Span<char> digits)
    {
        private readonly Span<Group> _groups = groups;
        private readonly Span<char> _digits = digits;
        private int _length;

        public int Count { get; private set; }

        /// <summary>How many there were; more than can be told when there were too many.</summary>
        public int Read { get; private set; }

        public readonly ReadOnlySpan<char> Digits => _digits[.._length];

        public readonly Group Last => _groups[Count - 1];

        public readonly int Shortest
        {
            get
            {
                var shortest = int.MaxValue;
                foreach (var group in _groups[..Count])
                {
                    shortest = Math.Min(shortest, group.Length);
                }

                return shortest;
            }
        }

        public readonly Group this[int index] => _groups[index];

        public bool Add(string text, Group group)
        {
            if (Count == _groups.Length || _length + group.Length > _digits.Length)
            {
                return false;
            }

            text.AsSpan(group.Start, group.Length).CopyTo(_digits[_length..]);
            _length += group.Length;
            _groups[Count++] = group;
            Read = Count;
            return true;
        }

        public void DropLast()
        {
            _length -= Last.Length;
            Count--;
        }

        /// <summary>The text goes on: only what a space ends may be a number.</summary>
        public void Spoil() => Read = int.MaxValue;

        public readonly bool Has(char separator)
        {
            foreach (var group in _groups[1..Math.Max(1, Count)])
            {
                if (group.Separator == separator)
                {
                    return true;
                }
            }

            return false;
        }

        public readonly bool AllBetween(char separator)
        {
            foreach (var group in _groups[1..Count])
            {
                if (group.Separator != separator)
                {
                    return false;
                }
            }

            return true;
        }

        public readonly bool All(int length)
        {
            foreach (var group in _groups[..Count])
            {
                if (group.Length != length)
                {
                    return false;
                }
            }

            return true;
        }
    }
}
