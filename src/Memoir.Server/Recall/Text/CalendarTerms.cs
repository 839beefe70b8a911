namespace Memoir.Server.Recall.Text;

/// <summary>The words people use for a date ("8 May 2023 Monday"), as terms.</summary>
internal static class CalendarTerms
{
    private static readonly ulong[] Months =
    [
        .. "january february march april".Split(' ').Select(name => Tokenizer.Reduce(name)),
        Tokenizer.MonthOfMay,
        .. "june july august september october november december".Split(' ').Select(name => Tokenizer.Reduce(name)),
    ];

    private static readonly ulong[] Weekdays =
        [.. "sunday monday tuesday wednesday thursday friday saturday".Split(' ').Select(name => Tokenizer.Reduce(name))];

    private static readonly ulong[] Days = [.. Enumerable.Range(0, 32).Select(day => Number(day))];

    private static readonly HashSet<ulong> Temporal =
    [
        .. Months, .. Weekdays,
        .. ("yesterday today tomorrow tonight ago last next week weekend month year recently lately morning evening afternoon night "
            + "spring summer fall autumn winter since soon later earlier day").Split(' ').Select(name => Tokenizer.Reduce(name)),
    ];

    private static readonly HashSet<ulong> Asking =
        [.. "when date year month day long".Split(' ').Select(name => Tokenizer.Reduce(name))];

    /// <summary>Day of the month, month, year and weekday of a moment in UTC.</summary>
    public static (ulong Day, ulong Month, ulong Year, ulong Weekday) Of(DateTimeOffset moment)
    {
        var utc = moment.UtcDateTime;
        return (TermHash.AsDate(Days[utc.Day]), TermHash.AsDate(Months[utc.Month - 1]), TermHash.AsDate(Number(utc.Year)),
            TermHash.AsDate(Weekdays[(int)utc.DayOfWeek]));
    }

    /// <summary>Whether a word of a text places something in time.</summary>
    public static bool TellsTime(ulong term) => Temporal.Contains(term);

    /// <summary>Whether a word of a question asks for a time.</summary>
    public static bool AsksTime(ulong term) => Asking.Contains(term);

    private static ulong Number(int value)
    {
        Span<char> digits = stackalloc char[11];
        value.TryFormat(digits, out var length, default, System.Globalization.CultureInfo.InvariantCulture);
        return Tokenizer.Reduce(digits[..length]);
    }
}
