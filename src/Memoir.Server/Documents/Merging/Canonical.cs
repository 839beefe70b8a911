using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Memoir.Server.Documents.Merging;

/// <summary>One spelling for what says the same: members in order, numbers by their value, no nulls in objects.</summary>
internal static class Canonical
{
    public static string Of(JsonNode? node)
    {
        var text = new StringBuilder();
        Append(text, node);
        return text.ToString();
    }

    private static void Append(StringBuilder text, JsonNode? node)
    {
        switch (node)
        {
            case null:
                text.Append("null");
                break;
            case JsonObject some:
                text.Append('{');
                foreach (var (name, value) in some.Where(member => member.Value is not null).OrderBy(member => member.Key, StringComparer.Ordinal))
                {
                    text.Append(JsonEncodedText.Encode(name)).Append(':');
                    Append(text, value);
                    text.Append(',');
                }

                text.Append('}');
                break;
            case JsonArray list:
                text.Append('[');
                foreach (var item in list)
                {
                    Append(text, item);
                    text.Append(',');
                }

                text.Append(']');
                break;
            case JsonValue value when value.GetValueKind() is JsonValueKind.Number && value.TryGetValue<double>(out var number) && Math.Abs(number) < 1e15:
                text.Append(number.ToString("R", CultureInfo.InvariantCulture)); // 1 and 1.0 are one number; larger ones a double does not tell apart.
                break;
            default:
                text.Append(node.ToJsonString());
                break;
        }
    }
}
