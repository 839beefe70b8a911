using System.Globalization;

namespace Memoir.Kit.Limits;

/// <summary>So many requests in any stretch of time of one length; <c>200/minute</c> as settings spell it.</summary>
/// <param name="Permits">How many.</param>
/// <param name="Seconds">The length.</param>
public readonly record struct RateLimit(int Permits, int Seconds)
{
    public const string Off = "off";
    public const string Form = "must be a number of requests and second, minute, hour or day, such as 200/minute, or off";

    private const int Most = 10_000_000;

    /// <summary>A stretch is looked at in so many pieces: as exact as a limit has to be, in little memory.</summary>
    private const int Slots = 60;

    public long WindowMicroseconds => Seconds * 1_000_000L;

    public long SlotMicroseconds => WindowMicroseconds / Slots;

    /// <summary>Reads <c>200/minute</c>; <c>off</c> is no limit.</summary>
    /// <returns>False when it is neither.</returns>
    public static bool TryParse(string text, out RateLimit? limit)
    {
        limit = null;
        if (text.Equals(Off, StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (text.Split('/') is not [var number, var unit] || SecondsOf(unit) is not { } seconds
            || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var permits) || permits is < 1 or > Most)
        {
            return false;
        }

        limit = new RateLimit(permits, seconds);
        return true;
    }

    /// <summary>What was read before, or stored; nothing and <c>off</c> are no limit.</summary>
    public static RateLimit? Parse(string? text) => text is not null && TryParse(text, out var limit) ? limit : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Permits}/{UnitOf(Seconds)}");

    private static int? SecondsOf(string unit) => unit switch
    {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => null,
    };

    private static string UnitOf(int seconds) => seconds switch
    {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds} seconds"),
    };
}
