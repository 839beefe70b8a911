using System.Text;
using System.Text.Json;

namespace Memoir.Server.Memories;

/// <summary>
/// The words of a key and its value, by which they are recalled: <c>favorite_color</c> with <c>{"value": "blue"}</c> is
/// "favorite color: blue", <c>daughter</c> with <c>{"name": "Emma", "age": 7}</c> is "daughter: name Emma, age 7". Pure.
/// </summary>
internal static class StatementText
{
    /// <summary>Where the words of a value end: the names above a member stand before each, so that little JSON could become much text.</summary>
    public const int Longest = 65_536;

    /// <summary>What a single member is called whose name says nothing.</summary>
    private static readonly string[] Plain = ["value", "content", "text", "description", "summary"];

    /// <returns>Null when there are more than <see cref="Longest"/> characters.</returns>
    public static string? Of(string key, JsonElement value)
    {
        var parts = new Parts();
        var isPlain = value.GetPropertyCount() == 1 && Plain.Contains(value.EnumerateObject().First().Name);
        foreach (var member in value.EnumerateObject())
        {
            Add(parts, isPlain ? "" : Words(member.Name), member.Value);
        }

        var said = parts.All.Count == 0 ? Words(key) : $"{Words(key)}: {string.Join(", ", parts.All)}";
        return parts.IsFull ? null : said;
    }

    private static void Add(Parts parts, string name, JsonElement value)
    {
        parts.Take(name.Length + 1); // Also of members that say nothing.
        if (parts.IsFull)
        {
            return;
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (!parts.IsFull)
                    {
                        Add(parts, $"{name} {Words(member.Name)}".TrimStart(), member.Value);
                    }
                }

                break;
            case JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)):
                var items = value.EnumerateArray().Select(TextOf).Where(text => text.Length > 0).ToList();
                if (items.Count > 0)
                {
                    parts.Add($"{name} {string.Join(" and ", items)}".TrimStart());
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Add(parts, name, item);
                }

                break;
            default:
                if (TextOf(value) is { Length: > 0 } said)
                {
                    parts.Add($"{name} {said}".TrimStart());
                }

                break;
        }
    }

    private static string TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!.Trim(),
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Number => value.GetRawText(),
        _ => "",
    };

    /// <summary><c>favorite_color</c>, <c>favorite-color</c> and <c>favoriteColor</c> are the same words.</summary>
    private static string Words(string name)
    {
        var words = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            var letter = name[i];
            if (letter is '_' or '-' or '.' or ':')
            {
                words.Append(' ');
                continue;
            }

            if (char.IsUpper(letter) && i > 0 && char.IsLower(name[i - 1]) && i + 1 < name.Length && !char.IsUpper(name[i + 1]))
            {
                words.Append(' ').Append(char.ToLowerInvariant(letter));
                continue;
            }

            words.Append(letter);
        }

        return words.ToString().Trim();
    }

    /// <summary>What has been said so far; adds nothing once it is full.</summary>
    private sealed class Parts
    {
        private int _characters;

        public List<string> All { get; } = [];

        public bool IsFull => _characters > Longest;

        public void Take(int characters) => _characters += characters;

        public void Add(string part)
        {
            _characters += part.Length + 2;
            if (!IsFull)
            {
                All.Add(part);
            }
        }
    }
}
