using System.Text.Json;
using Memoir.Kit.Http;

namespace Memoir.Server.Wire;

/// <summary>1e400 is JSON, but no database and no client keeps it.</summary>
internal static class BoundedNumbers
{
    /// <exception cref="ProblemException">400 that names the member in which a number is out of range.</exception>
    public static void Require(string member, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Number when !element.TryGetDouble(out var number) || !double.IsFinite(number):
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
}
