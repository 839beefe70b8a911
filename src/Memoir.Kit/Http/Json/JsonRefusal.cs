using System.Text.Json;
using System.Text.RegularExpressions;

namespace Memoir.Kit.Http.Json;

/// <summary>Turns the parser's complaint into words for the caller, with the wire path of the member to blame.</summary>
internal static partial class JsonRefusal
{
    private static readonly string[] IsMissing = ["is missing"];

    public static ProblemException Explain(JsonException exception)
    {
        var at = Shortened((exception.Path ?? "$").TrimStart('$').TrimStart('.'));
        var message = Shortened(exception.Message);
        if (Missing().Match(message) is { Success: true } missing)
        {
            var names = Quoted().Matches(missing.Groups["names"].Value).Select(m => Join(at, m.Groups[1].Value)).ToArray();
            return new ProblemException(
                Problem.InvalidBody, $"Missing: {string.Join(", ", names)}.", names.ToDictionary(n => n, _ => IsMissing));
        }

        if (Unknown().Match(message) is { Success: true } unknown)
        {
            return ProblemException.Body(Named(at, unknown.Groups["name"].Value), "is not a known member");
        }

        if (Null().Match(message) is { Success: true } missingValue)
        {
            return ProblemException.Body(at.Length > 0 ? at : missingValue.Groups["name"].Value, "must not be null");
        }

        if (Duplicate().Match(message) is { Success: true } duplicate)
        {
            return ProblemException.Body(Named(at, duplicate.Groups["name"].Value), "appears twice");
        }

        if (message.Contains("maximum configured depth", StringComparison.Ordinal))
        {
            return ProblemException.Body("", "The body is nested more than 32 deep.");
        }

        if (exception.InnerException is not null and not JsonException { InnerException: null } || message.Contains("could not be converted", StringComparison.Ordinal)
            || message.Contains("RFC 3339", StringComparison.Ordinal)
            || message.Contains("nullability annotation", StringComparison.Ordinal))
        {
            if (at.Length > 0 || message.Contains("could not be converted", StringComparison.Ordinal))
            {
                return ProblemException.Body(at, at.Length == 0 ? "The body must be a JSON object." : Expected(message));
            }
        }

        return ProblemException.Body("", exception.LineNumber is { } line
            ? $"The body is not valid JSON (line {line + 1}, byte {exception.BytePositionInLine + 1})."
            : "The body is not valid JSON.");
    }

    /// <summary>A member's name may be as long as the body: neither a pattern nor the answer should have to go through all of it.</summary>
    private static string Shortened(string text)
    {
        const int part = 400;

        return text.Length <= 2 * part ? text : $"{text[..part]}…{text[^part..]}";
    }

    private static string Expected(string message) => Target().Match(message).Groups["type"].Value switch
    {
        var t when message.Contains("RFC 3339", StringComparison.Ordinal) => "must be an RFC 3339 time with an offset, such as 2026-01-31T09:30:00Z",
        var t when message.Contains("number in range", StringComparison.Ordinal) => "must be a number in range",
        var t when t.Contains("String", StringComparison.Ordinal) => "must be a string",
        var t when t.Contains("Boolean", StringComparison.Ordinal) => "must be true or false",
        var t when t.Contains("Int32", StringComparison.Ordinal) || t.Contains("Int64", StringComparison.Ordinal) => "must be a whole number in range",
        var t when t.Contains("Double", StringComparison.Ordinal) => "must be a number in range",
        _ when message.Contains("null", StringComparison.OrdinalIgnoreCase) => "must not be null",
        _ => "has the wrong type",
    };

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    /// <summary>The parser's path ends sometimes at the member and sometimes at its parent.</summary>
    private static string Named(string path, string name) =>
        path == name || path.EndsWith("." + name, StringComparison.Ordinal) ? path : Join(path, name);

    [GeneratedRegex(@"missing required properties including: (?<names>.*)", RegexOptions.Singleline)]
    private static partial Regex Missing();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"The JSON property '(?<name>.*)' could not be mapped")]
    private static partial Regex Unknown();

    [GeneratedRegex(@"[Dd]uplicate property '(?<name>.*)' encountered")]
    private static partial Regex Duplicate();

    [GeneratedRegex(@"'(?<name>[^']*)' on type .* (doesn't|does not) allow (setting )?null")]
    private static partial Regex Null();

    [GeneratedRegex(@"converted to (?<type>\S+)")]
    private static partial Regex Target();
}
