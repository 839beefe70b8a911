using System.Buffers;
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
    public HashSet<string>? Known { get; init; }

    /// <summary>Members of the outermost object that are left alone.</summary>
    public IReadOnlyList<string> Kept { get; init; } = [];

    /// <summary>What is in a list is told from the others by its <c>id</c>, which stays.</summary>
    public bool KeepsIds { get; init; }

    public static HashSet<string> TextsOf(string json)
    {
        var texts = new HashSet<string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
            {
                texts.Add(reader.GetString()!);
            }
            else if (reader.TokenType is JsonTokenType.Number)
            {
                texts.Add(Encoding.UTF8.GetString(reader.ValueSpan));
            }
        }

        return texts;
    }

    /// <returns>The value with marks in it; null when it stays as it is.</returns>
    public string? Of(JsonElement value, string? name)
    {
        Read(value, name, depth: 0);
        if (_texts is null)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = WireJson.Options.Encoder }))
        {
            Write(writer, value, name, depth: 0);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private void Read(JsonElement value, string? name, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (!IsKept(member.Name, depth))
                    {
                        ReadName(member.Name);
                        Read(member.Value, Under(name, member.Name), depth + 1);
                    }
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Read(item, name, depth + 1);
                }

                break;
            case JsonValueKind.String or JsonValueKind.Number:
                ReadText(TextOf(value), name);
                break;
            default:
                break;
        }
    }

    private bool IsKept(string name, int depth) => (depth == 0 && Kept.Contains(name)) || (KeepsIds && name == "id");

    private void ReadName(string name)
    {
        if (Known?.Contains(name) is not true)
        {
            screening.Name(field, name);
        }
    }

    private void ReadText(string text, string? name)
    {
        if (Known?.Contains(text) is true)
        {
            return;
        }

        var masked = screening.Text(field, name, text);
        if (!ReferenceEquals(masked, text))
        {
            (_texts ??= new Dictionary<string, string>(StringComparer.Ordinal))[Place(name, text)] = masked;
        }
    }

    private void Write(Utf8JsonWriter writer, JsonElement value, string? name, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    if (IsKept(member.Name, depth))
                    {
                        writer.WriteRawValue(member.Value.GetRawText(), skipInputValidation: true);
                    }
                    else
                    {
                        Write(writer, member.Value, Under(name, member.Name), depth + 1);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item, name, depth + 1);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String or JsonValueKind.Number when _texts!.TryGetValue(Place(name, TextOf(value)), out var masked):
                writer.WriteStringValue(masked);
                break;
            default:
                writer.WriteRawValue(value.GetRawText(), skipInputValidation: true);
                break;
        }
    }

    private static string? Under(string? above, string name) => above is not null && Plain.Contains(name) ? above : name;

    private static string TextOf(JsonElement value) => value.ValueKind is JsonValueKind.String ? value.GetString()! : value.GetRawText();

    /// <summary>The same text may be a secret under one name and none under another.</summary>
    private static string Place(string? name, string text) => $"{name}\0{text}";
}
