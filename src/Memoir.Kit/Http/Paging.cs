using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Http;

/// <summary>Which page of a list a caller asks for.</summary>
/// <param name="Limit">1..200, 50 when not said.</param>
/// <param name="After">The order values of the last item the caller has, or null at the start.</param>
/// <param name="Filter">What the list is, so that a cursor cannot continue another one.</param>
public sealed record Page(int Limit, string[]? After, string Filter)
{
    public string Next(params ReadOnlySpan<string> order) => Cursor.Encode(Filter, order);

    /// <exception cref="ProblemException">422 for a limit out of range, 400 for a foreign cursor.</exception>
    public static Page From(HttpRequest request, string filter, int values)
    {
        var limit = QueryValues.Whole(request, "limit", 1, 200) ?? 50;
        var cursor = QueryValues.Text(request, "cursor");
        return new Page(limit, cursor is null ? null : Cursor.Decode(cursor, filter, values), filter);
    }
}

/// <summary>Reads parameters of the query string: each at most once, none of them unreadable.</summary>
public static class QueryValues
{
    /// <returns>The value, or null when absent or empty.</returns>
    public static string? Text(HttpRequest request, string name)
    {
        var values = request.Query[name];
        if (values.Count > 1)
        {
            throw new ProblemException(Problem.InvalidRequest, $"{name} is given more than once.");
        }

        var value = values.Count == 0 ? null : values[0];
        if (value is not null && value.Contains('\0', StringComparison.Ordinal))
        {
            throw new ProblemException(Problem.InvalidRequest, $"{name} has a NUL character.");
        }

        return string.IsNullOrEmpty(value) ? null : value;
    }

    public static int? Whole(HttpRequest request, string name, int min, int max)
    {
        if (Text(request, name) is not { } text)
        {
            return null;
        }

        if (!System.Numerics.BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            throw Unreadable(name, "must be a whole number");
        }

        return value >= min && value <= max
            ? (int)value
            : throw ProblemException.Field(name, $"must be between {min} and {max}");
    }

    public static double? Number(HttpRequest request, string name)
    {
        if (Text(request, name) is not { } text)
        {
            return null;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw Unreadable(name, "must be a number");
    }

    public static bool? Flag(HttpRequest request, string name) => Text(request, name) switch
    {
        null => null,
        "true" or "1" => true,
        "false" or "0" => false,
        _ => throw Unreadable(name, "must be true or false"),
    };

    public static DateTimeOffset? Time(HttpRequest request, string name)
    {
        if (Text(request, name) is not { } text)
        {
            return null;
        }

        // A plus sign that was not escaped arrives as a blank.
        return WireInstant.TryParse(text, out var instant) || WireInstant.TryParse(text.Replace(' ', '+'), out instant)
            ? instant
            : throw Unreadable(name, "must be an RFC 3339 time such as 2026-01-31T09:30:00Z");
    }

    /// <exception cref="ProblemException">400 that names a parameter which is not known.</exception>
    public static void RefuseUnknown(HttpRequest request, params IReadOnlyList<string> known)
    {
        foreach (var (name, _) in request.Query)
        {
            if (!known.Contains(name))
            {
                throw new ProblemException(Problem.InvalidRequest, $"{name} is not a parameter of this route.");
            }
        }
    }

    private static ProblemException Unreadable(string name, string message) =>
        new(Problem.InvalidRequest, $"{name}: {message}", new Dictionary<string, string[]> { [name] = [message] });
}
