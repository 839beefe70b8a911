using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Memoir.Server.Wire;

namespace Memoir.Server.Quality;

/// <summary>A JSON value whose texts are read one by one, and written anew where one of them is masked.</summary>
internal sealed class ScreenedJson(Screening screening, string field)
{
    /// <summary>Names that say nothing of what they hold: what stands above them does.</summary>
    private static readonly string[] Plain = ["value", "content", "text", "description", "summary"];

    private Dictionary<string, string>? _texts;

    /// <summary>Texts that are not read again.</summary>
    public KnownTexts? Known { get; init; }

    /// <summary>Members of the outermost object that are left alone where they are no more than a text or a number.</summary>
    public IReadOnlyList<string> Kept { get; init; } = [];

    /// <summary>Members of the outermost object that were read already, as JSON.</summary>
    public IReadOnlyDictionary<string, string> Given { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>What is in a list is told from the others by its <c>id</c>, a text or a number, which stays.</summary>
    public bool KeepsIds { get; init; }

    /// <returns>The value with marks in it; null when it stays as it is.</returns>
    public string? Of(JsonElement value, string? name)
    {
        Read(value, name, depth: 0, isItem: false);
        if (_texts is null && Given.Count == 0)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = WireJson.Options.Encoder }))
        {
            Write(writer, value, name, depth: 0, isItem: false);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private void Read(JsonElement value, string? name, int depth, bool isItem)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (IsId(member, isItem))
                    {
                        ReadId(TextOf(member.Value));
                    }
                    else if (!IsGiven(member, depth) && !IsKept(member, depth))
                    {
                        ReadName(member.Name);
                        Read(member.Value, Under(name, member.Name), depth + 1, isItem: false);
                    }
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Read(item, name, depth + 1, isItem: true);
                }

                break;
            case JsonValueKind.String or JsonValueKind.Number:
                ReadText(TextOf(value), name);
                break;
            default:
                break;
        }
    }

    private bool IsGiven(JsonProperty member, int depth) => depth == 0 && Given.ContainsKey(member.Name);

    private bool IsKept(JsonProperty member, int depth) => depth == 0 && Kept.Contains(member.Name) && IsScalar(member.Value);

    private bool IsId(JsonProperty member, bool isItem) => KeepsIds && isItem && member.Name == "id" && IsScalar(member.Value);

    private static bool IsScalar(JsonElement value) => value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array);

    private void ReadId(string id)
    {
        if (Known?.Has("id", id) is not true)
        {
            screening.Id(field, id);
        }
    }

    private void ReadName(string name)
    {
        if (Known?.HasName(name) is not true)
        {
            screening.Name(field, name);
        }
    }

    private void ReadText(string text, string? name)
    {
        if (Known?.Has(name, text) is true)
        {
            return;
        }

        var masked = screening.Text(field, name, text);
        if (!ReferenceEquals(masked, text))
        {
            (_texts ??= new Dictionary<string, string>(StringComparer.Ordinal))[Place(name, text)] = masked;
        }
    }

    private void Write(Utf8JsonWriter writer, JsonElement value, string? name, int depth, bool isItem)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    if (IsGiven(member, depth))
                    {
                        writer.WriteRawValue(Given[member.Name], skipInputValidation: true);
                    }
                    else if (IsId(member, isItem) || IsKept(member, depth))
                    {
                        writer.WriteRawValue(member.Value.GetRawText(), skipInputValidation: true);
                    }
                    else
                    {
                        Write(writer, member.Value, Under(name, member.Name), depth + 1, isItem: false);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item, name, depth + 1, isItem: true);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String or JsonValueKind.Number when _texts is not null && _texts.TryGetValue(Place(name, TextOf(value)), out var masked):
                writer.WriteStringValue(masked);
                break;
            default:
                writer.WriteRawValue(value.GetRawText(), skipInputValidation: true);
                break;
        }
    }

    /// <summary>Under which name what a member holds is read.</summary>
    public static string? Under(string? above, string name) => above is not null && Plain.Contains(name) ? above : name;

    public static string TextOf(JsonElement value) => value.ValueKind is JsonValueKind.String ? value.GetString()! : value.GetRawText();

    /// <summary>The same text may be a secret under one name and none under another.</summary>
    public static string Place(string? name, string text) => $"{name}\0{text}";
}
