using System.Buffers;

namespace Memoir.Server.Quality.Detection;

/// <summary>What stands where a secret would: a variable, an example's word, or the mark of one that was masked.</summary>
internal static class Placeholder
{
    public const string Opening = "[masked:";

    private static readonly SearchValues<char> Blots = SearchValues.Create("*xX.•…#-_·?");

    private static readonly string[] Beginnings = [Opening, "<", "${", "$(", "{", "%(", "process.env", "os.environ", "env.", "ENV[", "your_", "your-", "my_", "my-"];

    public static bool Is(ReadOnlySpan<char> value)
    {
        foreach (var beginning in Beginnings)
        {
            if (value.StartsWith(beginning, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return !value.ContainsAnyExcept(Blots) || IsVariable(value);
    }

    /// <summary><c>$NAME</c>, <c>%NAME%</c>, <c>%s</c>, <c>$1</c>, <c>:name</c>, <c>@name</c> with nothing behind.</summary>
    private static bool IsVariable(ReadOnlySpan<char> value)
    {
        if (value is not ['$' or '%' or ':' or '@', ..])
        {
            return false;
        }

        var isUpper = true;
        foreach (var c in value[1..])
        {
            if (!(char.IsAsciiLetterOrDigit(c) || c == '_' || (c == '%' && value[0] == '%')))
            {
                return false;
            }

            isUpper &= !char.IsAsciiLetterLower(c);
        }

        return isUpper || value.Length == 2 || value[0] is ':' or '@' || !Letters.HasDigit(value);
    }
}
