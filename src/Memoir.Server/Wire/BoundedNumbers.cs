using System.Text.Json;
using Memoir.Kit.Http;

namespace Memoir.Server.Wire;

/// <summary>1e400 is JSON, but no database and no client keeps it; nor 1e-99999999999, which reads as 0 and compares as nothing.</summary>
internal static class BoundedNumbers
{
    private const int LongestExponent = 4;

    /// <exception cref="ProblemException">400 that names the member in which a number is out of range.</exception>
    public static void Require(string member, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Number when !element.TryGetDouble(out var number) || !double.IsFinite(number) || HasHugeExponent(element):
                throw ProblemException.Body(member, "has a number out of range");
            case JsonValueKind.Object:
                foreach (var inner in element.EnumerateObject())
                {
                    Require(member, inner.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    Require(member, item);
                }

                break;
        }
    }

    private static bool HasHugeExponent(JsonElement number)
    {
        var text = number.GetRawText();
        var at = text.IndexOfAny(['e', 'E']);
        return at >= 0 && text.AsSpan(at + 1).TrimStart("+-0").Length > LongestExponent;
    }
}
