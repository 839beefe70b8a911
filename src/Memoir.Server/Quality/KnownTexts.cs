using System.Text.Json;

namespace Memoir.Server.Quality;

/// <summary>What a document had already: its names, and its texts each under the name that tells what it is.</summary>
internal sealed class KnownTexts
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    public static KnownTexts Of(string json)
    {
        using var document = JsonDocument.Parse(json);
        var known = new KnownTexts();
        known.Add(document.RootElement, name: null);
        return known;
    }

    public bool HasName(string name) => _names.Contains(name);

    public bool Has(string? name, string text) => _texts.Contains(ScreenedJson.Place(name, text));

    private void Add(JsonElement value, string? name)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    _names.Add(member.Name);
                    Add(member.Value, ScreenedJson.Under(name, member.Name));
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Add(item, name);
                }

                break;
            case JsonValueKind.String or JsonValueKind.Number:
                _texts.Add(ScreenedJson.Place(name, ScreenedJson.TextOf(value)));
                break;
            default:
                break;
        }
    }
}
