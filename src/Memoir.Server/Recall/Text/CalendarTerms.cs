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

    private static readonly HashSet<ulong> Named = [.. Months, .. Weekdays];

    /// <summary>Day of the month, month, year and weekday of a moment in UTC.</summary>
    public static (ulong Day, ulong Month, ulong Year, ulong Weekday) Of(DateTimeOffset moment)
    {
        var utc = moment.UtcDateTime;
        return (TermHash.AsDate(Days[utc.Day]), TermHash.AsDate(Months[utc.Month - 1]), TermHash.AsDate(Number(utc.Year)),
            TermHash.AsDate(Weekdays[(int)utc.DayOfWeek]));
    }

    /// <summary>Whether a term names a month or a weekday.</summary>
    public static bool IsNamed(ulong term) => Named.Contains(term);

    private static ulong Number(int value)
    {
        Span<char> digits = stackalloc char[11];
        value.TryFormat(digits, out var length, default, System.Globalization.CultureInfo.InvariantCulture);
        return Tokenizer.Reduce(digits[..length]);
    }
}
